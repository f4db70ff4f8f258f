// The simulated world of one run: time, disk, network, receivers, and the program that lives, dies and starts again in it. Keeps beside the
// program the plain numbers that it has to agree with, and looks at them at every observation.

import type { DestinationSettings } from '../../../src/destinations/config.ts';
import { type Random, seededRandom } from '../../../src/io/random.ts';
import type { QueueSettings } from '../../../src/queue/config.ts';
import type { StreamOptions } from '../../../src/queue/queue.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { snappyDecompress } from '../../../src/wire/snappy.ts';
import { zstdDecompress } from '../../../src/wire/zstd.ts';
import { createOracle, type Oracle, type OracleAnswer, type OracleOptions } from '../oracle/oracle.ts';
import { zstdContentBytes } from '../zstd-frame.ts';
import { Book } from './book.ts';
import { createSimulatedDisk, type Faults, type SimulatedDisk } from './disk.ts';
import { Life, START_MS } from './life.ts';
import { type ReceivedRequest, SimulatedNetwork } from './network.ts';
import { Program, QUEUE_PATH } from './program.ts';
import { SimulatedSource, type SimulatedTarget } from './source.ts';
import { SimulatedStores } from './stores.ts';
import { Timeline } from './timeline.ts';
import { Account } from './account.ts';

export interface DestinationOptions {
  readonly name: string;
  readonly settings: DestinationSettings;
  readonly stream: StreamOptions;
  readonly receiver: OracleOptions;
}

export interface WorldOptions {
  readonly seed: number;
  readonly queue: QueueSettings;
  readonly recentBytesMax: number;
  readonly destinations: readonly DestinationOptions[];
  readonly logger?: Logger;
  /** Steps that one life may take before it dies; asked at the beginning of each. */
  readonly dieAtStep?: () => number;
}

/** A program that cannot start so often never will. */
const FAILED_STARTS_MAX = 500;
/** Counters that nothing else tells are in ledger or checkpoint after this time, when the disk takes them. Milliseconds. */
const SAVED_WITHIN_MS = 12_000;

export type CrashMode = 'kill' | 'power loss';
/** What a crash does to the ledger besides. */
export type LedgerFate = 'kept' | 'lost' | 'damaged';

/** A destination, its receiver, and the numbers that have to agree. */
export interface Destination {
  readonly name: string;
  settings: DestinationSettings;
  readonly stream: StreamOptions;
  readonly oracle: Oracle;
  readonly book: Book;
  readonly account: Account;
}

export class World {
  readonly timeline = new Timeline();
  readonly source = new SimulatedSource();
  readonly network: SimulatedNetwork;
  readonly stores: SimulatedStores;
  readonly destinations: readonly Destination[];
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  disk: SimulatedDisk = createSimulatedDisk();
  life: Life;
  lives = 0;
  crashes = 0;
  /** Starts that the disk refused. */
  failedStarts = 0;
  /** Starts that came through, before the last one, which only looks at the counters. */
  starts = 0;
  program: Program | undefined;
  readonly #options: WorldOptions;
  readonly #random: (salt: number) => Random;
  readonly #diskRandom: Random;
  #faults: Partial<Faults> = {};
  #faultsSinceMs = Number.NEGATIVE_INFINITY;

  constructor(options: WorldOptions) {
    const { seed } = options;
    this.#options = options;
    this.#random = (salt) => seededRandom((seed * 2_654_435_761 + salt * 40_503) >>> 0);
    this.#diskRandom = this.#random(1);
    this.network = new SimulatedNetwork(this.timeline, this.#random(2));
    this.stores = new SimulatedStores(() => this.timeline.nowMs);
    this.life = new Life(this.timeline, this.#random(3));
    this.destinations = options.destinations.map((destination, i) => this.#createDestination(destination, i));
  }

  get wallMs(): number {
    return START_MS + this.timeline.nowMs;
  }

  note(text: string): void {
    this.trace.push(`${(this.timeline.nowMs / 1000).toFixed(3).padStart(10)} ${text}`);
  }

  violated(text: string): void {
    this.note(`VIOLATION ${text}`);
    if (this.violations.length < 20) this.violations.push(`at ${(this.timeline.nowMs / 1000).toFixed(3)} s: ${text}`);
  }

  isDead = (): boolean => this.life.isDead;

  /** Faults of the disk from now on, also across crashes. */
  setFaults(faults: Partial<Faults>): void {
    this.#faults = faults;
    this.#faultsSinceMs = this.timeline.nowMs;
    Object.assign(this.disk.faults, createSimulatedDisk().faults, faults);
  }

  /** Starts the program. False when it died while it started, or could not start because of the disk. */
  async start(dieAtStep = this.#options.dieAtStep?.() ?? Number.POSITIVE_INFINITY): Promise<boolean> {
    this.lives++;
    this.life = new Life(this.timeline, this.#random(1000 + this.lives));
    this.life.dieAtStep = dieAtStep;
    for (const target of this.source.targets) target.restart();
    const opening = Program.open({
      life: this.life, lifeNumber: this.lives, disk: this.disk, stores: this.stores, network: this.network, random: this.#random(2000 + this.lives),
      queue: this.#options.queue, recentBytesMax: this.#options.recentBytesMax, destinations: this.destinations,
      ...(this.#options.logger !== undefined && { logger: this.#options.logger }),
    });
    try {
      this.program = (await this.timeline.runFor(opening, this.isDead))?.value;
    } catch (error) {
      if (++this.failedStarts > FAILED_STARTS_MAX) throw error;
      this.note(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
      this.life.die('starting');
    }
    if (this.life.isDead || this.program === undefined) return false;
    this.starts++;
    this.note(`life ${this.lives} begins: ${this.destinations.map(({ name }) => JSON.stringify(this.#stateOf(name).counters)).join(' ')}`);
    for (const { name, account } of this.destinations) account.opened(this.#stateOf(name), this.violated.bind(this));
    return true;
  }

  /** What is left after the process died: the disk as the crash leaves it. */
  crashed(mode: CrashMode, ledger: LedgerFate = 'kept'): void {
    this.crashes++;
    this.life.isDead = true;
    this.program?.bury();
    this.program = undefined;
    this.note(`life ${this.lives} ends: ${mode} while ${this.life.diedDoing}${ledger === 'kept' ? '' : `, ledger ${ledger}`}`);
    for (const { account } of this.destinations) account.crashed(mode, this.disk);
    if (mode === 'power loss') {
      this.disk = this.disk.afterPowerLoss(() => this.#diskRandom.next());
      this.stores.losePower(() => this.#diskRandom.next());
      this.#prepareDisk();
    }
    // Somebody else's doing: the faults of the disk do not keep him from it.
    this.disk.faults.readOnly = false;
    if (ledger === 'lost') this.disk.remove(`${QUEUE_PATH}/ledger`);
    this.#prepareDisk();
    if (ledger === 'damaged') this.stores.damage();
  }

  /** Asks the program to stop, as on SIGTERM. False when it died on the way. */
  async stop(deadlineMs = 5000): Promise<boolean> {
    const { program } = this;
    if (program === undefined) return false;
    const stopped = await this.timeline.runFor(program.stop(deadlineMs), this.isDead);
    if (stopped === undefined) return false;
    this.life.die('having stopped');
    this.program = undefined;
    this.note(`life ${this.lives} stopped`);
    for (const { account } of this.destinations) account.stopped(!this.#hasFaults());
    return true;
  }

  /** One scrape: a record for every destination, written at the end of the turn. */
  async scrape(target: SimulatedTarget): Promise<void> {
    if (this.program === undefined || this.life.isDead) return;
    const record = target.scrape(Math.round(this.wallMs));
    for (const { name, account } of this.destinations) {
      account.append(record.samples, this.#segmentBytes(name));
      this.program.streams.get(name)!.append([record]);
    }
    await this.timeline.settle();
    if (this.life.isDead) return;
    for (const { name, account } of this.destinations) account.written(this.#segmentBytes(name));
  }

  /** New settings for a destination, as by a reload. */
  reload(destination: Destination, settings: DestinationSettings): void {
    destination.settings = settings;
    this.program?.senders.get(destination.name)?.update(settings);
  }

  /** Compares what the program says with what is so. */
  observe(): void {
    if (this.program === undefined || this.life.isDead) return;
    for (const delayMs of this.life.oddTimers.splice(0)) this.violated(`a timer of ${delayMs} ms`);
    for (const { name, account, book } of this.destinations) {
      for (const text of book.violations.splice(0)) this.violated(`${name}: ${text}`);
      if (!this.#hasFaults() && this.timeline.nowMs - this.#faultsSinceMs > SAVED_WITHIN_MS) account.saved();
      account.observe(this.#stateOf(name), book.distinct, (text) => this.violated(`${name}: ${text}`));
    }
  }

  /** Whether everything has been settled. */
  isDrained(): boolean {
    const { program } = this;
    return program !== undefined && [...program.streams.values()].every((stream) => stream.state().counters.pending === 0);
  }

  #hasFaults(): boolean {
    return Object.keys(this.#faults).length > 0;
  }

  #stateOf(name: string) {
    return this.program!.streams.get(name)!.state();
  }

  #prepareDisk(): void {
    Object.assign(this.disk.faults, this.#faults);
    this.disk.syncWait = () => this.timeline.sleep(3);
  }

  /** Bytes of each segment file of a stream. */
  #segmentBytes(name: string): Map<string, number> {
    const prefix = `${QUEUE_PATH}/streams/${name}/`;
    return new Map([...this.disk.files].filter(([path]) => path.startsWith(prefix)).map(([path, data]) => [path, data.length]));
  }

  #createDestination(options: DestinationOptions, i: number): Destination {
    const oracle = createOracle(options.receiver);
    const book = new Book(this.source, oracle);
    const host = new URL(options.settings.url).hostname;
    const address = `10.0.0.${i + 1}`;
    this.network.names.set(host, address);
    this.network.sites.set(address, { oracle, received: (request, answer) => this.#received(book, oracle, request, answer) });
    this.#prepareDisk();
    return { name: options.name, settings: options.settings, stream: options.stream, oracle, book, account: new Account(options.stream) };
  }

  #received(book: Book, oracle: Oracle, request: ReceivedRequest, answer: OracleAnswer): () => void {
    const { keptSamples, samples } = oracle.log.at(-1)!;
    const { headers, body, life, atMs, begunMs } = request;
    const retry = headers['retry-attempt'] === undefined ? '' : ` (repetition ${headers['retry-attempt']})`;
    if (answer.status >= 400 || retry !== '') this.note(`${request.url} answers ${answer.status}${retry}, ${keptSamples} of ${samples} samples kept: ${answer.body.slice(0, 200)}`);
    if (keptSamples === 0) return () => undefined;
    const isZstd = headers['content-encoding'] === 'zstd';
    const expanded = isZstd ? zstdDecompress(body, zstdContentBytes(body)) : snappyDecompress(body);
    const message = headers['content-type']?.includes('write.v2') === true ? '2.0' : '1.0';
    const noted = book.received({ headers, expanded, message }, { life, atMs, begunMs, keptSamples });
    return () => {
      if (answer.status >= 200 && answer.status <= 299) noted.acknowledgedMs = this.timeline.nowMs;
    };
  }
}
