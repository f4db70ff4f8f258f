// The real peers as processes: each on a free port of its own, with its data in a temporary folder.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peerBinary, type PeerName } from '../../support/peers.ts';
import { freePort } from '../../support/ports.ts';
import { run, temporaryFolder, until, type Running } from './process.ts';

export interface Peer extends Running {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Where its data lies. */
  readonly folder: string;
}

/** Of a peer that ended: started with it, another one goes on in its place. */
export type PeerPlace = Pick<Peer, 'address' | 'folder'>;

async function startPeer(name: PeerName, argumentsFor: (place: PeerPlace) => readonly string[], readyPath: string, before?: PeerPlace): Promise<Peer> {
  const binary = peerBinary(name);
  if (binary === undefined) throw new Error(`${name} is missing`);
  const place = { address: before?.address ?? `127.0.0.1:${await freePort()}`, folder: before?.folder ?? temporaryFolder() };
  const { address } = place;
  const running = run(binary, argumentsFor(place));
  await until(async () => (await fetch(`http://${address}${readyPath}`)).ok, { what: () => `${name} on ${address}: ${running.output().slice(-2000)}` });
  return { ...running, ...place };
}

export function startVictoriaMetrics(before?: PeerPlace): Promise<Peer> {
  return startPeer('victoria-metrics', ({ address, folder }) => [`-httpListenAddr=${address}`, `-storageDataPath=${folder}`, '-retentionPeriod=1y', '-search.latencyOffset=1ms'], '/health', before);
}

export function startNodeExporter(): Promise<Peer> {
  return startPeer('prometheus-node-exporter', ({ address }) => [`--web.listen-address=${address}`], '/metrics');
}

/** It scrapes what `yaml` says, and pushes with these flags. */
export function startVmagent(yaml: string, ...flags: readonly string[]): Promise<Peer> {
  return startPeer('vmagent', ({ address, folder }) => {
    const file = join(folder, 'scrape.yml');
    writeFileSync(file, yaml);
    return [`-httpListenAddr=${address}`, `-promscrape.config=${file}`, `-remoteWrite.tmpDataPath=${join(folder, 'data')}`, ...flags];
  }, '/health');
}

export function startPrometheus(yaml: string, mode: 'agent' | 'server', before?: PeerPlace): Promise<Peer> {
  return startPeer('prometheus', ({ address, folder }) => {
    const file = join(folder, 'prometheus.yml');
    writeFileSync(file, yaml);
    const ofMode = mode === 'agent' ? ['--enable-feature=agent', `--storage.agent.path=${join(folder, 'data')}`] : [`--storage.tsdb.path=${join(folder, 'data')}`, '--web.enable-remote-write-receiver'];
    return [`--config.file=${file}`, `--web.listen-address=${address}`, ...ofMode];
  }, '/-/ready', before);
}
