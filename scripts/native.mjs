// Builds what is written in C++ with the compiler alone: the sampler's addon (`node scripts/native.mjs`, and every `npm run build`) and the programs
// that test its core. Headers come from the running Node's own folder where it has them, else from a package; nothing is downloaded.
// Without a compiler nothing is built and the program reads counters in TypeScript; with `--required` that is a failure, so that no image lacks it unnoticed.
// `--tests <sanitizers>` builds what the tests need of one kind, before they run beside each other and each make the same.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './ensure.mjs';

const require = createRequire(import.meta.url);
const compiler = process.env.CXX ?? 'g++';
const warnings = ['-std=c++17', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Werror', '-pthread'];

/** What the tests build, by sanitizers. */
const testPrograms = { 'address,undefined': ['replay', 'core-test', 'netlink-test'], thread: ['core-test'], '': ['fake-counters'] };
/** For `--tests`, which may run beside each other. */
export const testSanitizers = Object.keys(testPrograms);

/** The sampler asks Linux for counters; elsewhere there is nothing to build. */
export function hasCompiler() {
  return process.platform === 'linux' && spawnSync(compiler, ['--version']).status === 0;
}

/** Whether programs built with `-fsanitize=<names>` run here. */
export function hasSanitizer(names) {
  return hasFlag(`-fsanitize=${names}`);
}

function hasFlag(flag) {
  const to = join(root, '.cache', 'native', `probe-${process.pid}`);
  mkdirSync(dirname(to), { recursive: true });
  const { status } = spawnSync(compiler, ['-x', 'c++', '-', flag, '-o', to], { input: 'int main() { return 0; }' });
  const runs = status === 0 && spawnSync(to).status === 0;
  rmSync(to, { force: true });
  return runs;
}

/**
 * Builds `native/test/<name>.cpp`, and what is named `<name>-*.cpp`, with the core where they use it, which several programs share; what did not change since the
 * last time is left as it is. Returns the program's path. Throws what the compiler says.
 */
export function buildProgram(name, sanitizers) {
  const kind = sanitizers === '' ? 'plain' : sanitizers;
  const to = join(root, '.cache', 'native', `${name}-${kind}`);
  const flags = [...warnings, '-O1', '-g', ...(sanitizers === '' ? [] : [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all'])];
  const own = sourcesIn('test').filter((path) => basename(path) === `${name}.cpp` || basename(path).startsWith(`${name}-`));
  // What includes nothing of ours stands alone.
  const usesCore = own.some((path) => readFileSync(join(root, path), 'utf8').includes('#include "'));
  const core = usesCore ? [buildCore(kind, flags)] : [];
  if (!isNewer(to, ['sampler', 'test'])) compile([...flags, ...core, ...own], to);
  return to;
}

function buildCore(kind, flags) {
  const core = join(root, '.cache', 'native', `core-${kind}.o`);
  // `-r` links the core's files into one that can be linked again.
  if (!isNewer(core, ['sampler'])) compile([...flags, '-r', ...sourcesIn('sampler')], core);
  return core;
}

/** Builds `dist/native/sampler.node`. Returns why it could not, or undefined. */
export function buildAddon() {
  const to = join(root, 'dist', 'native', 'sampler.node');
  if (!hasCompiler()) {
    rmSync(to, { force: true });
    return process.platform === 'linux' ? `no C++ compiler (${compiler})` : 'the sampler is for Linux';
  }
  // The stage of the image that makes the rest of dist/ has none: it runs once for several platforms. The stage `native` runs once for each.
  if (!existsSync(join(root, 'native'))) return 'its sources are not here';
  // A tick goes through half of the files: seen as one they are a tenth quicker.
  const whole = hasFlag('-flto=auto') ? ['-flto=auto'] : [];
  const includes = [nodeHeaders(), require('node-addon-api').include_dir].flatMap((folder) => ['-isystem', folder]);
  try {
    compile([...warnings, '-O2', ...whole, '-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS', '-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL', '-fPIC', '-shared', '-fvisibility=hidden', ...includes, ...sourcesIn('sampler'), ...sourcesIn('binding')], to);
    return undefined;
  } catch (error) {
    rmSync(to, { force: true });
    return error.message;
  }
}

/** Whether it was built after the last change of these folders of `native/`, and of how it is built. */
function isNewer(built, folders) {
  if (!existsSync(built)) return false;
  const { mtimeMs } = statSync(built);
  const paths = folders.map((folder) => join(root, 'native', folder)).flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))]);
  return [fileURLToPath(import.meta.url), ...paths].every((path) => statSync(path).mtimeMs < mtimeMs);
}

function sourcesIn(folder) {
  return readdirSync(join(root, 'native', folder)).filter((name) => name.endsWith('.cpp')).map((name) => join('native', folder, name));
}

function nodeHeaders() {
  const own = join(dirname(process.execPath), '..', 'include', 'node');
  return existsSync(join(own, 'node_api.h')) ? own : require('node-api-headers').include_dir;
}

/** Under another name first: who loads the old file keeps it whole, and half a file is never loaded. */
function compile(args, to) {
  mkdirSync(dirname(to), { recursive: true });
  const unfinished = `${to}.${process.pid}`;
  const begun = new Date();
  const { status, stderr, error } = spawnSync(compiler, [...args, '-o', unfinished], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${compiler}: ${error?.message ?? stderr}`);
  // What is edited meanwhile is newer than this.
  utimesSync(unfinished, begun, begun);
  renameSync(unfinished, to);
}

/** Where a sanitizer cannot be had the tests say so, or do without it. */
function buildForTests(sanitizers) {
  if (!hasCompiler() || (sanitizers !== '' && !hasSanitizer(sanitizers))) return;
  for (const name of testPrograms[sanitizers]) buildProgram(name, sanitizers);
}

function showAddon() {
  const problem = buildAddon();
  console.log(problem === undefined ? 'native sampler: built' : `native sampler: not built, ${problem}`);
  if (problem !== undefined && process.argv.includes('--required')) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--tests');
  if (at < 0) showAddon();
  else buildForTests(process.argv[at + 1]);
}
