// Makes one TypeScript file of the repository runnable by plain Node: bundled into .cache/, dependencies left outside.

import { join } from 'node:path';
import { root } from './ensure.mjs';

/** Bundles `entry` (a path below the root) and returns the absolute path of the module. */
export async function bundle(entry, name) {
  // Loaded late: this file is imported before the dependencies may be installed.
  const { build } = await import('esbuild');
  // Two folders below the root, as test/bench and test/support are: what these find beside themselves, they find from here too.
  const outdir = join(root, '.cache', 'bundles');
  await build({
    absWorkingDir: root,
    entryPoints: [{ in: entry, out: name }],
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${name}-[hash]`,
    bundle: true,
    // What is loaded late in the program is loaded late here, or its packages would weigh in every measurement.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
  return join(outdir, `${name}.mjs`);
}
