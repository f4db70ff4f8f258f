// `npm run kill`: the kill loop of test/e2e/kill.test.ts with 200 cycles, or as many as `-- --cycles 50` says. Takes some ten minutes.

import { join } from 'node:path';
import { ensure, root, statusOf } from './ensure.mjs';

const at = process.argv.indexOf('--cycles');
const cycles = at < 0 ? 200 : Number(process.argv[at + 1]);
if (!Number.isInteger(cycles) || cycles < 1) {
  console.error('Usage: npm run kill [-- --cycles <count>]');
  process.exit(2);
}

ensure();
process.env.TRIBUTARY_KILLS = String(cycles);
const status = statusOf(join(root, 'node_modules', '.bin', 'vitest'), ['run', '--project', 'full', 'test/e2e/kill.test.ts']);
console.log(JSON.stringify({ kill: 'loop', cycles, passed: status === 0 }));
process.exit(status);
