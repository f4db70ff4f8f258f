// Brings the real peers of tests, benchmarks and the quickstart: the Debian packages of VictoriaMetrics (with vmagent), Prometheus and the
// node exporter, unpacked below .cache/peers. Nothing is installed, no service is started, no root is needed. Where that cannot be had
// (no apt, no network, other system) the reason is kept beside it and told to whoever asks.
//
// `.cache/peers/peers.json` holds {"binaries": {name: path below .cache/peers}, "reasons": {name: text}}.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lastLine, unpackDebian } from './debian.mjs';
import { root } from './ensure.mjs';

/** Binary name to the package that holds it below usr/bin. */
export const peerPackages = {
  'victoria-metrics': 'victoria-metrics',
  vmagent: 'victoria-metrics',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  'prometheus-node-exporter': 'prometheus-node-exporter',
};

/** Shared libraries that a small system may lack; fetched only when a binary does not start without them. */
const libraryPackages = ['libzstd1'];

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
  const failure = unpackDebian(work, [...new Set(Object.values(peerPackages))]);
  return failure === undefined ? verify(work) : unavailable(failure);
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
  // Without them the trial below says what is missing.
  unpackDebian(work, libraryPackages);
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
