import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/io/clock.ts';
import type { Clock } from '../../../src/io/clock.ts';
import { watchConfig } from '../../../src/config/watch.ts';
import type { ConfigWatch } from '../../../src/config/watch.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';

let folder = '';
let watch: ConfigWatch | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'watch-'));
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => path.join(folder, name);

/** Starts a watch; `called(n)` waits until it has called back n times. */
function start(files: readonly string[], clock: Clock = systemClock): { readonly called: (times: number) => Promise<void>; readonly calls: () => number } {
  let calls = 0;
  watch = watchConfig(files, () => void calls++, clock, silentLogger);
  return { called: (times) => expect.poll(() => calls, { timeout: 45_000 }).toBe(times), calls: () => calls };
}

/** A clock whose timers run when the test says so. */
function manualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    after(delayMs, run) {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((one) => one !== timer)) };
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        now = due.at;
        due.run();
      }
      now = end;
    },
  };
}

describe('a watch', () => {
  test('tells a change of a file', async () => {
    writeFileSync(file('a.yml'), '1');
    const { called } = start([file('a.yml')]);
    writeFileSync(file('a.yml'), '2');
    await called(1);
    writeFileSync(file('a.yml'), '3');
    await called(2);
  });

  test('tells each swap of a mounted ConfigMap', async () => {
    for (const version of ['1', '2', '3', '4']) {
      mkdirSync(file(`..${version}`));
      writeFileSync(path.join(file(`..${version}`), 'a.yml'), version);
    }
    symlinkSync('..1', file('..data'));
    symlinkSync('..data/a.yml', file('a.yml'));
    const { called } = start([file('a.yml')]);
    for (const version of ['2', '3', '4']) {
      symlinkSync(`..${version}`, file('..data_tmp'));
      renameSync(file('..data_tmp'), file('..data'));
      await called(Number(version) - 1);
    }
  });

  test('tells a file that vanishes and comes back', async () => {
    writeFileSync(file('a.yml'), '1');
    const { called } = start([file('a.yml')]);
    rmSync(file('a.yml'));
    await called(1);
    writeFileSync(file('a.yml'), '1');
    await called(2);
  });

  test('polls for what no event told, and waits until the content is the same twice', () => {
    const clock = manualClock();
    writeFileSync(file('a.yml'), '1');
    const { calls } = start([file('a.yml')], clock);
    writeFileSync(file('a.yml'), '2');
    clock.advance(29_999);
    expect(calls()).toBe(0);
    clock.advance(1);
    expect(calls()).toBe(0);
    writeFileSync(file('a.yml'), '3');
    clock.advance(250);
    expect(calls()).toBe(0);
    clock.advance(250);
    expect(calls()).toBe(1);
    clock.advance(120_000);
    expect(calls()).toBe(1);
  });

  test('says nothing when the same content is written, nor after it was closed', () => {
    const clock = manualClock();
    writeFileSync(file('a.yml'), '1');
    const { calls } = start([file('a.yml')], clock);
    writeFileSync(file('a.yml'), '1');
    clock.advance(60_000);
    watch?.close();
    writeFileSync(file('a.yml'), '2');
    clock.advance(60_000);
    expect(calls()).toBe(0);
  });

  test('a folder that does not exist yet is found by the poll', () => {
    const clock = manualClock();
    const { calls } = start([file('later/a.yml')], clock);
    mkdirSync(file('later'));
    writeFileSync(file('later/a.yml'), '1');
    clock.advance(31_000);
    expect(calls()).toBe(1);
  });
});
