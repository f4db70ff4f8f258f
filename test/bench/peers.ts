// The whole collector against its rivals: the same pages, the same sink, one contender after another. CPU from process
// accounting. `npm run bench -- peers [workload ...] [--window=40] [--only=tributary]`; without workloads: large, large-k4, small, quiet, churn.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerBinary } from '../support/peers.ts';
import { scrapeConfig } from './support/contender.ts';
import { CADVISOR_SERIES, KUBE_SERIES, servePages } from './support/page-server.ts';
import type { PageServerOptions } from './support/page-server.ts';
import { Helper, endProcess, root, sleepMs, usageOf } from './support/process.ts';
import { serveSink } from './support/sink.ts';

export { servePages, serveSink };

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

interface Workload {
  readonly kube: number;
  readonly cadvisor: number;
  readonly node: number;
  readonly intervalSeconds: number;
  readonly churnPercent: number;
  /** tributary's max_delay. */
  readonly maxDelay: string;
  readonly contenders: readonly Contender[];
}

type Contender = 'tributary' | 'vmagent' | 'prometheus';

/** For profiles: `TRIBUTARY_BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp/prof'`. */
const nodeArguments = (process.env['TRIBUTARY_BENCH_NODE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '');

const all: readonly Contender[] = ['tributary', 'vmagent', 'prometheus'];
const large = { kube: 28, cadvisor: 28, node: 40, intervalSeconds: 10, churnPercent: 0, maxDelay: '1s', contenders: all };

const workloads: Record<string, Workload> = {
  large,
  'large-k4': { ...large, maxDelay: '40s', contenders: ['tributary'] },
  small: { kube: 0, cadvisor: 0, node: 200, intervalSeconds: 1, churnPercent: 0, maxDelay: '1s', contenders: all },
  quiet: { kube: 0, cadvisor: 0, node: 40, intervalSeconds: 10, churnPercent: 0, maxDelay: '1s', contenders: all },
  churn: { ...large, churnPercent: 2, contenders: ['tributary'] },
};

interface Measured {
  readonly samples: number;
  readonly cpuPerMillion: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
  readonly wireBytesPerSample: number;
  readonly requests: number;
  readonly zstdShare: number;
  readonly cpuSeconds: number;
}

interface ServedCount {
  readonly samples: number;
  readonly pages: number;
}

interface SinkCount {
  readonly bytes: number;
  readonly requests: number;
  readonly zstd: number;
}

export async function run(args: readonly string[]): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const windowSeconds = Number(args.find((arg) => arg.startsWith('--window='))?.slice(9) ?? 40);
  const only = args.find((arg) => arg.startsWith('--only='))?.slice(7);
  const names = args.filter((arg) => !arg.startsWith('--'));
  const results = new Map<string, Measured>();
  const table = [row('workload', 'contender', 'CPU s/M', 'to vmagent', 'RSS MB', 'peak MB', 'wire B/sample', 'requests')];
  for (const name of names.length > 0 ? names : Object.keys(workloads)) {
    const workload = workloads[name];
    if (workload === undefined) throw new Error(`unknown workload ${name}, expected one of ${Object.keys(workloads).join(', ')}`);
    for (const contender of workload.contenders) {
      if (only !== undefined && only !== contender) continue;
      const measured = await measure(contender, workload, windowSeconds);
      if (measured === undefined) continue;
      results.set(`${name}/${contender}`, measured);
      console.error(row(name, contender, fixed(measured.cpuPerMillion), '', fixed(measured.rssMb), fixed(measured.peakRssMb), fixed(measured.wireBytesPerSample), String(measured.requests)));
    }
  }
  for (const [key, measured] of results) table.push(tableRow(key, measured, results));
  return { table, figures: figuresOf(results), bars: barsOf(results) };
}

/** One contender on one workload: start, warm up over three scrapes, then the window. */
async function measure(contender: Contender, workload: Workload, windowSeconds: number): Promise<Measured | undefined> {
  const options: PageServerOptions = {
    intervalMs: workload.intervalSeconds * 1000,
    churnPercent: workload.churnPercent,
    distinct: { kube: Math.min(4, workload.kube), cadvisor: Math.min(4, workload.cadvisor), node: Math.min(40, workload.node) },
  };
  const pages = new Helper<ServedCount>('servePages', options);
  const sink = new Helper<SinkCount>('serveSink', {});
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const child = start(contender, workload, folder, await pages.port, await sink.port);
  if (child === undefined) {
    pages.stop();
    sink.stop();
    return undefined;
  }
  try {
    const warmUpSeconds = Math.max(15, workload.intervalSeconds * 3.5) + (workload.maxDelay === '40s' ? 45 : 0);
    await sleepMs(warmUpSeconds * 1000);
    const before = { usage: usageOf(child.pid!), served: await pages.ask(), sink: await sink.ask() };
    await sleepMs(windowSeconds * 1000);
    const after = { usage: usageOf(child.pid!), served: await pages.ask(), sink: await sink.ask() };
    const samples = after.served.samples - before.served.samples;
    const cpuSeconds = after.usage.cpuSeconds - before.usage.cpuSeconds;
    const requests = after.sink.requests - before.sink.requests;
    return {
      samples,
      cpuSeconds,
      cpuPerMillion: cpuSeconds / (samples / 1e6),
      rssMb: after.usage.rssMb,
      peakRssMb: after.usage.peakRssMb,
      wireBytesPerSample: (after.sink.bytes - before.sink.bytes) / samples,
      requests,
      zstdShare: (after.sink.zstd - before.sink.zstd) / Math.max(1, requests),
    };
  } finally {
    await endProcess(child);
    pages.stop();
    sink.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function start(contender: Contender, workload: Workload, folder: string, pagePort: number, sinkPort: number): ChildProcess | undefined {
  const config = join(folder, 'config.yml');
  const url = `http://127.0.0.1:${sinkPort}/api/v1/write`;
  writeFileSync(config, JSON.stringify(configOf(contender, workload, pagePort, url)));
  const log = openSync(join(folder, 'log'), 'w');
  const command = commandOf(contender, config, folder, url);
  if (command === undefined) {
    console.error(`${contender}: not available, left out`);
    return undefined;
  }
  return spawn(command[0]!, command.slice(1), { cwd: folder, stdio: ['ignore', log, log] });
}

function commandOf(contender: Contender, config: string, folder: string, url: string): string[] | undefined {
  const binary = contender === 'tributary' ? process.execPath : peerBinary(contender);
  if (binary === undefined) return undefined;
  switch (contender) {
    case 'tributary':
      return [binary, ...nodeArguments, join(root, 'dist/main.js'), `--config.file=${config}`, `--storage.agent.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'];
    case 'vmagent':
      return [binary, `-promscrape.config=${config}`, `-remoteWrite.url=${url}`, `-remoteWrite.tmpDataPath=${folder}/data`,
        '-httpListenAddr=127.0.0.1:0', '-promscrape.maxScrapeSize=64000000', '-promscrape.disableCompression'];
    case 'prometheus':
      return [binary, '--enable-feature=agent', `--config.file=${config}`, `--storage.agent.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'];
  }
}

function configOf(contender: Contender, workload: Workload, pagePort: number, url: string): object {
  const scrape = scrapeConfig(workload, workload.intervalSeconds, pagePort);
  if (contender === 'vmagent') return scrape;
  const remote = { ...scrape, remote_write: [{ name: 'sink', url }] };
  if (contender === 'prometheus') return remote;
  return { ...remote, tributary: { destinations: { sink: { profile: 'victoriametrics', max_delay: workload.maxDelay } } } };
}

function figuresOf(results: ReadonlyMap<string, Measured>): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [key, measured] of results) {
    const name = key.replace('/', '_').replace('-', '_');
    figures[`${name}_cpu_seconds_per_million`] = measured.cpuPerMillion;
    figures[`${name}_rss_mb`] = measured.rssMb;
    figures[`${name}_peak_rss_mb`] = measured.peakRssMb;
    figures[`${name}_wire_bytes_per_sample`] = measured.wireBytesPerSample;
  }
  return figures;
}

function barsOf(results: ReadonlyMap<string, Measured>): Bar[] {
  const bars: Bar[] = [];
  const bar = (name: string, value: number | undefined, limit: number) => {
    if (value !== undefined && Number.isFinite(value)) bars.push({ name, value, limit, holds: value <= limit });
  };
  const ours = (name: string) => results.get(`${name}/tributary`);
  const toVmagent = (name: string, against: string) => {
    const theirs = results.get(`${against}/vmagent`);
    const mine = ours(name);
    return theirs === undefined || mine === undefined ? undefined : mine.cpuPerMillion / theirs.cpuPerMillion;
  };
  bar('large_cpu_to_vmagent', toVmagent('large', 'large'), 0.45);
  bar('small_cpu_to_vmagent', toVmagent('small', 'small'), 0.9);
  bar('large_rss_mb', ours('large')?.rssMb, 400);
  bar('quiet_rss_mb', ours('quiet')?.rssMb, 130);
  bar('large_wire_bytes_per_sample', ours('large')?.wireBytesPerSample, 16);
  bar('large_k4_wire_bytes_per_sample', ours('large-k4')?.wireBytesPerSample, 6);
  bar('large_k4_cpu_to_vmagent', toVmagent('large-k4', 'large'), 0.225);
  bar('new_series_cpu_microseconds', newSeriesMicroseconds(ours('large'), ours('churn')), 10);
  return bars;
}

/** What a new series costs, its marker included: the CPU above that of the same pages without churn, by new series. */
function newSeriesMicroseconds(steady: Measured | undefined, churn: Measured | undefined): number | undefined {
  if (steady === undefined || churn === undefined) return undefined;
  const newSeries = churn.samples * (workloads['churn']!.churnPercent / 100);
  return ((churn.cpuSeconds - steady.cpuPerMillion * (churn.samples / 1e6)) / newSeries) * 1e6;
}

function tableRow(key: string, measured: Measured, results: ReadonlyMap<string, Measured>): string {
  const [name, contender] = key.split('/') as [string, string];
  const vmagent = results.get(`${name}/vmagent`) ?? results.get(`${name.split('-')[0]}/vmagent`);
  const ratio = vmagent === undefined ? '' : fixed(measured.cpuPerMillion / vmagent.cpuPerMillion);
  const { cpuPerMillion, rssMb, peakRssMb, wireBytesPerSample, requests } = measured;
  return row(name, contender, fixed(cpuPerMillion), ratio, fixed(rssMb), fixed(peakRssMb), fixed(wireBytesPerSample), String(requests));
}

function row(...cells: readonly string[]): string {
  const widths = [10, 11, 9, 11, 9, 9, 14, 9];
  return cells.map((cell, i) => cell.padStart(widths[i] ?? 10)).join(' ');
}

function fixed(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** Series of the large mix, for the documentation. */
export const LARGE_SERIES = 28 * KUBE_SERIES + 28 * CADVISOR_SERIES + 40 * 507;
