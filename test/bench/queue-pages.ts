// What realistic pages take on disk: bytes per sample of whole segments, images and ledger included, and beside it what vmagent's
// persisted queue takes for the same pages while its receiver is down. Images are written once per segment, so only full segments count.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SamplesInput } from '../../src/queue/queue.ts';
import { initZstd } from '../../src/wire/zstd.ts';
import { peerBinary } from '../support/peers.ts';
import { atMost, openAt } from './queue-disk.ts';
import type { Measured } from './queue-disk.ts';
import { folderBytes, scrapeConfig } from './support/contender.ts';
import { catchRecords, largeMix, nodeMix, openInside, readPages } from './support/inside.ts';
import type { Mix } from './support/inside.ts';
import type { PageServerOptions } from './support/page-server.ts';
import { Helper, endProcess, sleepMs } from './support/process.ts';

const INTERVAL_MS = 10_000;
/** Full segments that count; the ledger is small beside one already. */
const SEGMENTS = 2;
/** Different pages of a kind on the large mix. Targets compress each on its own, so this changes the time a run takes and no byte. */
const LARGE_DISTINCT = 4;

/** Scrapes of a real node exporter, a second apart. */
const REAL_SCRAPES = 8;

export interface VmagentCase {
  readonly mix: Mix;
  /** Different pages of a kind. */
  readonly distinct: number;
  /** Seconds between two scrapes, and how long it runs. */
  readonly vmagent: { readonly intervalSeconds: number; readonly runSeconds: number };
}

interface Case extends VmagentCase {
  readonly name: string;
  readonly bytesMax: number;
}

const cases: readonly Case[] = [
  { name: 'large mix', mix: largeMix, distinct: LARGE_DISTINCT, bytesMax: 2, vmagent: { intervalSeconds: 10, runSeconds: 45 } },
  { name: 'node exporters', mix: nodeMix, distinct: 200, bytesMax: 4, vmagent: { intervalSeconds: 1, runSeconds: 30 } },
];

export async function measurePages(): Promise<Measured> {
  await initZstd();
  const figures: Record<string, number> = {};
  const bars = [];
  for (const one of cases) {
    const prefix = one.name.replace(' ', '_');
    const { bytesPerSample, ...rest } = await fillSegments(one);
    figures[`${prefix}_bytes_per_sample`] = bytesPerSample;
    for (const [name, value] of Object.entries(rest)) figures[`${prefix}_${name}`] = value;
    bars.push(atMost(`${one.name}: bytes on disk per sample`, bytesPerSample, one.bytesMax));
    const theirs = await vmagentBytesPerSample(one);
    if (theirs !== undefined) figures[`${prefix}_vmagent_bytes_per_sample`] = theirs;
  }
  Object.assign(figures, await realNodeExporter());
  return { figures, bars };
}

/** Scrapes until `SEGMENTS` segments are full. */
async function fillSegments({ mix, distinct }: Case): Promise<Record<string, number> & { bytesPerSample: number }> {
  const path = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  try {
    const queue = await openAt(path);
    const stream = queue.stream('a', { maxBytes: 100 * 1024 ** 3 });
    const inside = openInside(mix, distinct, stream);
    // What was on disk when a segment ended, to the precision of one page.
    let full = { segments: 0, bytes: 0, samples: 0 };
    const look = async () => {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      const { segments, diskBytes, counters } = stream.state();
      if (segments - 1 > full.segments) full = { segments: segments - 1, bytes: diskBytes, samples: counters.appended };
    };
    const started = process.cpuUsage();
    let scrapes = 0;
    while (full.segments < SEGMENTS) await inside.scrape(1_760_000_000_000 + INTERVAL_MS * scrapes++, look);
    const cpu = process.cpuUsage(started);
    const { appended } = stream.state().counters;
    await queue.close();
    const ledgerBytes = folderBytes(join(path, 'ledger'));
    return {
      bytesPerSample: full.bytes / full.samples + ledgerBytes / appended,
      ledger_bytes_per_sample: ledgerBytes / appended,
      scrapes,
      scrapes_per_segment: full.samples / inside.samplesPerScrape / full.segments,
      full_segments: full.segments,
      targets: inside.targets,
      distinct_pages: inside.distinctPages,
      page_to_disk_cpu_seconds_per_million: (cpu.user + cpu.system) / appended,
    };
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/**
 * vmagent with a receiver that refuses connections; when it ends it writes what it still holds in memory to its queue. Without staleness markers:
 * it would add one for every series at its end, which nobody served.
 */
export async function vmagentBytesPerSample({ mix, distinct, vmagent }: VmagentCase): Promise<number | undefined> {
  const binary = peerBinary('vmagent');
  if (binary === undefined) return undefined;
  const options: PageServerOptions = {
    intervalMs: vmagent.intervalSeconds * 1000,
    churnPercent: 0,
    distinct: { kube: Math.min(mix.kube, distinct), cadvisor: Math.min(mix.cadvisor, distinct), node: Math.min(mix.node, distinct) },
  };
  const pages = new Helper<{ samples: number }>('servePages', options);
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  try {
    const config = join(folder, 'config.yml');
    writeFileSync(config, JSON.stringify(scrapeConfig(mix, vmagent.intervalSeconds, await pages.port)));
    const child = spawn(binary, [
      `-promscrape.config=${config}`, `-remoteWrite.url=http://127.0.0.1:${await closedPort()}/api/v1/write`, `-remoteWrite.tmpDataPath=${folder}/data`,
      '-httpListenAddr=127.0.0.1:0', '-promscrape.maxScrapeSize=64000000', '-promscrape.disableCompression', '-promscrape.noStaleMarkers',
    ], { stdio: 'ignore' });
    await sleepMs(vmagent.runSeconds * 1000);
    const { samples } = await pages.ask();
    await endProcess(child);
    return folderBytes(join(folder, 'data')) / samples;
  } finally {
    pages.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Columns and image of Debian's node exporter on this machine, to hold the synthetic page against. */
async function realNodeExporter(): Promise<Record<string, number>> {
  const binary = peerBinary('prometheus-node-exporter');
  if (binary === undefined) return {};
  const address = `127.0.0.1:${await closedPort()}`;
  const child = spawn(binary, [`--web.listen-address=${address}`], { stdio: 'ignore' });
  try {
    const bodies: Buffer[] = [];
    for (let i = 0; i < REAL_SCRAPES; i++) {
      await sleepMs(1000);
      bodies.push(Buffer.from(await (await fetch(`http://${address}/metrics`)).arrayBuffer()));
    }
    const records: SamplesInput[] = [];
    readPages(bodies, catchRecords((record) => void records.push(record)));
    const sum = (of: (record: SamplesInput) => number) => records.reduce((total, record) => total + of(record), 0);
    const { runs } = records.at(-1)!.image;
    return {
      real_node_exporter_series: records.at(-1)!.samples,
      real_node_exporter_column_bytes_per_sample: sum((record) => record.column.length) / sum((record) => record.samples),
      real_node_exporter_image_bytes_per_series: runs.reduce((total, run) => total + run.data.length, 0) / records.at(-1)!.positions,
    };
  } finally {
    await endProcess(child);
  }
}

/** A port that nobody listens on: it was free a moment ago. */
function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
