// What a counter costs by each way to read it, on moving counters: counters a second for each second of processor time, everything of the process included.

import { peerBinary } from '../../support/peers.ts';
import { Helper, sleepMs } from './process.ts';
import type { ExporterOptions, ExporterReport } from './roce-exporter.ts';
import { measureSubject } from './roce-measure.ts';
import { startDrizzle, type Rig } from './roce-rig.ts';
import { median, percent, row, say, type Section } from './roce-section.ts';
import type { SubjectOptions } from './roce-subject.ts';

export interface PeersOptions {
  readonly windowSeconds: number;
  readonly repeats: number;
}

interface Cost {
  readonly countersPerSecond: number;
  readonly share: number;
}

interface Contender {
  readonly name: string;
  readonly figure: string;
  readonly periodMs: number;
  measure(rig: Rig, seconds: number): Promise<Cost>;
}

const warmUpMs = 2000;
const scrapeMs = 1000;
const common = { windowMs: 15_000, lineRate: 1.25e8, policy: 'auto', isWhole: false } as const;

const contenders: readonly Contender[] = [
  subject('sampler, rtnetlink', 'link', { ...common, kind: 'native', place: 'link', counters: 450, periodMs: 1 }),
  subject('sampler, 64 files', 'file', { ...common, kind: 'native', place: 'file', counters: 64, periodMs: 1 }),
  subject('in TypeScript, 64 files', 'typescript', { ...common, kind: 'typescript', place: 'file', counters: 64, periodMs: 10 }),
  subject('setInterval, fs.promises', 'promises', { ...common, kind: 'promises', place: 'file', counters: 64, periodMs: 1 }),
  exporter('node exporter, netdev alone', 'exporter_netdev', ['--collector.disable-defaults', '--collector.netdev']),
  exporter('node exporter', 'exporter', []),
];

export async function peersSection(rig: Rig, { windowSeconds, repeats }: PeersOptions): Promise<Section> {
  const hasExporter = peerBinary('prometheus-node-exporter') !== undefined;
  const present = contenders.filter(({ figure }) => hasExporter || !figure.startsWith('exporter'));
  const costs = new Map<Contender, Cost[]>(present.map((contender) => [contender, []]));
  for (let turn = 0; turn < repeats; turn++) {
    for (const contender of present) costs.get(contender)?.push(await contender.measure(rig, windowSeconds));
    say(`peers: turn ${turn + 1} of ${repeats}`);
  }
  const results = [...costs].map(([contender, own]) => ({ contender, cost: medianOf(own) }));
  const best = results[0]?.cost;
  return {
    table: [
      `everything of the process, the median of ${repeats} windows of ${windowSeconds} s`,
      row(['', 'every', 'counters/s', 'of a core', 'counters/s per CPU s', 'sampler is cheaper'], widths),
      ...results.map(({ contender, cost }) => rowOf(contender, cost, best)),
      ...(hasExporter ? [] : ['node exporter: not run, not fetched (node scripts/peers.mjs)']),
    ],
    figures: Object.assign({}, ...results.map(({ contender: { figure }, cost }) => ({ [`peers_${figure}_counters_per_cpu_second`]: perCpuSecond(cost), [`peers_${figure}_share`]: cost.share }))),
    bars: [],
  };
}

function subject(name: string, figure: string, options: Omit<SubjectOptions, 'links'>): Contender {
  const measure = async (rig: Rig, seconds: number) => {
    const { countersPerSecond, processShare } = await measureSubject(rig, { ...options, links: rig.links }, seconds);
    return { countersPerSecond, share: processShare };
  };
  return { name, figure, periodMs: options.periodMs, measure };
}

function exporter(name: string, figure: string, args: readonly string[]): Contender {
  return { name, figure, periodMs: scrapeMs, measure: (rig, seconds) => measureExporter(rig, args, seconds) };
}

async function measureExporter(rig: Rig, args: readonly string[], seconds: number): Promise<Cost> {
  const binary = peerBinary('prometheus-node-exporter') ?? '';
  const drizzle = startDrizzle(rig, seconds + (2 * warmUpMs) / 1000);
  const options: ExporterOptions = { binary, args, periodMs: scrapeMs };
  const helper = new Helper<ExporterReport>('serveExporter', options, rig.prefix);
  await helper.port;
  try {
    await sleepMs(warmUpMs);
    const before = await helper.ask();
    await sleepMs(seconds * 1000);
    const after = await helper.ask();
    const elapsed = (after.atNs - before.atNs) / 1e9;
    return { countersPerSecond: (after.samples - before.samples) / elapsed, share: (after.cpuSeconds - before.cpuSeconds) / elapsed };
  } finally {
    helper.stop();
    await drizzle.stop();
  }
}

function medianOf(costs: readonly Cost[]): Cost {
  return { countersPerSecond: median(costs.map(({ countersPerSecond }) => countersPerSecond)), share: median(costs.map(({ share }) => share)) };
}

function perCpuSecond({ countersPerSecond, share }: Cost): number {
  return countersPerSecond / share;
}

const widths = [28, 8, 12, 10, 21, 19];

function rowOf({ name, periodMs }: Contender, cost: Cost, best: Cost | undefined): string {
  const times = best === undefined ? '' : `${(perCpuSecond(best) / perCpuSecond(cost)).toFixed(1)} times`;
  return row([name, `${periodMs} ms`, cost.countersPerSecond.toFixed(0), percent(cost.share), perCpuSecond(cost).toFixed(0), times], widths);
}
