// The whole collector beside vmagent, splitting the same pages fourteen ways: here by owners, there by a relabel configuration for every URL, as its manual says. Both run at the same
// time on the same pages, so that whatever else the machine does meets both, and are measured over the same windows; CPU from process accounting, the median
// window counts. Debian's vmagent sends snappy alone, ours zstd: that is part of the figures. A part of `npm run bench -- route`.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerBinary } from '../support/peers.ts';
import { scrapeConfig } from './support/contender.ts';
import type { PageServerOptions } from './support/page-server.ts';
import { Helper, endProcess, root, sleepMs, usageOf } from './support/process.ts';

/** Namespaces of the pages are team-0-production to team-59-production. */
const NAMESPACES = 60;
const MIX = { kube: 2, cadvisor: 4, node: 6 };
const INTERVAL_SECONDS = 5;
/** First scrapes, first bodies, compiled code. */
const WARM_UP_SECONDS = 25;
const WINDOW_SECONDS = 20;
const WINDOWS = 5;

const contenders = ['tributary', 'vmagent'] as const;
type Contender = (typeof contenders)[number];

export type PeersFigures = Readonly<Record<
  | 'whole_process_cpu_us_per_sample' | 'vmagent_cpu_us_per_sample' | 'whole_process_to_vmagent_cpu'
  | 'whole_process_wire_bytes_per_sample' | 'vmagent_wire_bytes_per_sample' | 'whole_process_to_vmagent_wire' | 'whole_process_rss_mb' | 'vmagent_rss_mb', number
>>;

interface Count {
  readonly samples: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

/** Per window. */
interface Cost {
  readonly cpuMicros: number;
  readonly wireBytes: number;
}

interface Running {
  readonly child: ChildProcess;
  readonly pages: Helper<{ readonly samples: number }>;
  readonly sink: Helper<{ readonly bytes: number; readonly receivers: number }>;
  readonly folder: string;
}

/** Undefined where vmagent is not there. The bundle has to export `servePages` and `serveSink`. */
export async function measurePeers(owners: number): Promise<PeersFigures | undefined> {
  if (peerBinary('vmagent') === undefined) return undefined;
  const running = await Promise.all(contenders.map((contender) => start(contender, owners)));
  try {
    await sleepMs(WARM_UP_SECONDS * 1000);
    const costs: Cost[][] = [];
    let before = await Promise.all(running.map(count));
    for (let i = 0; i < WINDOWS; i++) {
      await sleepMs(WINDOW_SECONDS * 1000);
      const after = await Promise.all(running.map(count));
      costs.push(after.map((one, at) => costOf(before[at]!, one)));
      before = after;
    }
    for (const { sink } of running) {
      const { receivers } = await sink.ask();
      if (receivers !== owners) throw new Error(`${receivers} receivers got something, expected ${owners}`);
    }
    return figuresOf(costs, running.map(({ child }) => usageOf(child.pid!).rssMb));
  } finally {
    await Promise.all(running.map(stop));
  }
}

async function count({ child, pages, sink }: Running): Promise<Count> {
  const [{ samples }, { bytes }] = await Promise.all([pages.ask(), sink.ask()]);
  return { samples, bytes, cpuSeconds: usageOf(child.pid!).cpuSeconds };
}

function costOf(before: Count, after: Count): Cost {
  const samples = after.samples - before.samples;
  return { cpuMicros: ((after.cpuSeconds - before.cpuSeconds) / samples) * 1e6, wireBytes: (after.bytes - before.bytes) / samples };
}

function figuresOf(costs: readonly (readonly Cost[])[], [oursMb = NaN, theirsMb = NaN]: readonly number[]): PeersFigures {
  const of = (pick: (ours: Cost, theirs: Cost) => number) => median(costs.map(([ours, theirs]) => pick(ours!, theirs!)));
  return {
    whole_process_cpu_us_per_sample: of((ours) => ours.cpuMicros),
    vmagent_cpu_us_per_sample: of((_, theirs) => theirs.cpuMicros),
    whole_process_to_vmagent_cpu: of((ours, theirs) => ours.cpuMicros / theirs.cpuMicros),
    whole_process_wire_bytes_per_sample: of((ours) => ours.wireBytes),
    vmagent_wire_bytes_per_sample: of((_, theirs) => theirs.wireBytes),
    whole_process_to_vmagent_wire: of((ours, theirs) => ours.wireBytes / theirs.wireBytes),
    whole_process_rss_mb: oursMb,
    vmagent_rss_mb: theirsMb,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

async function start(contender: Contender, owners: number): Promise<Running> {
  const options: PageServerOptions = { intervalMs: INTERVAL_SECONDS * 1000, churnPercent: 0, distinct: MIX };
  const pages: Running['pages'] = new Helper('servePages', options);
  const sink: Running['sink'] = new Helper('serveSink', {});
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const log = openSync(join(folder, 'log'), 'w');
  const [pagePort, sinkPort] = await Promise.all([pages.port, sink.port]);
  const setup = { folder, scrape: scrapeConfig(MIX, INTERVAL_SECONDS, pagePort), urls: Array.from({ length: owners }, (_, i) => `http://127.0.0.1:${sinkPort}/o${i}/api/v1/write`) };
  const [command = '', ...args] = contender === 'vmagent' ? vmagent(setup) : tributary(setup);
  return { child: spawn(command, args, { cwd: folder, stdio: ['ignore', log, log] }), pages, sink, folder };
}

async function stop({ child, pages, sink, folder }: Running): Promise<void> {
  await endProcess(child);
  pages.stop();
  sink.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Setup {
  readonly folder: string;
  readonly scrape: object;
  /** One per owner. */
  readonly urls: readonly string[];
}

/** Namespaces of an owner as a pattern; the first owner has the series without one as well. */
function namespacesOf(owner: number, owners: number): string {
  const numbers = Array.from({ length: NAMESPACES }, (_, i) => i).filter((i) => i % owners === owner);
  return `team-(?:${numbers.join('|')})-production${owner === 0 ? '|' : ''}`;
}

function writeJson(folder: string, name: string, content: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function tributary({ folder, scrape, urls }: Setup): string[] {
  const config = {
    ...scrape,
    remote_write: urls.map((url, i) => ({ name: `o${i}`, url })),
    tributary: {
      destinations: Object.fromEntries(urls.map((_, i) => [`o${i}`, { owner: `o${i}`, profile: 'victoriametrics' }])),
      routing: {
        owner: { rules: urls.map((_, i) => ({ match: [`{namespace=~"${namespacesOf(i, urls.length)}"}`], owner: `o${i}` })) },
        routes: [{ to: ['owner'] }],
      },
    },
  };
  return [process.execPath, join(root, 'dist/main.js'), `--config.file=${writeJson(folder, 'config.yml', config)}`, `--storage.agent.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'];
}

function vmagent({ folder, scrape, urls }: Setup): string[] {
  const rules = (i: number) => [{ source_labels: ['namespace'], regex: namespacesOf(i, urls.length), action: 'keep' }];
  return [
    peerBinary('vmagent')!, `-promscrape.config=${writeJson(folder, 'config.yml', scrape)}`, `-remoteWrite.tmpDataPath=${folder}/data`, '-httpListenAddr=127.0.0.1:0',
    '-promscrape.maxScrapeSize=64000000', '-promscrape.disableCompression',
    ...urls.flatMap((url, i) => [`-remoteWrite.url=${url}`, `-remoteWrite.urlRelabelConfig=${writeJson(folder, `relabel-${i}.yml`, rules(i))}`]),
  ];
}
