// tributary.roce: counters of RDMA devices and interfaces that are read at this machine.

import { defaultBlock, block, fail, key, optional } from '../config/schema.ts';
import type { AnyBlock, Block } from '../config/schema.ts';
import { printSize } from '../config/size.ts';
import { bool, choice, filePath, float, listOf, mapOf, size, text, uint } from '../config/types.ts';
import { errorText } from '../model/error.ts';
import { isValidLabelName } from '../model/names.ts';
import { compileRegex } from '../relabel/regex.ts';
import { preIntervalsMax } from './capture.ts';
import { fineDuration, lifespan, priorities } from './values-config.ts';
import { thresholdsMax } from './reduction.ts';
import type { CaptureRules, ScheduleRules } from './sampler.ts';

/** Ways to read counters that may be used; files of the drivers' counters are read where none of them gives these. */
export const sourceWords = ['rdma_netlink', 'port_data', 'ethtool_mac', 'rtnetlink', 'ethtool'] as const;
export type SourceWord = (typeof sourceWords)[number];

export interface RoceSettings {
  /** `auto`: where there is something to sample; `true` says that its absence is a problem. */
  readonly enabled: 'auto' | 'true' | 'false';
  /** Where sysfs is mounted. */
  readonly sysfs: string;
  /** On everything that leaves, environment filled in, without empty ones. */
  readonly labels: ReadonlyMap<string, string>;
  readonly devices: {
    /** Anchored patterns of names; all devices where none is named. */
    readonly include: readonly string[];
    readonly exclude: readonly string[];
    /** Anchored patterns of interfaces that are sampled though they have no RDMA. */
    readonly netdevs: readonly string[];
    readonly virtualFunctions: boolean;
  };
  readonly intervalNs: number;
  readonly idleIntervalNs: number;
  /** The preferred one first. */
  readonly sources: readonly SourceWord[];
  readonly tiers: { readonly t1Ns: number; readonly t2Ns: number; readonly t3Ns: number };
  /** Shares of time that readings may take. */
  readonly maxDuty: { readonly firmware: number; readonly software: number };
  /** Milliseconds for which a driver keeps its answers, written to the host; `keep` writes nothing. */
  readonly lifespan: number | 'keep';
  readonly windowNs: number;
  /** Shares of the line rate and counts of intervals. */
  readonly burst: { readonly enter: number; readonly leave: number; readonly mergeGap: number; readonly minIntervals: number };
  /** Shares of the line rate, ascending. */
  readonly thresholds: readonly number[];
  readonly priorities: readonly number[] | 'lossless';
  readonly histogram: { readonly schema: number; readonly maxBuckets: number };
  readonly capture: CaptureRules & {
    /** Counters of a port, at most. */
    readonly signals: number;
    /** Of all ports together; 0: no captures. */
    readonly samplesPerMinute: number;
  };
  readonly schedule: ScheduleRules;
  readonly ringBytes: number;
  readonly nodeExporterNames: boolean;
  readonly output: 'remote_write' | 'metrics';
}

const word = <T extends string>(what: string, words: readonly T[]) => choice(words, (value) => `unknown ${what} ${JSON.stringify(value)}`);
const ms = 1e6;
const second = 1e9;

const pathsKeys = { sysfs: key(filePath, '/sys', 'Where sysfs is mounted: in a container, where the host\'s is.') };
const devicesKeys = {
  include: key(listOf(text), [], 'RDMA devices that are sampled, as anchored patterns; none means all.'),
  exclude: key(listOf(text), [], 'RDMA devices and interfaces that are not sampled.'),
  netdevs: key(listOf(text), [], 'Interfaces that are sampled though they have no RDMA.'),
  virtual_functions: key(bool, false, 'Sample virtual functions, too. Their congestion counters stay at 0 on many devices.'),
};
const tiersKeys = {
  t1: key(fineDuration, 10 * ms, 'Between two readings of events, at least.', { unit: 'duration', limit: '1ms to 1m' }),
  t2: key(fineDuration, 200 * ms, 'Between two readings of a driver\'s statistics by ethtool, at least.', { unit: 'duration', limit: '100ms to 1m' }),
  t3: key(fineDuration, 15 * second, 'Between two readings of everything else.', { unit: 'duration', limit: '1s to 1m' }),
};
const dutyKeys = {
  firmware: key(float, 0.02, 'For counters that the firmware is asked for.', { limit: '0.0001 to 0.5' }),
  software: key(float, 0.05, 'For counters that the kernel keeps.', { limit: '0.0001 to 0.5' }),
};
const dutyBlock = block(dutyKeys, { nullIsDefault: true, check: (at) => (['firmware', 'software'] as const).forEach((name) => inRange(at, name, at.values[name], [0.0001, 0.5], '0.0001 to 0.5')) });
const governorKeys = { max_duty: key(dutyBlock, defaultBlock(dutyKeys), 'Share of the time that the readings of a source may take; above it the source is read more seldom.') };
const burstKeys = {
  enter: key(float, 0.5, 'A burst begins at this share of the line rate.', { limit: '0.01 to 1' }),
  leave: key(float, 0.3, 'It ends below this share.', { limit: 'above 0, below enter' }),
  merge_gap: key(uint, 1, 'Intervals below `leave` that do not end it.', { limit: '0 to 1000' }),
  min: key(uint, 1, 'Intervals that make a burst, at least.', { limit: '1 to 1000' }),
};
const histogramKeys = {
  schema: key(uint, 3, 'Resolution of native histograms: 2^schema buckets an octave.', { limit: '0 to 3' }),
  max_buckets: key(uint, 80, 'Buckets of a native histogram, at most: it is made coarser until it fits.', { limit: '4 to 160' }),
};
const captureKeys = {
  pre: key(fineDuration, 50 * ms, 'Kept from before the event.', { unit: 'duration', limit: `0 to 10s, at most ${preIntervalsMax} times interval` }),
  post: key(fineDuration, 100 * ms, 'Kept from after the last event or the end of the burst.', { unit: 'duration', limit: '0 to 10s' }),
  max: key(fineDuration, 2 * second, 'Longest capture.', { unit: 'duration', limit: 'at least pre, 10ms to 60s' }),
  signals: key(uint, 8, 'Counters of a port that are kept, at most.', { limit: '0 to 64' }),
  budget: key(uint, 20_000, 'Samples a minute, of all ports together; 0 captures nothing.', { limit: '0 to 1000000' }),
};
const schedKeys = {
  policy: key(word('policy', ['auto', 'fifo', 'nice', 'plain'] as const), 'auto', 'How the thread is scheduled; `auto` is `fifo`, else `nice`, else `plain`, and a name begins the chain there.'),
  priority: key(uint, 10, 'Of `fifo`.', { limit: '1 to 99' }),
  cpu: optional(uint, 'The processor that the thread is bound to.', { limit: 'below 1024', defaultText: 'any' }),
};
const compatKeys = { node_exporter_names: key(bool, true, 'Counters that node_exporter knows have its names; without it all have one name, and the driver\'s as a label.') };

export const roceKeys = {
  enabled: key(word('value', ['auto', 'true', 'false'] as const), 'auto', '`auto` samples where there is an RDMA device or a listed interface; `true` calls their absence a problem.'),
  paths: key(block(pathsKeys, { nullIsDefault: true }), defaultBlock(pathsKeys), 'Where things are.'),
  labels: key(mapOf(text), new Map<string, string>(), 'Labels of everything from here; `$NAME` and `${NAME}` are taken from the environment, `$$` is `$`. An empty one is left out.', { defaultText: '`job: roce` and `instance`, the host name, where they are not written' }),
  devices: key(block(devicesKeys, { nullIsDefault: true, check: checkDevices }), defaultBlock(devicesKeys), 'What is sampled.'),
  interval: key(fineDuration, ms, 'Between two readings of traffic. The sampler in TypeScript reads every 10ms at most.', { unit: 'duration', limit: '100us to 1s' }),
  idle_interval: key(fineDuration, 10 * ms, 'The same while a port has been below 1 % of its line for 10s.', { unit: 'duration', limit: 'at least interval, at most 1s' }),
  sources: key(listOf(word('source', sourceWords)), sourceWords, 'Ways to read counters, the preferred one first. What is not named is not used; files of the drivers\' counters are read where `rdma_netlink` gives none.'),
  tiers: key(block(tiersKeys, { nullIsDefault: true, check: checkTiers }), defaultBlock(tiersKeys), 'How often the other counters are read.'),
  governor: key(block(governorKeys, { nullIsDefault: true }), defaultBlock(governorKeys), 'Limits that keep devices usable.'),
  lifespan: key(lifespan, 'keep', 'How long drivers keep their answers. A duration is written to the host at start, which needs rights and is seen by everybody; `keep` writes nothing.', { unit: 'duration', limit: 'keep, or 0 to 10s' }),
  window: key(fineDuration, 15 * second, 'Time that one set of samples tells of; windows are aligned to the clock.', { unit: 'duration', limit: '1s to 1m' }),
  burst: key(block(burstKeys, { nullIsDefault: true, check: checkBurst }), defaultBlock(burstKeys), 'What a burst is.'),
  thresholds: key(listOf(float), [0.5, 0.9, 0.99], 'Shares of the line rate for which the time above is counted.', { limit: `ascending, above 0, at most 1, at most ${thresholdsMax} of them` }),
  priorities: key(priorities, 'lossless', 'Priorities whose pauses are told; `lossless` takes those that the interface does not drop frames of, else 3.'),
  histogram: key(block(histogramKeys, { nullIsDefault: true, check: checkHistogram }), defaultBlock(histogramKeys), 'Native histograms, for destinations with `send_native_histograms`; others get classic buckets.'),
  capture: key(block(captureKeys, { nullIsDefault: true, check: checkCapture }), defaultBlock(captureKeys), 'Full resolution around events and bursts.'),
  sched: key(block(schedKeys, { nullIsDefault: true, check: checkSchedule }), defaultBlock(schedKeys), 'How the native sampler runs.'),
  ring_bytes: key(size, 64 * 1024 ** 2, 'Memory for what waits to be read, at most.', { unit: 'bytes', limit: '1MiB to 1GiB' }),
  compat: key(block(compatKeys, { nullIsDefault: true }), defaultBlock(compatKeys), 'Names.'),
  output: key(word('output', ['remote_write', 'metrics'] as const), 'remote_write', 'Where windows go: the destinations, or `/metrics`, with timestamps, for being scraped.'),
};
export type RoceBlock = Block<typeof roceKeys>;

export const roceBlock = block(roceKeys, { nullIsDefault: true, check: checkRoce });

type Range = readonly [least: number, most: number];

function inRange(at: AnyBlock, name: string, value: number, [least, most]: Range, expected: string): void {
  if (!at.bad.has(name) && !(value >= least && value <= most)) fail(at, name, `${name} is out of range, expected ${expected}`);
}

function checkDevices(at: Block<typeof devicesKeys>): void {
  for (const name of ['include', 'exclude', 'netdevs'] as const) {
    for (const pattern of at.values[name]) {
      try {
        compileRegex(pattern);
      } catch (error) {
        fail(at, name, `${errorText(error)}, expected a regular expression in RE2 syntax`);
      }
    }
  }
}

function checkTiers(at: Block<typeof tiersKeys>): void {
  inRange(at, 't1', at.values.t1, [ms, 60 * second], '1ms to 1m');
  inRange(at, 't2', at.values.t2, [100 * ms, 60 * second], '100ms to 1m');
  inRange(at, 't3', at.values.t3, [second, 60 * second], '1s to 1m');
}

function checkBurst(at: Block<typeof burstKeys>): void {
  const { enter, leave, merge_gap: gap, min } = at.values;
  if (!(enter >= 0.01 && enter <= 1)) fail(at, 'enter', `enter is ${enter}, expected 0.01 to 1`);
  else if (!(leave > 0 && leave < enter)) fail(at, 'leave', `leave is ${leave}, expected above 0 and below enter, ${enter}`);
  inRange(at, 'merge_gap', gap, [0, 1000], '0 to 1000');
  inRange(at, 'min', min, [1, 1000], '1 to 1000');
}

function checkHistogram(at: Block<typeof histogramKeys>): void {
  inRange(at, 'schema', at.values.schema, [0, 3], '0 to 3');
  inRange(at, 'max_buckets', at.values.max_buckets, [4, 160], '4 to 160');
}

function checkCapture(at: Block<typeof captureKeys>): void {
  const { pre, post, max, signals, budget } = at.values;
  inRange(at, 'pre', pre, [0, 10 * second], '0 to 10s');
  inRange(at, 'post', post, [0, 10 * second], '0 to 10s');
  inRange(at, 'max', max, [Math.max(pre, 10 * ms), 60 * second], 'at least pre, 10ms to 60s');
  inRange(at, 'signals', signals, [0, 64], '0 to 64');
  inRange(at, 'budget', budget, [0, 1_000_000], '0 to 1000000');
}

function checkSchedule(at: Block<typeof schedKeys>): void {
  inRange(at, 'priority', at.values.priority, [1, 99], '1 to 99');
  if (at.values.cpu !== undefined) inRange(at, 'cpu', at.values.cpu, [0, 1023], 'below 1024');
}

function checkRoce(at: RoceBlock): void {
  const { values } = at;
  inRange(at, 'interval', values.interval, [0.1 * ms, second], '100us to 1s');
  inRange(at, 'idle_interval', values.idle_interval, [values.interval, second], 'at least interval, at most 1s');
  inRange(at, 'window', values.window, [second, 60 * second], '1s to 1m');
  if (values.lifespan !== 'keep') inRange(at, 'lifespan', values.lifespan, [0, 10_000], 'keep, or 0 to 10s');
  if (values.ring_bytes < 1024 ** 2 || values.ring_bytes > 1024 ** 3) fail(at, 'ring_bytes', `${printSize(values.ring_bytes)} is out of range, expected 1MiB to 1GiB`);
  if (values.sources.some((source, i) => values.sources.indexOf(source) < i)) fail(at, 'sources', 'a source stands there twice, expected each once');
  checkThresholds(at);
  checkKept(at);
  for (const [name, value] of values.labels) {
    if (!isValidLabelName(name, 'utf8') || name.startsWith('__')) fail(at, 'labels', `${JSON.stringify(name)} is not a valid label name here, expected one that does not begin with __`);
    if (/\p{Surrogate}/u.test(value)) fail(at, 'labels', `${JSON.stringify(value)} is not a valid label value, expected UTF-8`);
  }
}

function checkThresholds(at: RoceBlock): void {
  const { thresholds } = at.values;
  const isAscending = thresholds.every((value, i) => value > (thresholds[i - 1] ?? 0) && value <= 1);
  if (thresholds.length > thresholdsMax || !isAscending) fail(at, 'thresholds', `thresholds are ${thresholds.join(', ')}, expected at most ${thresholdsMax}, ascending, above 0, at most 1`);
}

/** What is kept from before an event is a number of intervals, of which there are more the shorter they are. */
function checkKept({ values: { capture, interval } }: RoceBlock): void {
  const { pre } = capture.values;
  const most = preIntervalsMax * interval;
  if (pre > most && pre <= 10 * second && !capture.bad.has('pre')) fail(capture, 'pre', `pre is ${pre / ms}ms, expected at most ${preIntervalsMax} times interval, ${most / ms}ms`);
}

/** `expand` fills in the environment of a label's value. */
export function buildRoce({ values }: RoceBlock, { hostName, expand }: { readonly hostName: string; readonly expand: (value: string, label: string) => string }): RoceSettings {
  const written = [...values.labels].map(([name, value]) => [name, expand(value, name)] as const);
  const labels = new Map([['job', 'roce'], ['instance', hostName], ...written]);
  const { burst, capture, devices, governor, histogram, sched, tiers } = values;
  return {
    enabled: values.enabled,
    sysfs: values.paths.values.sysfs,
    labels: new Map([...labels].filter(([, value]) => value !== '')),
    devices: { include: devices.values.include, exclude: devices.values.exclude, netdevs: devices.values.netdevs, virtualFunctions: devices.values.virtual_functions },
    intervalNs: values.interval,
    idleIntervalNs: values.idle_interval,
    sources: values.sources,
    tiers: { t1Ns: tiers.values.t1, t2Ns: tiers.values.t2, t3Ns: tiers.values.t3 },
    maxDuty: governor.values.max_duty.values,
    lifespan: values.lifespan,
    windowNs: values.window,
    burst: { enter: burst.values.enter, leave: burst.values.leave, mergeGap: burst.values.merge_gap, minIntervals: burst.values.min },
    thresholds: values.thresholds,
    priorities: values.priorities,
    histogram: { schema: histogram.values.schema, maxBuckets: histogram.values.max_buckets },
    capture: { preNs: capture.values.pre, postNs: capture.values.post, maxNs: capture.values.max, signals: capture.values.signals, samplesPerMinute: capture.values.budget },
    schedule: { policy: sched.values.policy, priority: sched.values.priority, cpu: sched.values.cpu },
    ringBytes: values.ring_bytes,
    nodeExporterNames: values.compat.values.node_exporter_names,
    output: values.output,
  };
}
