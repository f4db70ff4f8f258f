// The sender of one destination: takes records from its stream, has them assembled into request bodies, and settles them once every
// sample has a verdict. One lane, one request in flight.
//
//     wait for a record -> collect for max_delay -> read a batch -> bodies, one after another -> settle the batch
//
// A batch that leaves something behind is followed by the next one at once, so a backlog goes out in batches as large as memory allows
// and a series appears once with many samples. Nothing here runs while a destination does not answer, except its timer: other
// destinations and the scrape loop do not notice.

import { setImmediate as turn } from 'node:timers/promises';
import type { DestinationSettings } from '../destinations/config.ts';
import { tenantOf, type Tenant } from '../destinations/tenant.ts';
import type { Clock } from '../io/clock.ts';
import { redactUrl } from '../io/http/redact.ts';
import type { Random } from '../io/random.ts';
import { errorText, TributaryError } from '../model/error.ts';
import type { QueuedRecord, Stream } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Body } from './body.ts';
import { Delivery, type DeliveryState } from './delivery.ts';
import { Link, type CreateClient } from './link.ts';
import { MetadataSender, type CollectMetadata } from './metadata.ts';
import { countRequest } from './split.ts';
import type { DestinationMetrics, SenderMetrics } from './telemetry.ts';
import { Waits } from './waits.ts';

/** Bytes of a body before compression. A quarter of what VictoriaMetrics and Prometheus accept. */
export const BODY_BYTES_MAX = 8 * 1024 ** 2;
/** What one batch takes from the queue: a bound for memory, and for what is sent twice after a crash. */
const BATCH_LIMITS = { samples: 4_000_000, bytes: 16 * 1024 ** 2 };
/** While collecting, how often the size of what waits is looked at. */
const COLLECT_STEP_MS = 1000;
/** Pause after records were announced and none could be read: all of them damaged or evicted meanwhile, or the disk fails. */
const EMPTY_READ_PAUSE_MS = 500;
/** Pause when the heap has no room for a body: bodies of other destinations may be done by then. */
const MEMORY_PAUSE_MS = 5000;

/** Makes request bodies from records; see assembly.ts. A body's bytes are valid only until the next one is asked for. */
export interface BodyAssembler {
  bodies(records: readonly QueuedRecord[]): Iterable<{
    readonly bytes: Uint8Array;
    readonly samples: number;
    readonly series: number;
    readonly newestMs: number;
  }>;
}

export interface SenderOptions {
  /** The destination's name, known even when its entry has none. */
  readonly name: string;
  readonly settings: DestinationSettings;
  readonly stream: Stream;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: SenderMetrics;
  /** Of the program, for the User-Agent. */
  readonly version: string;
  /** The sender closes what it created. */
  readonly createClient: CreateClient;
  readonly createAssembler: (limits: { readonly bodyBytes: number }) => BodyAssembler;
  /** Metadata of everything that is scraped. */
  readonly collectMetadata: CollectMetadata;
}

export interface DestinationState extends Omit<DeliveryState, 'status'> {
  readonly name: string;
  /** Without password. */
  readonly url: string;
  /** `parked`: somebody has to change something (credentials, path); tried again slowly. */
  readonly state: 'idle' | 'sending' | 'retrying' | 'parked' | 'stopped';
  readonly codec: string;
  readonly profile: string;
  readonly tenant: Tenant | undefined;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #stream: Stream;
  readonly #waits: Waits;
  readonly #abort = new AbortController();
  readonly #link: Link;
  readonly #delivery: Delivery;
  readonly #metadata: MetadataSender;
  readonly #assembler: BodyAssembler;
  #settings: DestinationSettings;
  #metrics: DestinationMetrics;
  /** Everything up to here has been read. */
  #position = 0;
  /** Monotonic time at which a record after `#position` was seen first. */
  #arrivedMs: number | undefined;
  #isBusy = false;
  #isStopping = false;
  #isStopped = false;
  #running: Promise<void> | undefined;

  constructor(options: SenderOptions) {
    const { settings, clock, random, logger } = options;
    this.#options = options;
    this.#stream = options.stream;
    this.#settings = settings;
    this.#waits = new Waits(clock);
    this.#metrics = this.#createMetrics(settings);
    this.#link = new Link({ settings, clock, version: options.version, createClient: options.createClient });
    const isStopping = () => this.#isStopping;
    this.#delivery = new Delivery(
      { link: this.#link, settings, clock, random, logger, waits: this.#waits, signal: this.#abort.signal, isStopping },
      this.#metrics,
    );
    this.#metadata = new MetadataSender({ clock, delivery: this.#delivery, collect: options.collectMetadata, settings: settings.metadata });
    this.#assembler = options.createAssembler({ bodyBytes: BODY_BYTES_MAX });
  }

  /** `initZstd` has to have finished. */
  start(): void {
    // What an earlier process left behind has waited long enough.
    if (this.#stream.state().pendingRecords > 0) this.#arrivedMs = Number.NEGATIVE_INFINITY;
    else this.#watch();
    this.#metadata.start();
    this.#running = this.#run();
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
    this.#metadata.update(settings.metadata);
    this.#waits.wakeAll();
  }

  /**
   * Sends what is in the queue without further waiting, until it is empty, a try fails or `deadlineMs` are over. What is left stays in the
   * stream for the next start. Resolves when nothing of this sender runs any more.
   */
  async stop(deadlineMs: number): Promise<void> {
    // The queue writes at the end of a turn what was appended in it, and that is to be sent, too.
    await turn();
    this.#isStopping = true;
    this.#metadata.stop();
    this.#waits.wakeAll();
    const deadline = this.#options.clock.after(deadlineMs, () => this.#abort.abort());
    await this.#running;
    deadline.cancel();
    this.#abort.abort();
    await this.#link.close();
    this.#isStopped = true;
  }

  /** Takes the destination's series off the metrics page. For a destination that is gone. */
  removeMetrics(): void {
    this.#metrics.remove();
  }

  /** Brings gauges up to date; call it before each exposition. */
  observeMetrics(): void {
    this.#metrics.observe(this.#stream.state());
  }

  destinationState(): DestinationState {
    const { status, ...rest } = this.#delivery.state();
    const { url } = this.#settings;
    return {
      ...rest,
      name: this.#options.name,
      url: redactUrl(url),
      state: this.#isStopped ? 'stopped' : status === 'sending' && !this.#isBusy ? 'idle' : status,
      codec: this.#delivery.codec(),
      profile: this.#delivery.profile().name,
      tenant: tenantOf(url, this.#settings.http.headers),
    };
  }

  #createMetrics(settings: DestinationSettings): DestinationMetrics {
    return this.#options.metrics.destination(this.#options.name, redactUrl(settings.url), settings.queue.maxSamplesPerSend ?? 0);
  }

  async #run(): Promise<void> {
    while (await this.#batchIsDue()) {
      const lastSequence = this.#stream.state().lastSequence;
      const records = await this.#read();
      const last = records.at(-1);
      if (last === undefined) {
        if (this.#isStopping) return;
        await this.#waits.wait(EMPTY_READ_PAUSE_MS);
        this.#watch();
        continue;
      }
      this.#advance(last.sequence, lastSequence - last.sequence > records.length / 4);
      this.#isBusy = true;
      const isComplete = await this.#sendBatch(records);
      this.#isBusy = false;
      if (!isComplete) return;
    }
  }

  /** The next batch. A disk that cannot be read is like an empty queue: tried again after a pause. */
  async #read(): Promise<QueuedRecord[]> {
    try {
      return await this.#stream.read(this.#position, BATCH_LIMITS);
    } catch (error) {
      this.#options.logger.error('queue cannot be read; trying again', { error: errorText(error) });
      return [];
    }
  }

  /** Remembers how far was read. `isBehind`: much is left, so the next batch follows at once. */
  #advance(sequence: number, isBehind: boolean): void {
    this.#position = sequence;
    if (isBehind) this.#arrivedMs = Number.NEGATIVE_INFINITY;
    else this.#watch();
  }

  /** Notes when the next record arrives. */
  #watch(): void {
    const position = this.#position;
    this.#arrivedMs = undefined;
    this.#stream.onRecord(position, () => {
      if (this.#position !== position || this.#arrivedMs !== undefined) return;
      this.#arrivedMs = this.#options.clock.monotonicMs();
      this.#waits.wakeAll();
    });
  }

  /** Waits for a record and then until it has waited for `max_delay`, or a batch is full. False when there is nothing left to do. */
  async #batchIsDue(): Promise<boolean> {
    for (;;) {
      if (this.#isStopping) return !this.#abort.signal.aborted && this.#stream.state().lastSequence > this.#position;
      if (this.#arrivedMs === undefined) {
        await this.#waits.wait();
        continue;
      }
      const leftMs = this.#arrivedMs + this.#maxDelayMs() - this.#options.clock.monotonicMs();
      if (leftMs <= 0 || this.#isBatchFull()) return true;
      await this.#waits.wait(Math.min(leftMs, COLLECT_STEP_MS));
    }
  }

  /** An explicit `batch_send_deadline` bounds the delay, as it does in Prometheus. */
  #maxDelayMs(): number {
    return Math.min(this.#settings.maxDelayMs, this.#settings.queue.batchSendDeadlineMs ?? Number.POSITIVE_INFINITY);
  }

  #isBatchFull(): boolean {
    const { counters, pendingBytes } = this.#stream.state();
    return counters.pending >= BATCH_LIMITS.samples || pendingBytes >= BATCH_LIMITS.bytes;
  }

  /** Delivers and settles a batch. False when it has to be left for a later start. */
  async #sendBatch(records: readonly QueuedRecord[]): Promise<boolean> {
    const first = records[0]!.sequence;
    const last = records.at(-1)!.sequence;
    const limitMs = this.#settings.queue.sampleAgeLimitMs;
    const oldestMs = limitMs > 0 ? this.#options.clock.nowMs() - limitMs : Number.NEGATIVE_INFINITY;
    const fresh = records.filter((record) => record.newestMs >= oldestMs);
    const expired = countSamples(records) - countSamples(fresh);
    if (expired > 0) this.#metrics.rejected('expired', { samples: expired, exemplars: 0, metadata: 0 });
    const sent = await this.#sendRecords(fresh);
    if (!sent.isComplete) return false;
    this.#stream.settle(first, last, { rejected: sent.rejectedSamples, expired: sent.expiredSamples + expired });
    return true;
  }

  /** A batch that cannot be assembled is halved until the record that spoils it is alone; that one is given up. */
  async #sendRecords(records: readonly QueuedRecord[]): Promise<SentRecords> {
    if (records.length === 0) return NOTHING_SENT;
    try {
      return await this.#sendBodies(this.#bodies(records));
    } catch (error) {
      if (isOutOfMemory(error)) return this.#sendLater(records, error);
      if (records.length === 1) return this.#giveUpUnreadable(records[0]!, error);
      const middle = records.length >> 1;
      const older = await this.#sendRecords(records.slice(0, middle));
      return older.isComplete ? add(older, await this.#sendRecords(records.slice(middle))) : older;
    }
  }

  /** No room to assemble now says nothing about the records. */
  async #sendLater(records: readonly QueuedRecord[], error: unknown): Promise<SentRecords> {
    this.#options.logger.error('no memory to assemble a request; trying again', { error: errorText(error) });
    if (!this.#isStopping) await this.#waits.wait(MEMORY_PAUSE_MS);
    return this.#isStopping ? { ...NOTHING_SENT, isComplete: false } : this.#sendRecords(records);
  }

  #giveUpUnreadable(record: QueuedRecord, error: unknown): SentRecords {
    this.#delivery.giveUpUnreadable(record.samples);
    this.#options.logger.error('record cannot be made into a request; it is dropped and counted', {
      sequence: record.sequence, samples: record.samples, error: errorText(error),
    });
    return { isComplete: true, rejectedSamples: record.samples, expiredSamples: 0 };
  }

  async #sendBodies(bodies: Generator<Body, undefined>): Promise<SentRecords> {
    let sum = NOTHING_SENT;
    try {
      for (let next = bodies.next(); next.done !== true; ) {
        const delivery = this.#delivery.deliver(next.value);
        // Its failure is seen below; until then nobody else listens, and a rejection without a listener ends the process.
        delivery.catch(() => undefined);
        // The request gets on its way first; the next body is assembled while it is answered.
        await turn();
        const following = attempt(() => bodies.next());
        sum = add(sum, await delivery);
        if (!sum.isComplete) return sum;
        next = following();
      }
      return sum;
    } finally {
      bodies.return(undefined);
    }
  }

  *#bodies(records: readonly QueuedRecord[]): Generator<Body, undefined> {
    // Bodies do not tell how many exemplars are in them; only the sum over the batch is exact.
    let exemplars = countExemplars(records);
    for (const raw of this.#assembler.bodies(records)) {
      exemplars -= yield* this.#delivery.bodies(raw.bytes, { samples: raw.samples, newestMs: raw.newestMs, exemplars });
    }
  }
}

interface SentRecords {
  readonly isComplete: boolean;
  readonly rejectedSamples: number;
  readonly expiredSamples: number;
}

const NOTHING_SENT: SentRecords = { isComplete: true, rejectedSamples: 0, expiredSamples: 0 };

function add(a: SentRecords, b: SentRecords): SentRecords {
  return {
    isComplete: a.isComplete && b.isComplete,
    rejectedSamples: a.rejectedSamples + b.rejectedSamples,
    expiredSamples: a.expiredSamples + b.expiredSamples,
  };
}

function countSamples(records: readonly QueuedRecord[]): number {
  let samples = 0;
  for (const record of records) samples += record.samples;
  return samples;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof TributaryError && error.code === 'ZSTD_MEMORY';
}

function countExemplars(records: readonly QueuedRecord[]): number {
  let exemplars = 0;
  for (const record of records) if (record.type === 'raw') exemplars += countRequest(record.payload).exemplars;
  return exemplars;
}

/** Does something now and gives its result, or its error, later. */
function attempt<T>(action: () => T): () => T {
  try {
    const result = action();
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
