// Bundles src/main.ts into dist/: ES modules for Node 20, dependencies left outside. The version, the commit and the date become a constant
// that src/cli/build-info.ts reads.

import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './ensure.mjs';
import { buildAddon } from './native.mjs';

const dist = join(root, 'dist');

const result = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  splitting: true,
  sourcemap: true,
  metafile: true,
  define: { TRIBUTARY_BUILD: JSON.stringify(buildInfo()) },
  logLevel: 'warning',
});

removeStale(new Set(Object.keys(result.metafile.outputs)));
chmodSync(join(dist, 'main.js'), 0o755);
const problem = buildAddon();
if (problem !== undefined) console.log(`The native sampler was not built, counters are read in TypeScript: ${problem}`);

function buildInfo() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    version,
    revision: git('rev-parse', 'HEAD'),
    branch: git('rev-parse', '--abbrev-ref', 'HEAD'),
    buildDate: new Date().toISOString(),
  };
}

/** Empty outside a repository: a source archive builds as well. */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

/** Chunks of earlier builds have other names and would stay for ever. */
function removeStale(outputs) {
  for (const name of readdirSync(dist)) if (name !== 'native' && !outputs.has(`dist/${name}`)) rmSync(join(dist, name), { recursive: true });
}
