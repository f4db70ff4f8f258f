// One seeded run: a world chosen by its seed, an hour or so of weather, faults, crashes and restarts in it, then peace until everything is drained,
// and the verdict. The same seed gives the same run, step by step.

import type { DestinationSettings } from '../../../src/destinations/config.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { defaultQueueSettings, type QueueSettings } from '../../../src/queue/config.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { type OracleOptions, personalities } from '../oracle/oracle.ts';
import type { Faults } from './disk.ts';
import { fairWeather, type Weather } from './network.ts';
import { judge, type RunResult } from './verdict.ts';
import { type CrashMode, type DestinationOptions, type LedgerFate, World } from './world.ts';

const MINUTE_MS = 60_000;
/** After the faults everything has to be delivered within this time. */
const DRAIN_MAX_MS = 4 * 60 * MINUTE_MS;
/** Between two looks at the accounts while it drains. */
const DRAIN_STEP_MS = 10_000;

export const baseSettings: DestinationSettings = {
  name: 'a', url: 'http://a.example/api/v1/write', remoteTimeoutMs: 30_000, protobufMessage: 'prometheus.WriteRequest', writeRelabel: [], sendExemplars: false,
  sendNativeHistograms: false, roundRobinDns: false, http: defaultHttpClientSettings, queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0 },
  metadata: { send: false, sendIntervalMs: 60_000, maxSamplesPerSend: 2000 }, profile: 'generic', endpoints: [], connectionMaxAgeMs: 300_000,
  overflow: 'drop_oldest', priority: 0, maxAgeMs: 0, lanes: 'auto', outOfOrderWindowMs: 0, backfill: { share: 0.05, startJitterMs: 300_000 },
  pace: { schedule: [] }, maxConcurrency: 8, clockGuard: true, maxDelayMs: 1000, maxDelayAuto: false,
};

type Int = (below: number) => number;

interface Plan {
  readonly intervalMs: number;
  readonly durationMs: number;
  readonly targets: readonly { readonly series: number; readonly churn: { readonly series: number; readonly probability: number } }[];
  readonly destinations: readonly DestinationOptions[];
  readonly queue: QueueSettings;
  readonly recentBytesMax: number;
  /** Whether samples may be lost, and for which reasons. */
  readonly mayLose: readonly string[];
  readonly crashes: { readonly share: number; readonly powerLoss: number; readonly ledger: number };
  readonly hasDiskFaults: boolean;
  readonly weather: 'fair' | 'bad' | 'outages';
}

const receivers: readonly (readonly [name: 'victoriametrics' | 'prometheus' | 'mimir' | 'generic', OracleOptions])[] = [
  ['victoriametrics', personalities.victoriametrics],
  ['prometheus', personalities.prometheus],
  ['mimir', personalities.mimir],
  ['generic', { ...personalities.generic, order: personalities.cortex.order, codecs: ['snappy'], messages: ['1.0'] }],
];

function choosePlan(int: Int): Plan {
  const pick = <T>(choices: readonly T[]): T => choices[int(choices.length)]!;
  const intervalMs = pick([5000, 10_000, 15_000, 30_000]);
  const hasSmallQuota = int(6) === 0;
  const hasDiskFaults = int(4) === 0;
  const fsync = pick(['interval', 'interval', 'always', 'none'] as const);
  // Without fsync a power loss may take everything; nothing is promised then.
  const powerLoss = fsync === 'none' ? 0 : int(2) * int(60);
  // The ledger is rebuilt from what the disk has: what the disk itself has lost nobody knows.
  const ledger = hasDiskFaults || powerLoss > 0 ? 0 : pick([0, 0.2, 0.6]);
  const maxBytes = hasSmallQuota ? 300_000 + int(300_000) : 256 * 1024 ** 2;
  const destinations = Array.from({ length: 1 + int(2) }, (_, i): DestinationOptions => {
    const name = 'abc'[i]!;
    const [profile, receiver] = pick(receivers);
    const message = profile === 'prometheus' || profile === 'mimir' ? pick(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const) : 'prometheus.WriteRequest';
    const settings: DestinationSettings = {
      ...baseSettings, name, url: `http://${name}.example/api/v1/write`, profile, protobufMessage: message, maxDelayMs: pick([0, 1000, 5000]),
      remoteTimeoutMs: pick([5000, 30_000]), backfill: { share: 0.05, startJitterMs: pick([0, 60_000]) },
    };
    return { name, settings, stream: { maxBytes, policy: 'drop_oldest' }, receiver: { ...receiver, ...limitOf(int) } };
  });
  const targets = Array.from({ length: 1 + int(3) }, () => ({ series: 1 + int(40), churn: { series: 1 + int(5), probability: pick([0, 0.05, 0.3]) } }));
  return {
    intervalMs, durationMs: (5 + int(60)) * MINUTE_MS, targets, destinations, hasDiskFaults,
    queue: {
      ...defaultQueueSettings, segmentBytes: pick([4096, 16_384, 65_536, 1024 ** 2]), fsync, fsyncIntervalMs: pick([200, 1000, 5000]),
      freeSpaceFloor: { bytes: 0 }, maxBytes: 1024 ** 3,
    },
    recentBytesMax: pick([0, 20_000, 32 * 1024 ** 2]),
    mayLose: [...(hasSmallQuota ? ['evicted'] : []), ...(hasDiskFaults ? ['disk_full', 'corrupt', 'evicted'] : []), ...(powerLoss > 0 ? ['corrupt'] : [])],
    crashes: { share: pick([0, 0.3, 1]), powerLoss: powerLoss / 100, ledger },
    weather: pick(['fair', 'bad', 'outages', 'outages']),
  };
}

/** Some receivers have a limit of items. */
function limitOf(int: Int): OracleOptions {
  if (int(4) !== 0) return {};
  return { itemRate: { perSecond: 50 + int(500), burst: 2000 + int(20_000), retryAfter: (['none', 'seconds', 'date'] as const)[int(3)]!, retryAfterSeconds: 1 + int(5) } };
}

export interface ScenarioOptions {
  readonly seed: number;
  readonly logger?: Logger;
}

export async function runScenario({ seed, logger }: ScenarioOptions): Promise<RunResult> {
  const random = seededRandom(seed);
  const int: Int = (below) => Math.floor(random.next() * below);
  const plan = choosePlan(int);
  const crashes = seededRandom(seed ^ 0x5eed);
  const dieAtStep = () => (crashes.next() < plan.crashes.share ? 1 + Math.floor(Math.exp(crashes.next() * 9)) : Number.POSITIVE_INFINITY);
  const world = new World({
    seed, queue: plan.queue, recentBytesMax: plan.recentBytesMax, destinations: plan.destinations, dieAtStep, ...(logger !== undefined && { logger }),
  });
  plan.targets.forEach((target, i) => world.source.add({ name: `t${i}`, ...target }, seededRandom(seed + 77 * i)));
  world.note(JSON.stringify({ ...plan, destinations: plan.destinations.map(({ settings, stream }) => [settings.name, settings.profile, settings.protobufMessage, stream.maxBytes]) }));
  const sky = new Sky(world, plan, int);
  await rise(world, sky);
  for (let dueMs = plan.intervalMs; dueMs < plan.durationMs; dueMs += plan.intervalMs) {
    await world.timeline.run(dueMs, world.isDead);
    if (!world.life.isDead && int(40) === 0) await sky.restart();
    if (world.life.isDead) await rise(world, sky);
    if (world.timeline.nowMs > dueMs) continue;
    for (const target of world.source.targets) await world.scrape(target);
    world.observe();
    sky.turn();
  }
  await drain(world, sky);
  return judge(world, { seed, mayLose: plan.mayLose, receivers: plan.destinations.map(({ settings }) => settings.profile) });
}

/** Starts the program after a crash or a stop, as often as it takes. */
async function rise(world: World, sky: Sky): Promise<void> {
  if (world.lives === 0 && (await world.start())) return;
  for (;;) {
    if (!sky.isStopped) world.crashed(sky.crashMode(), sky.ledgerFate());
    sky.isStopped = false;
    await world.timeline.run(world.timeline.nowMs + sky.downMs());
    if (!sky.isCalm) sky.turn();
    if (await world.start(sky.isCalm ? Number.POSITIVE_INFINITY : undefined)) return;
  }
}

/** Peace: the weather is fair, the disk is whole, nobody dies any more. */
async function drain(world: World, sky: Sky): Promise<void> {
  sky.calm();
  world.life.dieAtStep = Number.POSITIVE_INFINITY;
  if (world.life.isDead) await rise(world, sky);
  const untilMs = world.timeline.nowMs + DRAIN_MAX_MS;
  while (world.timeline.nowMs < untilMs && !world.isDrained()) {
    await world.timeline.run(world.timeline.nowMs + DRAIN_STEP_MS);
    world.observe();
  }
  if (!world.isDrained()) {
    const states = [...world.program!.senders.values()].map((sender) => JSON.stringify(sender.destinationState()));
    const streams = [...world.program!.streams.values()].map((stream) => JSON.stringify(stream.state()));
    world.violated(`not drained ${DRAIN_MAX_MS / MINUTE_MS} minutes after the faults ended: ${streams.join(' ')} ${states.join(' ')}`);
  }
  // What is counted is counted across a restart.
  const { starts } = world;
  await world.stop();
  await world.start(Number.POSITIVE_INFINITY);
  world.starts = starts;
  world.observe();
  await world.stop();
}

/** What happens to the world: weather, faults of the disk, restarts. */
class Sky {
  isCalm = false;
  isStopped = false;
  readonly #world: World;
  readonly #plan: Plan;
  readonly #int: Int;
  #weatherTurns = 0;
  #faultTurns = 0;

  constructor(world: World, plan: Plan, int: Int) {
    this.#world = world;
    this.#plan = plan;
    this.#int = int;
  }

  crashMode(): CrashMode {
    return this.#int(100) < this.#plan.crashes.powerLoss * 100 ? 'power loss' : 'kill';
  }

  ledgerFate(): LedgerFate {
    if (this.#int(100) >= this.#plan.crashes.ledger * 100) return 'kept';
    return this.#int(2) === 0 ? 'lost' : 'damaged';
  }

  downMs(): number {
    return this.#int(3) === 0 ? this.#int(5 * MINUTE_MS) : 100 + this.#int(3000);
  }

  async restart(): Promise<void> {
    this.isStopped = await this.#world.stop(this.#int(2) * 5000);
    this.#world.life.isDead = true;
  }

  calm(): void {
    this.isCalm = true;
    this.#world.network.weather = fairWeather;
    this.#world.setFaults({});
  }

  /** After each scrape. */
  turn(): void {
    if (this.#weatherTurns-- <= 0) this.#changeWeather();
    if (this.#plan.hasDiskFaults && this.#faultTurns-- <= 0) this.#changeFaults();
  }

  #changeWeather(): void {
    const { weather } = this.#plan;
    this.#weatherTurns = 1 + this.#int(weather === 'outages' ? 40 : 10);
    this.#world.network.weather = weather === 'fair' ? fairWeather : this.#anyWeather(weather === 'outages');
    this.#world.note(`weather ${JSON.stringify(this.#world.network.weather)}`);
  }

  #anyWeather(outages: boolean): Weather {
    const int = this.#int;
    const isDown = outages ? int(2) === 0 : int(6) === 0;
    return {
      state: isDown ? (['refuses', 'swallows', 'unnamed'] as const)[int(3)]! : 'up', latencyMs: 1 + int(300), bytesPerSecond: int(3) === 0 ? 500 + int(20_000) : Infinity,
      breaksBefore: int(3) * 0.1, breaksAfter: int(3) * 0.1, hangs: int(2) * 0.05,
    };
  }

  #changeFaults(): void {
    const int = this.#int;
    this.#faultTurns = 1 + int(15);
    const used = [...this.#world.disk.files.values()].reduce((sum, data) => sum + data.length, 0);
    const choices: readonly Partial<Faults>[] = [
      {}, {}, { appendError: 'EIO', tornBytes: int(300) }, { appendError: 'ENOSPC', tornBytes: int(300) }, { capacityBytes: used + int(20_000) }, { syncError: 'EIO' },
      { readOnly: true }, { appendError: 'EIO', tornBytes: int(300), truncateError: 'EIO' }, { closeError: 'EIO' },
    ];
    const faults = choices[int(choices.length)]!;
    this.#world.setFaults(faults);
    this.#world.note(`disk ${JSON.stringify(faults)}`);
  }
}
