// Brings the real peers of tests, benchmarks and the quickstart: the Debian packages of VictoriaMetrics (with vmagent), Prometheus and the
// node exporter, unpacked below .cache/peers. Nothing is installed, no service is started, no root is needed. Where that cannot be had
// (no apt, no network, other system) the reason is kept beside it and told to whoever asks.
//
// `.cache/peers/peers.json` holds {"binaries": {name: path below .cache/peers}, "reasons": {name: text}}.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './ensure.mjs';

/** Binary name to the package that holds it below usr/bin. */
export const peerPackages = {
  'victoria-metrics': 'victoria-metrics',
  vmagent: 'victoria-metrics',
  prometheus: 'prometheus',
  'prometheus-node-exporter': 'prometheus-node-exporter',
};

/** Shared libraries that a small system may lack; fetched only when a binary does not start without them. */
const libraryPackages = ['libzstd1'];

/** A download of some 40 MB over a slow line. */
const downloadTimeoutMs = 300_000;

const folder = join(root, '.cache', 'peers');

/** What is there already; empty when nothing was fetched yet. */
export function readPeers() {
  const file = join(folder, 'peers.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { binaries: {}, reasons: {} };
}

/** The absolute path of a peer's binary, undefined when it could not be had. */
export function peerBinary(name) {
  const path = readPeers().binaries[name];
  return path === undefined ? undefined : join(folder, path);
}

/** Fetches what is missing and says what there is: {binaries, reasons} as in peers.json. Never throws. */
export function fetchPeers() {
  const present = readPeers();
  if (Object.keys(peerPackages).every((name) => present.binaries[name] !== undefined)) return present;
  // Built beside its place and renamed, so that two runs at once never see half a folder.
  const work = join(root, '.cache', `peers-${process.pid}`);
  let result;
  try {
    result = fetchInto(work);
    if (Object.keys(result.binaries).length > 0) replaceFolder(work);
  } catch (error) {
    result = unavailable(`the peers could not be unpacked: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return result;
}

function replaceFolder(work) {
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
}

function fetchInto(work) {
  const packages = [...new Set(Object.values(peerPackages))];
  for (const tool of ['apt-get', 'dpkg']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return unavailable(`no ${tool} on this system`);
  }
  mkdirSync(join(work, 'archives'), { recursive: true });
  const failure = download(work, packages);
  if (failure !== undefined) return unavailable(failure);
  unpack(work);
  return verify(work);
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

/** Starts every binary once with its version flag. */
function verify(work) {
  const result = { binaries: {}, reasons: {} };
  for (const name of Object.keys(peerPackages)) {
    const path = join('root', 'usr', 'bin', name);
    const reason = existsSync(join(work, path)) ? trial(join(work, path)) : 'the package does not hold it';
    if (reason === undefined) result.binaries[name] = path;
    else addWithLibraries(work, name, reason, result);
  }
  writeFileSync(join(work, 'peers.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  return result;
}

function trial(binary) {
  const { error, status, stderr } = spawnSync(binary, ['--version'], { encoding: 'utf8', timeout: 30_000 });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : lastLine(stderr) || `--version ended with ${status}`;
}

/** The second attempt: a small script that starts the binary with the libraries of the same distribution beside it. */
function addWithLibraries(work, name, reason, result) {
  const archives = join(work, 'archives');
  mkdirSync(archives, { recursive: true });
  if (download(work, libraryPackages) === undefined) unpack(work);
  const script = `${name}.sh`;
  const library = '"$here/root/usr/lib/$(uname -m)-linux-gnu"';
  const lines = ['#!/bin/sh', 'here=$(dirname "$0")', `LD_LIBRARY_PATH=${library} exec "$here/root/usr/bin/${name}" "$@"`, ''];
  writeFileSync(join(work, script), lines.join('\n'));
  chmodSync(join(work, script), 0o755);
  if (trial(join(work, script)) === undefined) result.binaries[name] = script;
  else result.reasons[name] = `${name} does not start: ${reason}`;
}

function unavailable(reason) {
  return { binaries: {}, reasons: Object.fromEntries(Object.keys(peerPackages).map((name) => [name, reason])) };
}

function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1) ?? '';
}

/** The reasons to say out loud, one line per peer that is missing. */
export function missingPeers(peers) {
  return Object.keys(peerPackages)
    .filter((name) => peers.binaries[name] === undefined)
    .map((name) => `${name}: ${peers.reasons[name] ?? 'not fetched yet, run node scripts/peers.mjs'}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const peers = fetchPeers();
  for (const name of Object.keys(peers.binaries)) console.log(`${name}: ${peerBinary(name)}`);
  for (const line of missingPeers(peers)) console.log(line);
}
