// Keeps the result of a benchmark: test/bench/record/<cpu>/<date>.json, one entry per benchmark and its arguments, the last run of a day wins.
// An entry says what it was measured on: commit, Node version, cores and how busy the machine was.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { root } from './ensure.mjs';

/** More runnable threads per core than this before the run: somebody else was using the machine. */
const BUSY_LOAD_PER_CORE = 0.5;

/** Load of the last minute, to be taken before the benchmark makes its own. */
export function loadBefore() {
  return loadavg()[0] ?? 0;
}

/** Writes the entry and returns the file's path below the repository. */
export function writeRecord({ name, args, figures, bars, load }) {
  const model = cpus()[0]?.model ?? 'unknown';
  const folder = join(root, 'test', 'bench', 'record', model.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''));
  const file = join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
  const record = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const cores = availableParallelism();
  record[[name, ...args].join(' ')] = {
    commit: commit(),
    node: process.version,
    cpu: model,
    cores,
    memory_gib: Math.round(totalmem() / 1024 ** 3),
    load_before: load,
    machine_was_busy: load > BUSY_LOAD_PER_CORE * cores,
    figures: Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Number(value.toPrecision(6))])),
    bars,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`);
  return relative(root, file);
}

/** The commit, with `+` when the sources differ from it. */
function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout?.trim() ?? '';
  const isChanged = git('status', '--porcelain', '--', 'src', 'discovery', 'test/bench') !== '';
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`;
}
