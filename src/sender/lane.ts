// The loops of the two lanes. Each takes batches from the stream as the plan says (lane-plan.ts), has them sent (batch.ts) and settles them.
//
//     live      wait for a record -> collect for max_delay -> read -> send -> settle
//     backfill  while there is a backlog beside the live lane: read a large batch, oldest first -> send -> settle
//
// When the live lane finds itself behind and the order is live_first, it leaves what is too old to the backfill lane. Nothing here runs while
// a destination does not answer, except timers: other destinations and the scrape loop do not notice.

import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import { errorText } from '../model/error.ts';
import type { QueuedRecord, Settled, Stream } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import { sendBatch, settleStretches, addSettled, type BatchContext } from './batch.ts';
import type { Lane } from './gate.ts';
import { stretches, type Interval, type LanePlan } from './lane-plan.ts';
import { Repetitions } from './repetitions.ts';
import type { Waits } from './waits.ts';

/** What a live batch takes: a bound for memory, and for what is sent twice after a crash. */
const LIVE_LIMITS = { samples: 4_000_000, bytes: 16 * 1024 ** 2 };
/** A backlog batch takes more samples, so that a series appears once with many of them. Those of one image lie expanded in memory: 64 MB. */
const BACKFILL_SAMPLES_MAX = 8_000_000;
/** While collecting, how often the size of what waits is looked at. */
const COLLECT_STEP_MS = 1000;
/** Pause after records were announced and none could be read: all of them damaged or evicted meanwhile, or the disk fails. */
const EMPTY_READ_PAUSE_MS = 500;
/** Live records older than this (and the collecting delay) are left to the backfill lane: fresh data is to arrive within 10 s. */
const LIVE_AGE_MAX_MS = 7000;
/** A backlog of this age means an outage that others have had, too: its begin is spread. */
const OUTAGE_MIN_MS = 600_000;
/** Part of the outage within which the backlog begins. */
const JITTER_SHARE = 1 / 12;
/** When stopping, what is older than this can as well wait for the next start. */
const STOP_AGE_MAX_MS = 60_000;
/** Between two looks whether held records are due: not sooner, and not later, because clocks jump and timers end at 24 days. Milliseconds. */
const RELEASE_STEP_MS = { min: 100, max: 60_000 };

export interface LaneOptions {
  readonly stream: Stream;
  readonly plan: LanePlan;
  readonly clock: Clock;
  readonly random: Random;
  readonly waits: Waits;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly settings: () => DestinationSettings;
  readonly isStopping: () => boolean;
  /** The order in force; asked before each batch, with the age of the oldest record of the backlog. */
  readonly order: (backlogAgeMs: number) => 'live_first' | 'oldest_first';
  /** Whether the receiver refuses samples that it has already, and what is older. */
  readonly refusesRepeats: () => boolean;
  /** Longest span of the samples of a batch, milliseconds; undefined for any. */
  readonly spanMs: () => number | undefined;
  /** Bytes of records in one backlog batch. */
  readonly backfillBytes: () => number;
  readonly maxDelayMs: () => number;
  /** Whether samples up to this timestamp are ahead of the receiver's clock, and when they are not any more (milliseconds from now). */
  readonly isHeld: (newestMs: number) => boolean;
  readonly isDue: (newestMs: number) => boolean;
  readonly untilDueMs: (newestMs: number) => number;
  readonly batch: (lane: Lane, isRepetition: boolean) => BatchContext;
  /** Samples given up for their age before they were sent. */
  readonly expired: (samples: number) => void;
  /** A batch was settled. */
  readonly settled: (lane: Lane, samples: number, busyMs: number) => void;
}

interface Batch {
  readonly interval: Interval;
  readonly all: readonly QueuedRecord[];
  /** Those of them that go out. */
  readonly records: readonly QueuedRecord[];
  /** An earlier process may have sent it. */
  readonly isRepetition: boolean;
}

export class Lanes {
  readonly #options: LaneOptions;
  readonly #repetitions: Repetitions;
  /** Monotonic time at which a record after the live lane's position was seen first. */
  #arrivedMs: number | undefined;
  /** The live lane reads more than it can send fresh. */
  #isBehind = false;
  /** Monotonic time before which the backlog is not sent. */
  #backlogFromMs = Number.NEGATIVE_INFINITY;
  /** An outage was noticed and its backlog is not through yet. */
  #isCatchingUp = false;
  /** The backfill lane has a batch, from the moment it begins to read it. */
  #hasBackfillBatch = false;
  /** The live lane waits for the end of that batch, to take over what the backfill lane has left. */
  #isJoining = false;
  /** What each lane is sending: timestamp of its oldest record, milliseconds. */
  readonly #sending: { [K in Lane]: number | undefined } = { live: undefined, backfill: undefined };

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#repetitions = new Repetitions({ ...LIVE_LIMITS, lastSequence: options.stream.state().lastSequence });
  }

  /** Runs both lanes until the sender stops. */
  async run(): Promise<void> {
    const { stream } = this.#options;
    // What an earlier process left behind has waited long enough.
    if (stream.state().pendingRecords > 0) this.#arrivedMs = Number.NEGATIVE_INFINITY;
    else this.#watch();
    await Promise.all([this.#runLive(), this.#runBackfill()]);
  }

  isBusy(lane: Lane): boolean {
    return this.#sending[lane] !== undefined;
  }

  /** Timestamp of the oldest record the lane is sending, milliseconds. */
  oldestMs(lane: Lane): number | undefined {
    return this.#sending[lane];
  }

  async #runLive(): Promise<void> {
    const { plan, stream, waits } = this.#options;
    while (await this.#liveIsDue()) {
      await this.#takeBackfillOver();
      const interval = plan.next('live');
      const before = stream.state().lastSequence;
      const found = await this.#read(interval, { ...LIVE_LIMITS, ...this.#span() });
      if (found === undefined || found.length === 0) {
        if (this.#options.isStopping()) break;
        await this.#passEmpty(interval, found === undefined);
        continue;
      }
      if (interval.released === undefined && this.#leaveBehind(found)) continue;
      const { records: all, isRepetition } = this.#options.refusesRepeats() ? this.#repetitions.cut(found) : { records: found, isRepetition: false };
      const last = all.at(-1)!;
      plan.advance('live', interval, last.sequence);
      if (interval.released === undefined) this.#note(all, before);
      if (!(await this.#send('live', { interval, all, isRepetition, records: this.#admit(all, interval) }))) break;
    }
    // The backfill lane may be waiting for work that nobody will leave it any more.
    waits.wakeAll();
  }

  /** Nothing was read. What is not there any more is passed; what cannot be read now is tried again. */
  async #passEmpty(interval: Interval, hasFailed: boolean): Promise<void> {
    const { plan, waits } = this.#options;
    const isReleased = interval.released !== undefined;
    if (isReleased && !hasFailed) return plan.advance('live', interval, interval.until);
    await waits.wait(EMPTY_READ_PAUSE_MS);
    if (!isReleased) this.#watch();
  }

  /** Remembers whether much is left, so that the next batch follows at once. */
  #note(all: readonly QueuedRecord[], lastSequence: number): void {
    const { clock } = this.#options;
    const rest = lastSequence - all.at(-1)!.sequence;
    this.#isBehind = rest > 0 && all[0]!.timestampMs < clock.nowMs() - STOP_AGE_MAX_MS;
    if (rest > all.length / 4) this.#arrivedMs = Number.NEGATIVE_INFINITY;
    else this.#watch();
  }

  async #runBackfill(): Promise<void> {
    const { plan, waits, clock, isStopping, signal } = this.#options;
    while (!isStopping() && !signal.aborted) {
      const waitMs = this.#backlogFromMs - clock.monotonicMs();
      if (this.#isJoining || !plan.hasBackfill || waitMs > 0) {
        await waits.wait(plan.hasBackfill && !this.#isJoining ? waitMs : undefined);
        continue;
      }
      this.#hasBackfillBatch = true;
      const goesOn = await this.#backfill();
      this.#hasBackfillBatch = false;
      if (this.#isJoining) waits.wakeAll();
      if (!goesOn) return;
    }
  }

  /** One batch of the backlog. False when it has to be left for a later start. */
  async #backfill(): Promise<boolean> {
    const { plan, waits } = this.#options;
    const interval = plan.next('backfill');
    const limits = { samples: BACKFILL_SAMPLES_MAX, bytes: this.#options.backfillBytes(), until: interval.until, ...this.#span() };
    const all = await this.#read(interval, limits);
    const last = all?.at(-1);
    if (all === undefined) await waits.wait(EMPTY_READ_PAUSE_MS);
    else if (last === undefined) plan.backfillIsDone(interval);
    if (all === undefined || last === undefined) return true;
    plan.advance('backfill', interval, last.sequence);
    return this.#send('backfill', { interval, all, isRepetition: false, records: this.#admit(all, interval) });
  }

  #span(): { spanMs?: number } {
    const spanMs = this.#options.spanMs();
    return spanMs === undefined ? {} : { spanMs };
  }

  /** The next records; undefined when the disk cannot be read now. */
  async #read(interval: Interval, limits: { samples: number; bytes: number; until?: number; spanMs?: number }): Promise<readonly QueuedRecord[] | undefined> {
    const until = Number.isFinite(interval.until) ? { until: interval.until } : {};
    try {
      return this.#withinSpan(await this.#options.stream.read(interval.after, { ...limits, ...until }), limits.spanMs);
    } catch (error) {
      this.#options.logger.error('queue cannot be read; trying again', { error: errorText(error) });
      return undefined;
    }
  }

  /** A batch that begins with a record ahead of the clock was read as if it began then: its span counts from the first one that may go out. */
  #withinSpan(all: readonly QueuedRecord[], spanMs: number | undefined): readonly QueuedRecord[] {
    const { isHeld } = this.#options;
    if (spanMs === undefined || all.length === 0 || !isHeld(all[0]!.newestMs)) return all;
    const first = all.find((record) => !isHeld(record.newestMs));
    if (first === undefined) return all;
    const isBeyond = ({ sequence, newestMs }: QueuedRecord) => sequence > first.sequence && newestMs > first.oldestMs + spanMs && !isHeld(newestMs);
    const end = all.findIndex(isBeyond);
    return end < 0 ? all : all.slice(0, end);
  }

  #admit(all: readonly QueuedRecord[], interval: Interval): QueuedRecord[] {
    return this.#options.plan.admit(all, interval, this.#options.isHeld);
  }

  /** Notes when the next live record arrives. */
  #watch(): void {
    const { stream, plan, clock, waits } = this.#options;
    const position = plan.livePosition;
    this.#arrivedMs = undefined;
    stream.onRecord(position, () => {
      if (plan.livePosition !== position || this.#arrivedMs !== undefined) return;
      this.#arrivedMs = clock.monotonicMs();
      waits.wakeAll();
    });
  }

  /** Waits for a record and then until it has waited for `max_delay`, or a batch is full. False when there is nothing left to do. */
  async #liveIsDue(): Promise<boolean> {
    const { plan, clock, waits, stream, signal, isStopping, isDue } = this.#options;
    for (;;) {
      plan.release(isDue);
      if (isStopping()) return !signal.aborted && !this.#isBehind && this.#oneLaneFromMs() <= clock.monotonicMs() && stream.state().lastSequence > plan.livePosition;
      if (plan.hasReleased) return true;
      const heldMs = this.#untilReleaseMs();
      if (this.#arrivedMs === undefined) {
        await waits.wait(heldMs);
        continue;
      }
      const leftMs = Math.max(this.#arrivedMs + this.#options.maxDelayMs(), this.#oneLaneFromMs()) - clock.monotonicMs();
      if (leftMs <= 0 || (leftMs <= this.#options.maxDelayMs() && this.#isBatchFull())) return true;
      await waits.wait(Math.min(leftMs, COLLECT_STEP_MS, heldMs ?? COLLECT_STEP_MS));
    }
  }

  #untilReleaseMs(): number | undefined {
    const earliestMs = this.#options.plan.held.earliestMs;
    return earliestMs === undefined ? undefined : Math.min(RELEASE_STEP_MS.max, Math.max(RELEASE_STEP_MS.min, this.#options.untilDueMs(earliestMs)));
  }

  /** With one lane the backlog is what comes next: its random start holds for everything. */
  #oneLaneFromMs(): number {
    return this.#options.order(0) === 'oldest_first' ? this.#backlogFromMs : Number.NEGATIVE_INFINITY;
  }

  #isBatchFull(): boolean {
    const { plan, stream } = this.#options;
    const { counters, pendingBytes } = stream.state();
    // What pends is what waits only while there is nothing else.
    return !plan.hasBackfill && plan.held.samples === 0 && (counters.pending >= LIVE_LIMITS.samples || pendingBytes >= LIVE_LIMITS.bytes);
  }

  /** The order has changed to one lane while there were two: the live lane goes on where the backfill lane ends, after its batch. */
  async #takeBackfillOver(): Promise<void> {
    const { plan, waits, isStopping } = this.#options;
    while (this.#hasToJoin()) {
      if (!this.#hasBackfillBatch) {
        plan.join();
        // What it took over has waited long enough.
        this.#arrivedMs = Number.NEGATIVE_INFINITY;
        break;
      }
      if (isStopping()) break;
      this.#isJoining = true;
      await waits.wait();
    }
    if (this.#isJoining) waits.wakeAll();
    this.#isJoining = false;
  }

  #hasToJoin(): boolean {
    const { plan, order, stream, clock } = this.#options;
    if (!plan.hasBackfill && !this.#hasBackfillBatch) return false;
    const { oldestPendingMs } = stream.state();
    return order(oldestPendingMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestPendingMs)) === 'oldest_first';
  }

  /** After an outage, or when more comes in than goes out. True when the records must be read again, from another place. */
  #leaveBehind(records: readonly QueuedRecord[]): boolean {
    const { plan, clock, order, stream } = this.#options;
    // Only scrapes tell of an outage: raw records have the time of what is in them, such as exemplars of long ago.
    const oldestMs = records.find((record) => record.type === 'samples')?.timestampMs;
    if (oldestMs === undefined) return false;
    const ageMs = clock.nowMs() - oldestMs;
    const mode = order(ageMs);
    const mustWait = this.#spreadStart(ageMs);
    if (mode === 'oldest_first') return mustWait;
    const freshMs = clock.nowMs() - LIVE_AGE_MAX_MS - this.#options.maxDelayMs();
    if (oldestMs >= freshMs) return false;
    const fresh = records.find((record) => record.timestampMs >= freshMs);
    plan.leaveBehind(fresh === undefined ? this.#lastOld(records, stream) : fresh.sequence - 1);
    // What is left has waited as long as what it was read with.
    if (fresh === undefined) this.#watch();
    this.#options.waits.wakeAll();
    return true;
  }

  /** Where the backlog ends when nothing that was read is fresh: at the end of the stream, or of what was read when that is all there is. */
  #lastOld(records: readonly QueuedRecord[], stream: Stream): number {
    return Math.max(records.at(-1)!.sequence, stream.state().lastSequence);
  }

  /** Many collectors come back at once after an outage: each begins its backlog at another moment. True when that was decided just now. */
  #spreadStart(ageMs: number): boolean {
    const { clock, random, settings } = this.#options;
    if (ageMs < OUTAGE_MIN_MS) {
      if (!this.#options.plan.hasBackfill) this.#isCatchingUp = false;
      return false;
    }
    if (this.#isCatchingUp) return false;
    this.#isCatchingUp = true;
    this.#backlogFromMs = clock.monotonicMs() + random.next() * Math.min(ageMs * JITTER_SHARE, settings().backfill.startJitterMs);
    return this.#backlogFromMs > clock.monotonicMs();
  }

  /** Delivers and settles a batch. False when it has to be left for a later start. */
  async #send(lane: Lane, batch: Batch): Promise<boolean> {
    const { stream, clock, batch: contextOf } = this.#options;
    const { all, records, isRepetition } = batch;
    if (records.length === 0) return true;
    const startMs = clock.monotonicMs();
    this.#sending[lane] = records[0]!.timestampMs;
    const { fresh, expired } = this.#withoutExpired(records);
    const { isComplete, settled } = await sendBatch(contextOf(lane, isRepetition), fresh);
    this.#sending[lane] = undefined;
    if (!isComplete) return false;
    this.#repetitions.passed(records, Object.values(settled).every((samples) => samples === 0));
    const outcome: Settled = expired === 0 ? settled : addSettled(settled, { expired });
    settleStretches(stream, stretches(all, records), outcome);
    this.#options.settled(lane, countSamples(records), clock.monotonicMs() - startMs);
    return true;
  }

  #withoutExpired(records: readonly QueuedRecord[]): { fresh: readonly QueuedRecord[]; expired: number } {
    const { queue, maxAgeMs } = this.#options.settings();
    const limits = [queue.sampleAgeLimitMs, maxAgeMs].filter((ms) => ms > 0);
    if (limits.length === 0) return { fresh: records, expired: 0 };
    const oldestMs = this.#options.clock.nowMs() - Math.min(...limits);
    const fresh = records.filter((record) => record.newestMs >= oldestMs);
    const expired = countSamples(records) - countSamples(fresh);
    if (expired > 0) this.#options.expired(expired);
    return { fresh, expired };
  }
}

export function countSamples(records: readonly QueuedRecord[]): number {
  let samples = 0;
  for (const record of records) samples += record.samples;
  return samples;
}
