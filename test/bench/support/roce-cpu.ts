// What sampling costs: the threads of the sampler at work on moving counters, side by side with a loop that wakes up as often and does nothing, and with one that has the kernel tell of all
// interfaces and reads nothing of it. Each is measured in turn, again and again, so that whatever else the machine does meets all of them.

import { measureSubject, type Stretch } from './roce-measure.ts';
import { startDrizzle, startEmptyLoop, startPlainLoop, type Canary, type Rig } from './roce-rig.ts';
import type { SubjectOptions } from './roce-subject.ts';
import { sleepMs } from './process.ts';
import { atMost, median, most, percent, row, say, type Section } from './roce-section.ts';

export interface CpuOptions {
  readonly windowSeconds: number;
  readonly repeats: number;
  readonly lineRate: number;
  /** The figures that alone are wanted; undefined: all. */
  readonly loads: readonly string[] | undefined;
}

interface Load {
  readonly name: string;
  readonly figure: string;
  readonly periodMs: number;
  readonly counters: number;
  /** `nothing` and `question`: a loop that is no sampler. */
  readonly place: 'link' | 'file' | 'nothing' | 'question';
  readonly isWhole: boolean;
  /** Nothing moves meanwhile. */
  readonly isResting?: boolean;
  /** Share of a core, at most. */
  readonly limit?: number;
}

interface Sample {
  readonly threadShare: number;
  readonly processShare: number;
  readonly readP50Ns: number;
  readonly readP99Ns: number;
  readonly ticksPerSecond: number;
}

const link = { place: 'link', counters: 450, isWhole: false } as const;
const file = { place: 'file', isWhole: false } as const;
const nothing = { name: 'nothing', place: 'nothing', counters: 0, isWhole: false } as const;
const question = { name: 'a question, no answer read', place: 'question', counters: 0, isWhole: false } as const;
const loads: readonly Load[] = [
  { ...nothing, figure: 'empty_1ms', periodMs: 1 },
  { ...question, figure: 'question_1ms', periodMs: 1 },
  { ...link, name: 'rtnetlink', figure: 'link_450_1ms', periodMs: 1, limit: 0.035 },
  { ...link, name: 'rtnetlink, at rest', figure: 'rest_450_1ms', periodMs: 1, isResting: true },
  { ...link, name: 'rtnetlink, with captures', figure: 'whole_450_1ms', periodMs: 1, isWhole: true },
  { ...file, name: 'files', figure: 'file_64_1ms', periodMs: 1, counters: 64 },
  { ...file, name: 'files', figure: 'file_256_1ms', periodMs: 1, counters: 256 },
  { ...nothing, figure: 'empty_10ms', periodMs: 10 },
  { ...question, figure: 'question_10ms', periodMs: 10 },
  { ...link, name: 'rtnetlink', figure: 'link_450_10ms', periodMs: 10, limit: 0.007 },
  { ...link, name: 'rtnetlink, at rest', figure: 'rest_450_10ms', periodMs: 10, isResting: true },
  { ...file, name: 'files', figure: 'file_64_10ms', periodMs: 10, counters: 64 },
];

export async function cpuSection(rig: Rig, options: CpuOptions): Promise<Section> {
  const wanted = loads.filter(({ figure }) => options.loads?.includes(figure) ?? true);
  const samples = new Map<Load, Sample[]>(wanted.map((load) => [load, []]));
  for (let turn = 0; turn < options.repeats; turn++) {
    for (const load of wanted) samples.get(load)?.push(await measure(rig, load, options));
    say(`cpu: turn ${turn + 1} of ${options.repeats}`);
  }
  const results = wanted.map((load) => ({ load, samples: samples.get(load) ?? [] }));
  return {
    table: [
      `share of a core, the median of ${options.repeats} windows of ${options.windowSeconds} s; every counter is reduced; the counters of ${rig.senders.length} pairs of interfaces move every millisecond, but where they rest`,
      row(['read', 'counters', 'every', 'thread', 'most', 'process', 'read p50', 'p99', 'ticks/s'], widths),
      ...results.map(({ load, samples: own }) => rowOf(load, own)),
    ],
    figures: Object.assign({}, ...results.map(({ load, samples: own }) => figuresOf(load, own))),
    bars: results.flatMap(({ load, samples: own }) =>
      load.limit === undefined ? [] : [atMost(`share of a core, ${load.counters} counters every ${load.periodMs} ms`, median(own.map(({ threadShare }) => threadShare)), load.limit)]),
  };
}

async function measure(rig: Rig, load: Load, { windowSeconds, lineRate }: CpuOptions): Promise<Sample> {
  const { place, counters, periodMs, isWhole, isResting = false } = load;
  if (place === 'nothing') return measureLoop(rig, () => startEmptyLoop(periodMs), windowSeconds);
  if (place === 'question') return measureLoop(rig, () => startPlainLoop(rig, periodMs), windowSeconds);
  const options: SubjectOptions = { kind: 'native', place, counters, periodMs, policy: 'auto', isWhole, links: rig.links, windowMs: 15_000, lineRate };
  return sampleOf(await measureSubject(rig, options, windowSeconds, { isResting }));
}

function sampleOf({ threadShare, processShare, ticks, seconds, report }: Stretch): Sample {
  const [source] = report.figures.sources;
  return { threadShare, processShare, readP50Ns: source?.readP50Ns ?? NaN, readP99Ns: source?.readP99Ns ?? NaN, ticksPerSecond: ticks / seconds };
}

async function measureLoop(rig: Rig, start: () => Promise<Canary>, seconds: number): Promise<Sample> {
  const drizzle = startDrizzle(rig, seconds + 1);
  const loop = await start();
  await sleepMs(seconds * 1000);
  const [cost] = (await loop.finish()).loops;
  await drizzle.stop();
  const share = cost?.cpuShare ?? NaN;
  return { threadShare: share, processShare: share, readP50Ns: 0, readP99Ns: 0, ticksPerSecond: (cost?.ticks ?? NaN) / seconds };
}

const widths = [26, 8, 6, 8, 8, 8, 9, 9, 8];

function rowOf({ name, counters, periodMs }: Load, samples: readonly Sample[]): string {
  const of = (number: (sample: Sample) => number) => samples.map(number);
  const micros = (ns: number) => (counters === 0 ? '' : `${(ns / 1000).toFixed(1)} us`);
  return row([
    name, String(counters), `${periodMs} ms`, percent(median(of(({ threadShare }) => threadShare))), percent(most(of(({ threadShare }) => threadShare))),
    percent(median(of(({ processShare }) => processShare))), micros(median(of(({ readP50Ns }) => readP50Ns))), micros(median(of(({ readP99Ns }) => readP99Ns))),
    median(of(({ ticksPerSecond }) => ticksPerSecond)).toFixed(0),
  ], widths);
}

function figuresOf({ figure }: Load, samples: readonly Sample[]): Record<string, number> {
  return {
    [`cpu_${figure}_thread_share`]: median(samples.map(({ threadShare }) => threadShare)),
    [`cpu_${figure}_process_share`]: median(samples.map(({ processShare }) => processShare)),
    [`cpu_${figure}_read_p50_us`]: median(samples.map(({ readP50Ns }) => readP50Ns)) / 1000,
    [`cpu_${figure}_read_p99_us`]: median(samples.map(({ readP99Ns }) => readP99Ns)) / 1000,
  };
}
