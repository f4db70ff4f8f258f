// A thin link that breaks, again and again: 256 kbit/s, live data needs 60 % of it, five minutes up and three minutes down, four times. How well is the
// link used once it is up, what is sent twice, when is fresh data back, when is the backlog gone, what is lost. Debian's vmagent runs beside it over a link of
// its own. `npm run bench -- link [--compress=4] [--only=tributary] [--cycles=4] [--max-delay=auto] [--proxy]`: times are divided by the compression, bandwidth and load multiplied, so the bytes of
// a phase stay the same; timeouts and pauses of the collectors are not compressed, so a compressed run is the harder one.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerBinary } from '../support/peers.ts';
import { scrapeConfig } from './support/contender.ts';
import { figuresOf, type LinkFigures } from './support/link-figures.ts';
import { serveLinkStorage, type LinkStorageCount, type LinkStorageOptions } from './support/link-storage.ts';
import { openLink, type NetworkLink } from './support/network-link.ts';
import { servePages, type PageServerOptions } from './support/page-server.ts';
import { Helper, endProcess, root, sleepMs } from './support/process.ts';

export { serveLinkStorage, servePages };

/** 256 kbit/s. */
const LINK_BYTES_PER_SECOND = 32_000;
const LIVE_SHARE = 0.6;
const UP_SECONDS = 300;
const DOWN_SECONDS = 180;
const SCRAPE_SECONDS = 15;
/** A node exporter page with its health series. */
const SAMPLES_PER_PAGE = 507 + 5;
/** About what is wanted, so that the link is measured and compression is what it will be. */
const CALIBRATION_TARGETS = 70;
/** After the last link-up, in phases. */
const DRAIN_PHASES_MAX = 4;

interface Plan {
  readonly compress: number;
  readonly cycles: number;
  readonly maxDelay: string;
  readonly wantsProxy: boolean;
  readonly bytesPerSecond: number;
  readonly intervalMs: number;
  readonly upMs: number;
  readonly downMs: number;
}

type Contender = 'tributary' | 'vmagent';

interface Outcome extends LinkFigures {
  readonly kind: string;
  readonly served: number;
  readonly lost: number;
  readonly finallyDrained: boolean;
}

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

export async function run(args: readonly string[] = []): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const plan = planOf(args);
  const only = option(args, 'only');
  const contenders = (['tributary', 'vmagent'] as const).filter((name) => only === undefined || only === name);
  const targets = await calibrate(plan);
  const results = new Map<Contender, Outcome>();
  await Promise.all(contenders.map(async (contender, index) => {
    const outcome = await measure(contender, { plan, targets, index });
    if (outcome === undefined) return;
    results.set(contender, outcome);
    say(rowOf(contender, outcome));
  }));
  const tributary = results.get('tributary');
  return { table: tableOf(results, plan, targets), figures: figuresFor(results, plan, targets), bars: tributary === undefined ? [] : barsOf(tributary) };
}

function option(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

function planOf(args: readonly string[]): Plan {
  const compress = Number(option(args, 'compress') ?? 4);
  return {
    compress,
    cycles: Number(option(args, 'cycles') ?? 4),
    maxDelay: option(args, 'max-delay') ?? '1s',
    wantsProxy: args.includes('--proxy'),
    bytesPerSecond: LINK_BYTES_PER_SECOND * compress,
    intervalMs: (SCRAPE_SECONDS * 1000) / compress,
    upMs: (UP_SECONDS * 1000) / compress,
    downMs: (DOWN_SECONDS * 1000) / compress,
  };
}

const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

/** How many targets make 60 % of the link, from what Tributary sends for some of them over the same link: it compresses harder where the link is thin. */
async function calibrate(plan: Plan): Promise<number> {
  const site = await openSite('tributary', { plan, targets: CALIBRATION_TARGETS, index: 8 });
  try {
    site.link.limit(plan.bytesPerSecond);
    await sleepMs(plan.intervalMs * 8);
    const before = await site.storage.ask();
    await sleepMs(plan.intervalMs * 8);
    const after = await site.storage.ask();
    const bytesPerSample = (after.arrivedBytes - before.arrivedBytes) / (after.pageSamples - before.pageSamples);
    const targets = Math.round((LIVE_SHARE * plan.bytesPerSecond * plan.intervalMs) / 1000 / (bytesPerSample * SAMPLES_PER_PAGE));
    say(`calibrated: ${bytesPerSample.toFixed(2)} bytes per live sample, ${targets} node exporters make ${LIVE_SHARE * 100} % of the link`);
    return targets;
  } finally {
    await site.close();
  }
}

interface SiteOptions {
  readonly plan: Plan;
  readonly targets: number;
  readonly index: number;
}

/** A collector with its pages at one end of a link, the storage at the other. */
interface Site {
  readonly link: NetworkLink;
  readonly pages: Helper<{ samples: number }>;
  readonly storage: Helper<LinkStorageCount>;
  stopCollector(): Promise<void>;
  close(): Promise<void>;
}

async function openSite(contender: Contender, { plan, targets, index }: SiteOptions): Promise<Site> {
  const link = openLink(index, plan.wantsProxy);
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const distinct = { kube: 0, cadvisor: 0, node: targets };
  const pages = new Helper<{ samples: number }>('servePages', { intervalMs: plan.intervalMs, churnPercent: 0, distinct } satisfies PageServerOptions, link.prefix);
  const storage = new Helper<LinkStorageCount>('serveLinkStorage', { host: link.storageHost, intervalMs: plan.intervalMs } satisfies LinkStorageOptions);
  const { host, port } = await link.connect(await storage.port);
  const scrape = scrapeConfig({ kube: 0, cadvisor: 0, node: targets }, 1, await pages.port) as { global: object };
  const interval = `${plan.intervalMs}ms`;
  const common = { ...scrape, global: { ...scrape.global, scrape_interval: interval, scrape_timeout: interval } };
  const child = startCollector(contender, { plan, folder, link, common, url: `http://${host}:${port}/api/v1/write` });
  return {
    link, pages, storage,
    stopCollector: () => endProcess(child),
    async close() {
      await endProcess(child);
      pages.stop();
      storage.stop();
      await link.close();
      if (process.env['TRIBUTARY_BENCH_KEEP'] === undefined) rmSync(folder, { recursive: true, force: true });
      else say(`kept ${folder}`);
    },
  };
}

interface CollectorOptions {
  readonly plan: Plan;
  readonly folder: string;
  readonly link: NetworkLink;
  readonly common: object;
  readonly url: string;
}

function startCollector(contender: Contender, { plan, folder, link, common, url }: CollectorOptions): ChildProcess {
  const file = join(folder, 'config.yml');
  const own = { remote_write: [{ name: 'sink', url }], tributary: { destinations: { sink: { profile: 'victoriametrics', max_delay: plan.maxDelay } } } };
  writeFileSync(file, JSON.stringify(contender === 'tributary' ? { ...common, ...own } : common));
  const log = openSync(join(folder, 'log'), 'w');
  const command = contender === 'tributary'
    ? [process.execPath, join(root, 'dist/main.js'), `--config.file=${file}`, `--storage.agent.path=${folder}/data`, '--web.listen-address=127.0.0.1:9090']
    : [peerBinary('vmagent')!, `-promscrape.config=${file}`, `-remoteWrite.url=${url}`, `-remoteWrite.tmpDataPath=${folder}/data`, '-httpListenAddr=127.0.0.1:0'];
  const [first = '', ...rest] = [...link.prefix, ...(link.prefix.length === 0 ? command.map((part) => part.replace(':9090', ':0')) : command)];
  return spawn(first, rest, { cwd: folder, stdio: ['ignore', log, log] });
}

async function measure(contender: Contender, options: SiteOptions): Promise<Outcome | undefined> {
  if (contender === 'vmagent' && peerBinary('vmagent') === undefined) {
    say('vmagent: not available, left out');
    return undefined;
  }
  const { plan } = options;
  const site = await openSite(contender, options);
  try {
    site.link.limit(plan.bytesPerSecond);
    const up = await cycle(contender, site, plan);
    const { samples: served } = await site.pages.ask({ stop: true });
    const finallyDrained = await waitForAll(site, served, plan);
    up.at(-1)!.toMs = Date.now();
    await site.stopCollector();
    const { requests = [], arrivedBytes, pageSamples } = await site.storage.ask({ report: true });
    const figures = figuresOf({ requests, arrivedBytes, up, bytesPerSecond: plan.bytesPerSecond });
    return { ...figures, kind: site.link.kind, served, lost: served - pageSamples, finallyDrained };
  } finally {
    await site.close();
  }
}

/** Up and down as planned, then up until the backlog is gone. Gives the phases in which the link was up. */
async function cycle(contender: Contender, site: Site, plan: Plan): Promise<{ fromMs: number; toMs: number }[]> {
  const up: { fromMs: number; toMs: number }[] = [];
  const begin = () => up.push({ fromMs: Date.now(), toMs: Infinity });
  // The first scrapes create every series at once; the link is judged after them.
  await sleepMs(plan.intervalMs * 2);
  begin();
  for (let i = 1; i <= plan.cycles; i++) {
    await sleepMs(plan.upMs);
    up.at(-1)!.toMs = Date.now();
    site.link.down();
    await tell(contender, `link down, outage ${i} of ${plan.cycles}`, site);
    await sleepMs(plan.downMs);
    site.link.up();
    begin();
  }
  await sleepMs(plan.upMs);
  for (const endMs = Date.now() + plan.upMs * DRAIN_PHASES_MAX; Date.now() < endMs; ) {
    const { lastBacklogMs } = await site.storage.ask();
    if (Date.now() - lastBacklogMs > plan.intervalMs * 3) break;
    await sleepMs(1000);
  }
  await tell(contender, 'backlog gone or time over', site);
  return up;
}

async function tell(contender: Contender, what: string, { pages, storage }: Site): Promise<void> {
  const [{ samples }, { pageSamples }] = await Promise.all([pages.ask(), storage.ask()]);
  say(`${contender.padEnd(9)} ${what}; ${samples - pageSamples} of ${samples} samples not there`);
}

/** Nothing is scraped any more: what is left comes, or nothing more comes for two minutes of the plan. */
async function waitForAll({ storage }: Site, served: number, plan: Plan): Promise<boolean> {
  const patienceMs = Math.max(30_000, 120_000 / plan.compress);
  let last = { pageSamples: -1, atMs: Date.now() };
  while (Date.now() - last.atMs < patienceMs) {
    const { pageSamples } = await storage.ask();
    if (pageSamples >= served) return true;
    if (pageSamples !== last.pageSamples) last = { pageSamples, atMs: Date.now() };
    await sleepMs(500);
  }
  return false;
}

const seconds = (values: readonly number[]) => values.map((value) => (Number.isFinite(value) ? value.toFixed(1) : 'not')).join(' ');

function tableOf(results: ReadonlyMap<Contender, Outcome>, plan: Plan, targets: number): string[] {
  const kind = [...results.values()][0]?.kind ?? '';
  const lines = [
    `${plan.bytesPerSecond} bytes/s by ${kind}, ${plan.upMs / 1000} s up, ${plan.downMs / 1000} s down, ${plan.cycles} times; ${targets} node exporters every ${plan.intervalMs / 1000} s (compressed ${plan.compress} times)`,
    row(['', 'samples', 'lost', 'carried', 'sent twice', 'twice bytes', 'live load', 'fresh data after (s)', 'drained after (s)']),
  ];
  for (const [contender, outcome] of results) lines.push(rowOf(contender, outcome));
  return lines;
}

function rowOf(contender: Contender, o: Outcome): string {
  const shares = [percent(o.carriedShare), percent(o.twiceShare), o.twiceBytes.toFixed(0), percent(o.liveShare)];
  return row([contender, String(o.served), String(o.lost), ...shares, seconds(o.freshSeconds), seconds(o.drainedSeconds)]);
}

function row(cells: readonly string[]): string {
  const widths = [10, 10, 8, 8, 10, 12, 10, 28, 28];
  return cells.map((cell, i) => cell.padStart(widths[i]!)).join(' ');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function figuresFor(results: ReadonlyMap<Contender, Outcome>, plan: Plan, targets: number): Record<string, number> {
  const figures: Record<string, number> = { compress: plan.compress, targets, bytes_per_second: plan.bytesPerSecond };
  for (const [contender, outcome] of results) {
    // What never happened has no number.
    const put = (name: string, value: number) => void (Number.isFinite(value) && (figures[`${contender}_${name}`] = value));
    put('samples', outcome.served);
    put('lost_samples', outcome.lost);
    put('carried_share', outcome.carriedShare);
    put('sent_twice_share', outcome.twiceShare);
    put('sent_twice_bytes', outcome.twiceBytes);
    put('live_share', outcome.liveShare);
    put('backlog_up_seconds', outcome.backlogUpSeconds);
    outcome.freshSeconds.forEach((value, i) => put(`fresh_seconds_${i + 1}`, value));
    outcome.drainedSeconds.forEach((value, i) => put(`drained_seconds_${i + 1}`, value));
  }
  return figures;
}

function barsOf(outcome: Outcome): Bar[] {
  const { carriedShare, twiceShare, lost } = outcome;
  return [
    { name: 'acknowledged by what the link could carry', value: carriedShare, limit: 0.9, holds: carriedShare >= 0.9 },
    { name: 'sent twice', value: twiceShare, limit: 0.05, holds: twiceShare < 0.05 },
    { name: 'samples lost', value: lost, limit: 0, holds: lost === 0 },
  ];
}

