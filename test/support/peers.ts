// The real peers for tests and benchmarks: binaries that scripts/peers.mjs unpacked from Debian packages below .cache/peers. A suite asks
// for what it needs and is skipped, visibly, where that is missing.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type PeerName = 'victoria-metrics' | 'vmagent' | 'prometheus' | 'promtool' | 'prometheus-node-exporter';

interface PeersFile {
  readonly binaries: Partial<Record<PeerName, string>>;
  readonly reasons: Partial<Record<PeerName, string>>;
}

const folder = join(import.meta.dirname, '..', '..', '.cache', 'peers');

/** The absolute path of the binary, undefined where it could not be had. */
export function peerBinary(name: PeerName): string | undefined {
  const path = readPeers().binaries[name];
  return path === undefined ? undefined : join(folder, path);
}

/** Undefined when all are there, else one sentence saying which are missing and why. */
export function missingPeers(...names: readonly PeerName[]): string | undefined {
  const { binaries, reasons } = readPeers();
  const missing = names.filter((name) => binaries[name] === undefined);
  if (missing.length === 0) return undefined;
  return missing.map((name) => reasons[name] ?? `${name} was not fetched (node scripts/peers.mjs)`).join('; ');
}

function readPeers(): PeersFile {
  const file = join(folder, 'peers.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PeersFile) : { binaries: {}, reasons: {} };
}
