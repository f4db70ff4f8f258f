// The sender of one destination: joins what this folder holds. Records come from the stream by lanes (lane.ts), become bodies (batch.ts), pass the
// gate (request-gate.ts) one request at a time or several, and every body stays with delivery.ts until each sample in it has a verdict;
// then its records are settled. What is left when it stops stays in the stream for the next start.

import { setImmediate as turn } from 'node:timers/promises';
import type { DestinationSettings } from '../destinations/config.ts';
import { tenantOf } from '../destinations/tenant.ts';
import type { Clock } from '../io/clock.ts';
import { redactUrl } from '../io/http/redact.ts';
import type { Random } from '../io/random.ts';
import type { Stream, StreamState } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { BatchContext, BodyAssembler } from './batch.ts';
import { Delivery } from './delivery.ts';
import { forecastDrain, outageHours, RateMeter } from './forecast.ts';
import type { Lane } from './gate.ts';
import { LanePlan } from './lane-plan.ts';
import { Lanes } from './lane.ts';
import { Link, type CreateClient } from './link.ts';
import { LiveDelay } from './live-delay.ts';
import { MetadataSender, type CollectMetadata } from './metadata.ts';
import { RequestGate } from './request-gate.ts';
import type { DestinationState, LaneState } from './state.ts';
import type { DestinationGauges, SenderGauges } from './sender-gauges.ts';
import type { DestinationMetrics, SenderMetrics } from './telemetry.ts';
import { Waits } from './waits.ts';
import { zstdLevel } from './zstd-level.ts';

/** Records of one backlog batch, at most: memory, and what is sent twice after a crash. Bytes. */
const BACKFILL_BYTES = { min: 256 * 1024, max: 16 * 1024 ** 2 };
/** On a thin link a backlog batch is smaller: what is on its way for longer than this would be lost work at a crash. Seconds. */
const BACKFILL_BATCH_SECONDS = 60;
/** A receiver that takes at most what is this much older than its newest sample is sent batches of half of it, so that their order within does not matter. */
const SPAN_SHARE = 0.5;

export interface SenderOptions {
  /** The destination's name, known even when its entry has none. */
  readonly name: string;
  readonly settings: DestinationSettings;
  readonly stream: Stream;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: SenderMetrics;
  readonly gauges: SenderGauges;
  /** Of the program, for the User-Agent. */
  readonly version: string;
  /** The sender closes what it created. */
  readonly createClient: CreateClient;
  readonly createAssembler: (limits: { readonly bodyBytes: () => number }) => BodyAssembler;
  /** Metadata of everything that is scraped. */
  readonly collectMetadata: CollectMetadata;
  /** Share of the time that the event loop was busy lately, 0 to 1. */
  readonly cpuBusyShare: () => number;
  /** Quota of the destination in the queue, bytes; asked for the forecast. */
  readonly maxBytes: () => number;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #stream: Stream;
  readonly #waits: Waits;
  readonly #abort = new AbortController();
  readonly #link: Link;
  readonly #gate: RequestGate;
  readonly #delivery: Delivery;
  readonly #metadata: MetadataSender;
  readonly #plan = new LanePlan();
  readonly #lanes: Lanes;
  readonly #assemblers: { readonly [K in Lane]: BodyAssembler };
  readonly #liveDelay: LiveDelay;
  readonly #rates: { readonly in: RateMeter; readonly bytes: RateMeter; readonly live: RateMeter; readonly backfill: RateMeter };
  readonly #gauges: DestinationGauges;
  #seen: { appended: number; writtenBytes: number };
  #settings: DestinationSettings;
  #metrics: DestinationMetrics;
  #isStopping = false;
  #isStopped = false;
  #running: Promise<unknown> | undefined;

  constructor(options: SenderOptions) {
    const { settings, clock, random, logger, stream } = options;
    this.#options = options;
    this.#stream = stream;
    this.#settings = settings;
    this.#waits = new Waits(clock);
    this.#metrics = this.#createMetrics(settings);
    this.#gauges = options.gauges.destination(options.name);
    this.#link = new Link({ settings, clock, version: options.version, createClient: options.createClient });
    const isStopping = () => this.#isStopping;
    const { signal } = this.#abort;
    this.#gate = new RequestGate({ settings, clock, random, logger, signal, isStopping });
    this.#delivery = new Delivery(
      {
        link: this.#link, settings, clock, logger, gate: this.#gate, signal, isStopping,
        quarantine: (input) => stream.quarantine(input),
        collectMetadata: options.collectMetadata,
      },
      this.#metrics,
    );
    this.#gate.update(settings, this.#delivery.profile());
    this.#metadata = new MetadataSender({ clock, delivery: this.#delivery, collect: options.collectMetadata, settings: settings.metadata });
    const assembler = (lane: Lane) => options.createAssembler({ bodyBytes: () => this.#gate.rawBytesMax(lane) });
    this.#assemblers = { live: assembler('live'), backfill: assembler('backfill') };
    this.#liveDelay = new LiveDelay(clock);
    const meter = () => new RateMeter(clock);
    this.#rates = { in: meter(), bytes: meter(), live: meter(), backfill: meter() };
    const { counters, writtenBytes } = stream.state();
    this.#seen = { appended: counters.appended, writtenBytes };
    this.#lanes = this.#createLanes();
  }

  /** `initZstd` has to have finished. */
  start(): void {
    this.#metadata.start();
    this.#running = this.#lanes.run();
  }

  /** New URL, credentials or limits, from the next try on. The position in the stream stays, and a wait for a retry ends. */
  update(settings: DestinationSettings): void {
    const previous = this.#settings;
    this.#settings = settings;
    if (settings.url !== previous.url || settings.queue.maxSamplesPerSend !== previous.queue.maxSamplesPerSend) {
      this.#metrics.remove();
      this.#metrics = this.#createMetrics(settings);
    }
    this.#link.update(settings);
    this.#delivery.update(settings, this.#metrics);
    this.#gate.update(settings, this.#delivery.profile());
    this.#metadata.update(settings.metadata);
    this.#waits.wakeAll();
  }

  /**
   * Sends what is in the queue without further waiting, until it is empty, a try fails or `deadlineMs` are over; an old backlog is not begun any
   * more. What is left stays in the stream for the next start. Resolves when nothing of this sender runs any more.
   */
  async stop(deadlineMs: number): Promise<void> {
    // The queue writes at the end of a turn what was appended in it, and that is to be sent, too.
    await turn();
    this.#isStopping = true;
    this.#metadata.stop();
    this.#wake();
    const deadline = this.#options.clock.after(deadlineMs, () => {
      this.#abort.abort();
      this.#wake();
    });
    await this.#running;
    deadline.cancel();
    this.#abort.abort();
    this.#wake();
    await this.#link.close();
    this.#isStopped = true;
  }

  /** Takes the destination's series off the metrics page. For a destination that is gone. */
  removeMetrics(): void {
    this.#metrics.remove();
    this.#gauges.remove();
  }

  /** Brings gauges up to date; call it before each exposition. */
  observeMetrics(): void {
    this.#metrics.observe(this.#stream.state());
    this.#gauges.observe(this.destinationState());
  }

  destinationState(): DestinationState {
    const stream = this.#stream.state();
    this.#countIncoming(stream);
    const { url, http } = this.#settings;
    const gate = this.#gate.state();
    const isBusy = this.#lanes.isBusy('live') || this.#lanes.isBusy('backfill');
    const delivery = this.#delivery.state();
    return {
      ...delivery,
      ...gate,
      name: this.#options.name,
      url: this.#link.shownUrl,
      endpoints: this.#link.endpointStates(),
      state: this.#isStopped ? 'stopped' : gate.state === 'sending' && !isBusy ? 'idle' : gate.state,
      codec: this.#delivery.codec(),
      message: this.#delivery.message(),
      profile: this.#delivery.profile().name,
      tenant: tenantOf(url, http.headers),
      laneOrder: this.#order(0),
      live: this.#laneState('live', stream),
      backfill: this.#hasBackfill ? this.#laneState('backfill', stream) : undefined,
      zstdLevel: this.#zstdLevel(),
      maxDelayMs: this.#maxDelayMs(),
      heldSamples: this.#plan.held.samples,
      heldUntilMs: this.#heldUntilMs(),
      ...this.#forecast(stream),
    };
  }

  #wake(): void {
    this.#waits.wakeAll();
    this.#gate.wake();
  }

  #createMetrics(settings: DestinationSettings): DestinationMetrics {
    return this.#options.metrics.destination(this.#options.name, redactUrl(settings.url), settings.queue.maxSamplesPerSend ?? 0);
  }

  #createLanes(): Lanes {
    const { clock, random, logger } = this.#options;
    return new Lanes({
      stream: this.#stream, plan: this.#plan, clock, random, logger, waits: this.#waits, signal: this.#abort.signal,
      settings: () => this.#settings,
      isStopping: () => this.#isStopping,
      order: (ageMs) => this.#order(ageMs),
      spanMs: () => this.#spanMs(),
      backfillBytes: () => this.#backfillBytes(),
      maxDelayMs: () => this.#maxDelayMs(),
      isHeld: (newestMs) => this.#gate.guard.isHeld(newestMs),
      isDue: (newestMs) => this.#gate.guard.isDue(newestMs),
      untilDueMs: (newestMs) => this.#gate.guard.releaseAtMs(newestMs) - clock.nowMs(),
      refusesRepeats: () => !this.#delivery.profile().anyOrder && this.#settings.outOfOrderWindowMs === 0,
      batch: (lane, isRepetition) => this.#batch(lane, isRepetition),
      expired: (samples) => this.#metrics.rejected('expired', { samples, exemplars: 0, metadata: 0 }),
      settled: (lane, samples, busyMs) => this.#noteSettled(lane, samples, busyMs),
    });
  }

  #batch(lane: Lane, isRepetition: boolean): BatchContext {
    const { logger } = this.#options;
    return {
      lane, isRepetition, logger, stream: this.#stream, delivery: this.#delivery, assembler: this.#assemblers[lane], waits: this.#waits,
      isStopping: () => this.#isStopping,
      parallel: () => (this.#delivery.profile().anyOrder && lane === 'backfill' ? this.#gate.concurrency : 1),
      zstdLevel: () => this.#zstdLevel(),
    };
  }

  #order(backlogAgeMs: number): 'live_first' | 'oldest_first' {
    const { lanes, outOfOrderWindowMs } = this.#settings;
    if (lanes !== 'auto') return lanes;
    // A window must hold what is old now and what becomes old while the backlog is sent.
    const fitsWindow = outOfOrderWindowMs > 0 && backlogAgeMs < outOfOrderWindowMs * SPAN_SHARE;
    return this.#delivery.profile().anyOrder || fitsWindow ? 'live_first' : 'oldest_first';
  }

  #spanMs(): number | undefined {
    const { floorMs } = this.#delivery.profile();
    return floorMs === undefined ? undefined : floorMs * SPAN_SHARE;
  }

  #backfillBytes(): number {
    const carried = (this.#gate.linkBytesPerSecond ?? Number.POSITIVE_INFINITY) * BACKFILL_BATCH_SECONDS;
    return Math.min(BACKFILL_BYTES.max, Math.max(BACKFILL_BYTES.min, carried));
  }

  /** An explicit `batch_send_deadline` bounds the delay, as it does in Prometheus. */
  #maxDelayMs(): number {
    const { maxDelayMs, maxDelayAuto, queue } = this.#settings;
    const delayMs = maxDelayAuto ? this.#liveDelay.delayMs : maxDelayMs;
    return Math.min(delayMs, queue.batchSendDeadlineMs ?? Number.POSITIVE_INFINITY);
  }

  #zstdLevel(): number {
    const { linkBytesPerSecond, linkBusyShare } = this.#gate;
    return zstdLevel({ linkBytesPerSecond, linkBusyShare, cpuBusyShare: this.#options.cpuBusyShare() });
  }

  #noteSettled(lane: Lane, samples: number, busyMs: number): void {
    this.#rates[lane].add(samples);
    if (lane === 'live') this.#liveDelay.sent(busyMs);
  }

  #countIncoming({ counters, writtenBytes }: StreamState): void {
    this.#rates.in.add(counters.appended - this.#seen.appended);
    this.#rates.bytes.add(writtenBytes - this.#seen.writtenBytes);
    this.#seen = { appended: counters.appended, writtenBytes };
  }

  /** The last batch of the backlog is backlog, too. */
  get #hasBackfill(): boolean {
    return this.#plan.hasBackfill || this.#lanes.isBusy('backfill');
  }

  #laneState(lane: Lane, stream: StreamState): LaneState {
    const nowMs = this.#options.clock.nowMs();
    const oldestMs = lane === 'backfill' || !this.#hasBackfill ? stream.oldestPendingMs : this.#lanes.oldestMs('live');
    return {
      lagSeconds: oldestMs === undefined ? 0 : Math.max(0, (nowMs - oldestMs) / 1000),
      samplesPerSecond: this.#rates[lane].perSecond(),
      requestsInFlight: this.#gate.inFlight(lane),
    };
  }

  #heldUntilMs(): number | undefined {
    const { earliestMs } = this.#plan.held;
    return earliestMs === undefined ? undefined : this.#gate.guard.releaseAtMs(earliestMs);
  }

  #forecast(stream: StreamState): Pick<DestinationState, 'drainSeconds' | 'isFallingBehind' | 'outageHours'> {
    const inPerSecond = this.#rates.in.perSecond();
    const outPerSecond = this.#rates.live.perSecond() + this.#rates.backfill.perSecond();
    const ageMs = stream.oldestPendingMs === undefined ? 0 : this.#options.clock.nowMs() - stream.oldestPendingMs;
    const pendingSamples = Math.max(0, stream.counters.pending - this.#plan.held.samples);
    return {
      ...forecastDrain({ pendingSamples, inPerSecond, outPerSecond, ageSeconds: ageMs / 1000, delaySeconds: this.#maxDelayMs() / 1000 }),
      outageHours: outageHours(this.#options.maxBytes() - stream.diskBytes, this.#rates.bytes.perSecond()),
    };
  }
}
