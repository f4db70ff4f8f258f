// What `npm run bench -- roce` measures, as processes of their own that may run in a network namespace: a sampler, native or in TypeScript, and what one would write without it,
// setInterval with fs.promises. Each says what it did since it was asked last.

import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { systemClock } from '../../../src/io/clock.ts';
import { Durations } from '../../../src/roce/durations.ts';
import { linkFields } from '../../../src/roce/link-fields.ts';
import { LoopSampler } from '../../../src/roce/loop-sampler.ts';
import { createNativeSampler, loadNativeSampler } from '../../../src/roce/native-sampler.ts';
import type { BurstRow, WindowRow } from '../../../src/roce/reduction.ts';
import type { CaptureRules, Channel, CounterPlace, Sampler, SamplerFigures, SamplerPlan, SourceRules } from '../../../src/roce/sampler.ts';
import { samplerPriority } from './roce-rig.ts';
import { channelOf, planOf, steadySource } from '../../support/sampler-plan.ts';

export interface SubjectOptions {
  readonly kind: 'native' | 'typescript' | 'promises';
  /** `link`: one request of rtnetlink for all interfaces; `file`: a file for each counter. */
  readonly place: 'link' | 'file';
  readonly links: readonly string[];
  /** Of the fields of these, in their order. */
  readonly counters: number;
  readonly periodMs: number;
  readonly windowMs: number;
  /** Bytes per second. */
  readonly lineRate: number;
  /** What is asked of the scheduler. */
  readonly policy: 'auto' | 'plain';
  /** As the program has it by default for devices: captures around bursts and events, a limit on the time that readings take, and refreshes that are found out. */
  readonly isWhole: boolean;
}

/** Rows of counters of bytes alone; everything else since the start. */
export interface SubjectReport {
  readonly figures: SamplerFigures;
  readonly bursts: readonly BurstRow[];
  readonly windows: readonly WindowRow[];
  readonly captured: number;
  /** Of the whole process, and of the sampler's threads alone as the kernel counts it. */
  readonly cpuSeconds: number;
  readonly threadSeconds: number;
  /** Of the monotonic clock, when the figures were taken. */
  readonly atNs: number;
}

const drainMs = 100;
const captureRules: CaptureRules = { preNs: 50e6, postNs: 100e6, maxNs: 2e9 };
const source = 'links';

/** The counters in the order of channels. */
export function subjectCounters({ links, counters }: Pick<SubjectOptions, 'links' | 'counters'>): { link: string; field: string }[] {
  return links.flatMap((link) => linkFields.map((field) => ({ link, field }))).slice(0, counters);
}

export function isTraffic(field: string): boolean {
  return field === 'rx_bytes' || field === 'tx_bytes';
}

/** Runs until the parent goes, and answers every message with a `SubjectReport`. */
export function serveSubject(options: SubjectOptions): void {
  // A busy machine shall not delay the answers of a process whose thread has a priority of its own.
  if (options.kind === 'native' && options.policy === 'auto' && process.getuid?.() === 0) setPriority(-20);
  const take = options.kind === 'promises' ? servePromises(options) : serveSampler(options);
  process.on('message', () => process.send!(take()));
  process.on('disconnect', () => process.exit(0));
  process.send!({ port: 0 });
}

function serveSampler(options: SubjectOptions): () => SubjectReport {
  const sampler = samplerOf(options);
  const traffic = new Set(subjectCounters(options).flatMap(({ field }, channel) => (isTraffic(field) ? [channel] : [])));
  let bursts: BurstRow[] = [];
  let windows: WindowRow[] = [];
  let captured = 0;
  const drain = () => {
    const rows = sampler.drain();
    bursts.push(...rows.bursts);
    windows.push(...rows.windows.filter(({ channel }) => traffic.has(channel)));
    captured += rows.captures.length;
  };
  const before = new Set(threads());
  sampler.start();
  const own = threads().filter((thread) => !before.has(thread));
  setInterval(drain, drainMs);
  return () => {
    drain();
    const report = { figures: sampler.figures(), bursts, windows, captured, cpuSeconds: cpuSeconds(), threadSeconds: threadSeconds(own), atNs: nowNs() };
    [bursts, windows] = [[], []];
    return report;
  };
}

function samplerOf(options: SubjectOptions): Sampler {
  const plan = subjectPlan(options);
  if (options.kind === 'typescript') return new LoopSampler(plan, systemClock);
  const native = loadNativeSampler();
  if ('reason' in native) throw new Error(native.reason);
  return createNativeSampler(native.addon, plan);
}

function subjectPlan(options: SubjectOptions): SamplerPlan {
  const channels = subjectCounters(options).map(({ link, field }) => channel(options, link, field));
  const { periodMs, windowMs } = options;
  const periodNs = periodMs * 1e6;
  const rules: SourceRules = steadySource(source, periodNs, options.isWhole ? { maxDuty: 0.05 } : {});
  const capture = options.isWhole ? captureRules : undefined;
  return planOf(channels, { periodNs, windowNs: windowMs * 1e6, sources: [rules], capture, schedule: { policy: options.policy, priority: samplerPriority, cpu: undefined } });
}

function channel(options: SubjectOptions, link: string, field: string): Channel {
  const isBytes = isTraffic(field);
  const place: CounterPlace = options.place === 'file' ? { kind: 'file', path: counterPath(link, field) } : { kind: 'link', link, field: linkFields.indexOf(field) };
  const rules = { bits: 64, saturates: false, multiplier: 1, lineRate: isBytes ? options.lineRate : 0, refreshNs: options.isWhole ? 'learn' as const : 0 };
  return channelOf(source, place, { rules, port: options.links.indexOf(link), isEvent: options.isWhole && field.endsWith('_dropped'), isCaptured: options.isWhole && isBytes });
}

function counterPath(link: string, field: string): string {
  return `/sys/class/net/${link}/statistics/${field}`;
}

/** All files at once in each turn, as they come; a turn that takes longer than the period delays the next. */
function servePromises(options: SubjectOptions): () => SubjectReport {
  const paths = subjectCounters(options).map(({ link, field }) => counterPath(link, field));
  const lateness = new Durations();
  let deadlineMs = performance.now();
  let missed = 0;
  let isReading = false;
  const turn = async () => {
    if (isReading) return;
    deadlineMs += options.periodMs;
    const lateMs = Math.max(0, performance.now() - deadlineMs);
    const passed = Math.floor(lateMs / options.periodMs);
    lateness.add(lateMs * 1e6);
    missed += passed;
    deadlineMs += passed * options.periodMs;
    isReading = true;
    await Promise.all(paths.map(async (path) => Number(await readFile(path, 'latin1'))));
    isReading = false;
  };
  setInterval(() => void turn(), options.periodMs);
  return () => ({ figures: promiseFigures(lateness, missed), bursts: [], windows: [], captured: 0, cpuSeconds: cpuSeconds(), threadSeconds: 0, atNs: nowNs() });
}

function promiseFigures(lateness: Durations, missed: number): SamplerFigures {
  return {
    policy: 'loop', ticks: lateness.count, missed, cpuSeconds: cpuSeconds(),
    latenessP50Ns: lateness.quantile(0.5), latenessP99Ns: lateness.quantile(0.99), latenessMaxNs: lateness.maxNs,
    latenessBuckets: lateness.buckets, latenessSumNs: lateness.sumNs, sources: [],
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Of this process, by the kernel's numbers. */
function threads(): string[] {
  return readdirSync('/proc/self/task');
}

/** Exact to the last sleep: `schedstat` begins with the nanoseconds on a processor. */
function threadSeconds(own: readonly string[]): number {
  return own.reduce((sum, thread) => sum + Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0);
}

function nowNs(): number {
  return Number(process.hrtime.bigint());
}
