// `npm run bench -- kubernetes [--pods=5000,50000] [--settle=30] [--no-watch-list] [--no-jobs]`: what Kubernetes discovery costs. A job with annotated
// pods that keeps 5 % of them, on clusters of realistic pods (13.8 KB each as JSON): growth of memory over the same process without discovery, longest
// stall of the event loop, and the time from the change of a pod to its target at 100 changes a second; the client library's informer beside it, and
// what a thousand jobs over the same pods cost. Server and subject are processes of their own. Without watch-list the lists come in pages.

import type { ClusterReport, ClusterServerOptions } from './support/kube-server.ts';
import type { SubjectOptions, SubjectReport } from './support/kube-subject.ts';
import { Helper, sleepMs } from './support/process.ts';

// Each process loads only what is its own.
export const serveCluster = async (options: ClusterServerOptions) => (await import('./support/kube-server.ts')).serveCluster(options);
export const serveSubject = async (options: SubjectOptions) => (await import('./support/kube-subject.ts')).serveSubject(options);

const SMALL = 5000;
const LARGE = 50_000;
/** The informer does not get further: the list does not fit into a string. */
const INFORMER_PODS_MAX = SMALL;
const CHANGES = { perSecond: 100, seconds: 20 };
const PATIENCE_MS = 300_000;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

interface Row {
  readonly what: SubjectOptions['what'];
  readonly pods: number;
  readonly targets: number;
  readonly syncSeconds: number;
  readonly cpuSeconds: number;
  /** Over the process without discovery. */
  readonly peakMb: number;
  readonly settledMb: number;
  readonly longestTurnMs: number;
  readonly longestWorkMs: number;
  /** undefined where changes were not measured. */
  readonly delay99Ms: number | undefined;
}

export async function run(args: readonly string[] = []): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const sizes = (option(args, 'pods') ?? `${SMALL},${LARGE}`).split(',').map(Number);
  const settleMs = Number(option(args, 'settle') ?? 30) * 1000;
  const baseline = await measureBaseline(settleMs);
  const rows: Row[] = [];
  const watchList = !args.includes('--no-watch-list');
  for (const pods of sizes) rows.push(...(await measureCluster({ seed: 1, pods, watchList }, baseline, settleMs)));
  const jobs = args.includes('--no-jobs') ? { table: [], figures: {}, bars: [] } : await (await import('./kubernetes-jobs.ts')).measureJobs();
  return {
    table: [`without discovery: ${baseline.toFixed(0)} MB`, ...tableOf(rows), '', ...jobs.table],
    figures: { baseline_rss_mb: round(baseline), ...Object.fromEntries(rows.flatMap(figuresOf)), ...jobs.figures },
    bars: [...rows.flatMap(barsOf), ...jobs.bars],
  };
}

function option(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
}

/** RSS in MB. */
async function measureBaseline(settleMs: number): Promise<number> {
  const subject = new Helper<SubjectReport>('serveSubject', { what: 'nothing', url: '' } satisfies SubjectOptions);
  await subject.port;
  await sleepMs(settleMs);
  const { rssMb } = await subject.ask();
  subject.stop();
  return rssMb;
}

async function measureCluster(options: ClusterServerOptions, baseline: number, settleMs: number): Promise<Row[]> {
  const { pods } = options;
  console.error(`making ${pods} pods`);
  const cluster = new Helper<ClusterReport>('serveCluster', options);
  const url = `http://127.0.0.1:${await cluster.port}`;
  const kinds: SubjectOptions['what'][] = pods <= INFORMER_PODS_MAX ? ['tributary', 'informer'] : ['tributary'];
  const rows: Row[] = [];
  for (const what of kinds) rows.push(await measure({ what, url }, { pods, cluster, baseline, settleMs }));
  cluster.stop();
  return rows;
}

interface Circumstances {
  readonly pods: number;
  readonly cluster: Helper<ClusterReport>;
  readonly baseline: number;
  readonly settleMs: number;
}

async function measure(options: SubjectOptions, { pods, cluster, baseline, settleMs }: Circumstances): Promise<Row> {
  const fromMs = performance.now();
  const subject = new Helper<SubjectReport>('serveSubject', options);
  await subject.port;
  const synced = await waitForAll(subject, pods);
  const syncSeconds = (performance.now() - fromMs) / 1000;
  await sleepMs(settleMs);
  const settled = await subject.ask();
  const delays = options.what === 'tributary' ? await measureDelays(subject, cluster) : undefined;
  subject.stop();
  return {
    what: options.what, pods, targets: settled.targets, syncSeconds, cpuSeconds: synced.cpuSeconds, peakMb: settled.peakRssMb - baseline, settledMb: settled.rssMb - baseline,
    longestTurnMs: Math.max(synced.longestTurnMs, settled.longestTurnMs), longestWorkMs: Math.max(synced.longestWorkMs, settled.longestWorkMs), delay99Ms: delays,
  };
}

/** The report when all is there, with the longest stalls of all reports before it. */
async function waitForAll(subject: Helper<SubjectReport>, pods: number): Promise<SubjectReport> {
  let [longestTurnMs, longestWorkMs] = [0, 0];
  for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; ) {
    const report = await subject.ask();
    longestTurnMs = Math.max(longestTurnMs, report.longestTurnMs);
    longestWorkMs = Math.max(longestWorkMs, report.longestWorkMs);
    if (report.objects >= pods) return { ...report, longestTurnMs, longestWorkMs };
    await sleepMs(100);
  }
  throw new Error(`the list of ${pods} pods was not there after ${PATIENCE_MS / 1000} s`);
}

/** The 99th percentile, in milliseconds. */
async function measureDelays(subject: Helper<SubjectReport>, cluster: Helper<ClusterReport>): Promise<number> {
  const { changed } = await cluster.ask({ changes: CHANGES });
  await sleepMs(2000);
  const { delaysMs } = await subject.ask();
  // Two containers of a pod give one target, and changes within one step of the manager give the last one.
  if (delaysMs.length < changed / 2) throw new Error(`${delaysMs.length} targets of ${changed} changes`);
  return delaysMs.toSorted((a, b) => a - b)[Math.floor(delaysMs.length * 0.99)]!;
}

const round = (value: number) => Math.round(value * 10) / 10;

function tableOf(rows: readonly Row[]): string[] {
  const head = ['', 'pods', 'targets', 'synced s', 'CPU s', 'peak MB', 'settled MB', 'stall ms', 'of its own', 'event p99 ms'];
  return [head, ...rows.map(cellsOf)].map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(10) : cell.padStart(12))).join(''));
}

function cellsOf(row: Row): string[] {
  const numbers = [row.pods, row.targets, row.syncSeconds, row.cpuSeconds, row.peakMb, row.settledMb, row.longestTurnMs, row.longestWorkMs].map((value) => String(round(value)));
  return [row.what, ...numbers, row.delay99Ms === undefined ? '' : row.delay99Ms.toFixed(0)];
}

function figuresOf({ what, pods, ...row }: Row): [string, number][] {
  const name = `${what}_${pods}`;
  const figures: [string, number | undefined][] = [
    ['peak_growth_mb', row.peakMb], ['settled_growth_mb', row.settledMb], ['sync_seconds', row.syncSeconds], ['cpu_seconds', row.cpuSeconds],
    ['longest_stall_ms', row.longestTurnMs], ['longest_own_stall_ms', row.longestWorkMs], ['event_p99_ms', row.delay99Ms], ['targets', row.targets],
  ];
  return figures.flatMap(([figure, value]) => (value === undefined ? [] : [[`${name}_${figure}`, round(value)]]));
}

function barsOf(row: Row): Bar[] {
  if (row.what !== 'tributary') return [];
  const bar = (name: string, value: number, limit: number): Bar => ({ name: `${row.pods} pods: ${name}`, value: round(value), limit, holds: value <= limit });
  const memory = row.pods === SMALL ? [bar('peak growth, MB', row.peakMb, 110), bar('settled growth, MB', row.settledMb, 50)] : [];
  const large = row.pods === LARGE ? [bar('settled growth, MB', row.settledMb, 180)] : [];
  return [...memory, ...large, bar('event loop stall, ms', row.longestWorkMs, 100), bar('event to target, p99 ms', row.delay99Ms ?? Number.POSITIVE_INFINITY, 1000)];
}
