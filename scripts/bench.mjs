// `npm run bench -- <name> [arguments]`: measures one path. test/bench/<name>.ts exports `run(args)`, which measures and returns
// {table: lines for people, figures: {name: number}, bars: [{name, value, limit, holds}]}. Prints the table, then one line of JSON for
// programs. Exit code 1 when a bar does not hold. `--record` keeps the figures, see record.mjs.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';
import { ensure, root } from './ensure.mjs';
import { loadBefore, writeRecord } from './record.mjs';

const isRecorded = process.argv.includes('--record');
const [name, ...args] = process.argv.slice(2).filter((arg) => arg !== '--record');
const folder = join(root, 'test', 'bench');

if (name === undefined || !existsSync(join(folder, `${name}.ts`))) {
  const names = readdirSync(folder).filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));
  console.error(`Usage: npm run bench -- <name> [arguments]\nnames: ${names.join(', ')}\n--record keeps the result below test/bench/record`);
  process.exit(2);
}

ensure();
const load = loadBefore();
const { run } = await import(pathToFileURL(await bundle(`test/bench/${name}.ts`, `bench-${name}`)).href);
const { table = [], figures, bars = [] } = await run(args);
for (const line of table) console.log(line);
console.log(JSON.stringify({ bench: name, figures, bars }));
if (isRecorded) console.error(`recorded in ${writeRecord({ name, args, figures, bars, load })}`);
// A benchmark may leave servers open; its figures are complete.
process.exit(bars.every((bar) => bar.holds) ? 0 : 1);
