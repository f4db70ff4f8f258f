// Debian packages without installing them: `apt-get download` and `dpkg -x` into a folder of ours. No root, no service, nothing outside
// that folder is touched.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './ensure.mjs';

/** A download of some 40 MB over a slow line. */
const downloadTimeoutMs = 300_000;

/** Brings the packages and unpacks them below `work`/root. Undefined when that went well, else why not. */
export function unpackDebian(work, packages) {
  for (const tool of ['apt-get', 'dpkg']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `no ${tool} on this system`;
  }
  mkdirSync(join(work, 'archives'), { recursive: true });
  const failure = download(work, packages);
  if (failure === undefined) unpack(work);
  return failure;
}

/** Undefined when all archives are there, else why not. */
function download(work, packages) {
  const archives = join(work, 'archives');
  const plain = apt(archives, ['download', ...packages]);
  if (plain.status === 0) return undefined;
  // The package lists are missing or stale. Only root may refresh the system's; everyone else keeps lists of their own.
  const options = process.getuid?.() === 0 ? [] : privateAptOptions(join(root, '.cache', 'apt'));
  const update = apt(archives, [...options, 'update']);
  const again = apt(archives, [...options, 'download', ...packages]);
  if (again.status === 0) return undefined;
  return `apt-get download failed: ${lastLine(again.stderr) || lastLine(update.stderr) || lastLine(plain.stderr) || 'no answer in time'}`;
}

function privateAptOptions(place) {
  for (const path of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(place, path), { recursive: true });
  const settings = {
    'Dir::State': join(place, 'state'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(place, 'cache'),
    'Debug::NoLocking': '1',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

function apt(cwd, args) {
  return spawnSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=', ...args], { cwd, encoding: 'utf8', timeout: downloadTimeoutMs });
}

function unpack(work) {
  const archives = join(work, 'archives');
  for (const name of readdirSync(archives)) {
    if (!name.endsWith('.deb')) continue;
    const { status, stderr } = spawnSync('dpkg', ['-x', join(archives, name), join(work, 'root')], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`dpkg -x ${name}: ${lastLine(stderr)}`);
  }
  rmSync(archives, { recursive: true });
}

/** The last line that holds anything: where programs say what went wrong. */
export function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1) ?? '';
}
