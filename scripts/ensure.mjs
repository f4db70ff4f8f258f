// What every command needs before it can start: the dependencies as the lock file names them, and a build that is not older than the
// sources. Plain JavaScript without dependencies, because it runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const minimumNode = [20, 19];

/** Ends the process with a plain sentence when Node is too old. */
export function ensureNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > minimumNode[0] || (major === minimumNode[0] && minor >= minimumNode[1])) return;
  console.error(`Tributary needs Node.js ${minimumNode.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** `npm ci` when node_modules is missing or older than the lock file. Install scripts stay off: no dependency needs one. */
export function ensureInstalled() {
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(marker) && modifiedMs(marker) >= modifiedMs(join(root, 'package-lock.json'))) return;
  console.log('Installing dependencies ...');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  // npm may keep the times of an unpacked tree; the marker says when the last install ended.
  if (existsSync(marker)) utimesSync(marker, new Date(), new Date());
}

/** Builds when dist is missing or older than anything it is made from. */
export function ensureBuilt() {
  const built = join(root, 'dist', 'main.js');
  const sources = ['src', 'discovery', 'native', 'scripts/build.mjs', 'scripts/native.mjs', 'package.json'].map((path) => join(root, path));
  if (existsSync(built) && modifiedMs(built) >= Math.max(...sources.map(newestMs))) return;
  console.log('Building ...');
  run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
}

/** Node, dependencies and build, in this order. */
export function ensure() {
  ensureNode();
  ensureInstalled();
  ensureBuilt();
}

/** Runs a command in the repository, its output visible; ends this process when it fails. */
export function run(command, args) {
  const status = statusOf(command, args);
  if (status !== 0) process.exit(status);
}

/** Runs a command in the repository, its output visible, and returns its exit code. */
export function statusOf(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (error !== undefined) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

function modifiedMs(path) {
  return statSync(path).mtimeMs;
}

function newestMs(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stats.mtimeMs);
}
