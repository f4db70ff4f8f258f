// `npm start`: the collector, from a fresh clone on. Installs and builds what is missing. With arguments it is the plain collector
// (`npm start -- --config.file=...`), without them the quickstart. The collector runs in this process, so that signals reach it.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensure, root } from './ensure.mjs';

ensure();
const program = join(root, 'dist', 'main.js');
let args = process.argv.slice(2);

if (args.length === 0) {
  const { prepareQuickstart } = await import('./quickstart.mjs');
  args = await prepareQuickstart();
}

process.argv = [process.argv[0], program, ...args];
await import(pathToFileURL(program).href);
