// The questions of netlink and ethtool against a kernel of the test's own: a program that answers at the other end of socket pairs, as the kernel does, as it
// never should, and with damaged messages; under the address and undefined-behaviour sanitizers where the compiler has them.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { buildProgram, hasCompiler, hasSanitizer } from '../../scripts/native.mjs';

const seed = 20261129;
const rounds = 100_000;
const sanitizers = 'address,undefined';
/** Most of it is the compiler's, which may have to share the machine. */
const timeoutMs = 300_000;

test.runIf(hasCompiler())(`netlink and ethtool are understood, and ${rounds} damaged messages survived (seed ${seed})`, () => {
  const program = buildProgram('netlink-test', hasSanitizer(sanitizers) ? sanitizers : '');
  const { status, stdout, stderr } = spawnSync(program, [String(seed), String(rounds)], { encoding: 'utf8' });
  expect(`${stdout}${stderr}`).toMatch(/\n0 failed\n$/);
  expect(status).toBe(0);
}, timeoutMs);
