// Opens the queue: takes the folder, checks its format, opens the ledger and recovers every stream in it. The folder:
//
//   FORMAT  lock  notes.json  ledger/  quarantine/  streams/<encoded name>/<16 hex>.seg

import type { Clock } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { errorText, TributaryError } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CommandQueue, OpenStream } from './command-queue.ts';
import { nameProblem } from './config.ts';
import type { QueueSettings } from './config.ts';
import type { QueueContext, StreamContext } from './context.ts';
import { Ledger } from './ledger.ts';
import { openLevelStore, type OpenStore, StoreLocked } from './ledger-store.ts';
import { Notes } from './notes.ts';
import { Pressure, RESERVE_BYTES } from './pressure.ts';
import { Quarantine } from './quarantine.ts';
import type { RetiredStream, Stream, StreamOptions } from './queue.ts';
import { createQueueMetrics } from './queue-metrics.ts';
import { RECENT_BYTES_MAX, RecentBudget } from './recent.ts';
import { type Recovered, newStream, recoverStream } from './recovery.ts';
import { RefusedSamples } from './refused.ts';
import { Retired } from './retired.ts';
import { decodeName, encodeName } from './stream-name.ts';
import { QueueStream } from './stream.ts';

const FORMAT = 1;
/** Images read back from disk, all streams together. Bytes. */
const IMAGE_BYTES_MAX = 64 * 1024 ** 2;

export interface QueueOptions {
  /** Folder of the queue; created when absent. */
  readonly path: string;
  readonly settings: QueueSettings;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Recent records held in memory, all streams together. Bytes; default 32 MiB. */
  readonly recentBytesMax?: number;
  /** Room that is kept for the ledger when the disk is full. Bytes; default 1 MiB. */
  readonly reserveBytes?: number;
  /** What the ledger is kept in; LevelDB by default. */
  readonly openStore?: OpenStore;
}

/**
 * Opens the queue in a folder and recovers its streams. Fails with QUEUE_LOCKED when another process has it, QUEUE_FORMAT_NEWER when a
 * later version wrote it, and the system's error when the folder cannot be used at all. Damage never makes it fail.
 */
export async function openQueue(options: QueueOptions): Promise<CommandQueue> {
  const { path, disk } = options;
  disk.makeFolder(path);
  checkFormat(disk, path);
  const metrics = createQueueMetrics(options.metrics);
  const ledger = await openLedger(options, () => metrics.ledgerDamaged.inc());
  sign(options);
  const notes = new Notes(disk, `${path}/notes.json`, ledger);
  const retired = new Retired(notes, options.clock, options.settings.removedGraceMs);
  const context: QueueContext = {
    ...options,
    metrics,
    ledger,
    recent: new RecentBudget(options.recentBytesMax ?? RECENT_BYTES_MAX),
    images: { bytes: 0, bytesMax: IMAGE_BYTES_MAX },
    quarantine: new Quarantine(disk, `${path}/quarantine`),
    refused: new RefusedSamples({ ...options, path: `${path}/refused` }),
    pressure: new Pressure({ ...options, retired, reserveBytes: options.reserveBytes ?? RESERVE_BYTES }),
  };
  return new FolderQueue({ context, root: path, recovered: recoverAll(context, path), notes, retired }, options.metrics);
}

/** FORMAT says `tributary-queue 1`. A file that says nothing readable is damage: the records carry the version as well. */
function checkFormat(disk: Disk, path: string): void {
  if (!disk.exists(`${path}/FORMAT`)) return;
  const found = /^tributary-queue (\d+)\n?$/.exec(Buffer.from(disk.readFile(`${path}/FORMAT`)).toString());
  const version = Number(found?.[1] ?? FORMAT);
  if (version <= FORMAT) return;
  throw new TributaryError('QUEUE_FORMAT_NEWER', `the queue in ${path} has format ${version}, this version reads up to format ${FORMAT}`);
}

/** Says whose the folder is and which format it has. A full disk is no reason not to start: what is on it is to be delivered. */
function sign({ path, disk, logger }: QueueOptions): void {
  try {
    disk.writeFile(`${path}/lock`, Buffer.from(`${process.pid}\n`));
    disk.writeFile(`${path}/FORMAT`, Buffer.from(`tributary-queue ${FORMAT}\n`));
  } catch (error) {
    logger.warn('the folder of the queue cannot be written', { path, error: errorText(error) });
  }
}

async function openLedger(options: QueueOptions, onDamage: () => void): Promise<Ledger> {
  const { path, disk, clock, logger } = options;
  try {
    return await Ledger.open({ path: `${path}/ledger`, disk, clock, logger, openStore: options.openStore ?? openLevelStore, onDamage });
  } catch (error) {
    if (!(error instanceof StoreLocked)) throw error;
    const pid = disk.exists(`${path}/lock`) ? Buffer.from(disk.readFile(`${path}/lock`)).toString().trim() : 'unknown';
    throw new TributaryError('QUEUE_LOCKED', `the queue in ${path} is in use by the process with pid ${pid}`, { cause: error });
  }
}

function recoverAll(context: QueueContext, root: string): Map<string, Recovered> {
  const { disk, ledger, logger } = context;
  const streams = new Map<string, Recovered>();
  const folders = new Set([...ledger.entries('s/')].map(([key]) => key.slice(2)));
  if (disk.exists(`${root}/streams`)) for (const folder of disk.list(`${root}/streams`)) folders.add(folder);
  for (const folder of folders) {
    const name = decodeName(folder);
    if (name === undefined) continue;
    const path = `${root}/streams/${folder}`;
    const recovered = recoverStream(disk, path, folder, ledger);
    streams.set(name, recovered);
    report(logger, name, recovered);
    if (recovered.missingRecords > 0) context.metrics.corruptRecords.with(name).inc(recovered.missingRecords);
  }
  return streams;
}

function report(logger: Logger, name: string, recovered: Recovered): void {
  const pending = recovered.samples - recovered.settled.samples;
  const { scanned, missingRecords } = recovered;
  const fields = { destination: name, segments: recovered.segments.length, scanned, pending_samples: pending };
  if (missingRecords > 0) logger.error('segments of the queue are missing', { ...fields, records: missingRecords });
  else logger.info('the queue of a destination was opened', fields);
}

interface FolderParts {
  readonly context: QueueContext;
  readonly root: string;
  readonly recovered: Map<string, Recovered>;
  readonly notes: Notes;
  readonly retired: Retired;
}

class FolderQueue implements CommandQueue {
  readonly #context: QueueContext;
  readonly #root: string;
  /** On disk and not opened yet. */
  readonly #recovered: Map<string, Recovered>;
  readonly #streams = new Map<string, QueueStream>();
  readonly #notes: Notes;
  readonly #retired: Retired;
  #isWriting = false;
  #closed: Promise<void> | undefined;

  constructor({ context, root, recovered, notes, retired }: FolderParts, metrics: Metrics) {
    this.#context = context;
    this.#root = root;
    this.#recovered = recovered;
    this.#notes = notes;
    this.#retired = retired;
    for (const { segments } of recovered.values()) context.pressure.usage.bytes += bytesOf(segments);
    metrics.beforeExposition(() => this.#setGauges());
  }

  stream(name: string, options: StreamOptions): Stream {
    const stream = this.#streams.get(name) ?? this.#open(name, options);
    if (this.#retired.removedMs(name) !== undefined) this.#context.metrics.retiredBytes.remove(name);
    this.#retired.delete(name);
    stream.configure(options);
    return stream;
  }

  #open(name: string, options: StreamOptions): QueueStream {
    const folder = encodeName(name);
    const problem = nameProblem(name);
    if (problem !== undefined) throw new TributaryError('QUEUE_NAME', problem);
    const context: StreamContext = { ...this.#context, name, folder, path: `${this.#root}/streams/${folder}` };
    const recovered = this.#recovered.get(name) ?? newStream();
    // From here on the stream counts its bytes itself.
    if (this.#recovered.delete(name)) this.#context.pressure.usage.bytes -= bytesOf(recovered.segments);
    const stream = new QueueStream(context, recovered, options, () => this.#scheduleWrite());
    this.#streams.set(name, stream);
    return stream;
  }

  get refused(): RefusedSamples {
    return this.#context.refused;
  }

  find(name: string): OpenStream | undefined {
    const open = this.#streams.get(name);
    // Without a quota: it is the next configuration that gives it one.
    return open ?? (this.#recovered.has(name) ? this.#open(name, { maxBytes: Infinity }) : undefined);
  }

  async remove(name: string): Promise<void> {
    const stream = this.#streams.get(name);
    this.#streams.delete(name);
    this.#retired.delete(name);
    await stream?.remove();
    const { pendingSamples, pendingRecords, pendingBytes, diskBytes, segments, mode, blocked, retiredBytes } = this.#context.metrics;
    for (const gauge of [pendingSamples, pendingRecords, pendingBytes, diskBytes, segments, mode, blocked, retiredBytes]) gauge.remove(name);
  }

  retire(name: string): void {
    if (this.#retired.removedMs(name) !== undefined || !this.names().includes(name)) return;
    this.#retired.add(name);
    (this.#streams.get(name) ?? this.#open(name, { maxBytes: Infinity })).retire();
  }

  retired(): RetiredStream[] {
    return this.#retired.names().map((name) => ({
      name, removedMs: this.#retired.removedMs(name)!, isParked: this.#retired.isParked(name), state: this.#streams.get(name)!.state(),
    }));
  }

  isBlocked(): boolean {
    for (const stream of this.#streams.values()) if (stream.isBlocked) return true;
    return false;
  }

  names(): string[] {
    return [...new Set([...this.#recovered.keys(), ...this.#streams.keys()])].sort();
  }

  note(key: string): string | undefined {
    return this.#notes.get(key);
  }

  setNote(key: string, value: string): Promise<void> {
    return this.#notes.set(key, value);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#streams.values()].map((stream) => stream.close()));
    await this.#context.ledger.close();
    try {
      this.#unlock();
    } catch {
      // It only says who has the queue; a file system that became read-only keeps it.
    }
  }

  #unlock(): void {
    try {
      this.#context.disk.remove(`${this.#root}/lock`);
    } catch (error) {
      // It only tells a person who has the folder; the lock itself is the ledger's.
      this.#context.logger.warn('the lock file of the queue cannot be removed', { error: errorText(error) });
    }
  }

  /** Everything appended in one turn of the event loop, across all streams, is written at the end of it. */
  #scheduleWrite(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    setImmediate(() => {
      this.#isWriting = false;
      for (const stream of this.#streams.values()) stream.write();
    });
  }

  #setGauges(): void {
    const { metrics, recent } = this.#context;
    metrics.memoryBytes.set(recent.bytes);
    for (const stream of this.#streams.values()) {
      const state = stream.state();
      metrics.pendingSamples.with(state.name).set(state.counters.pending);
      metrics.pendingRecords.with(state.name).set(state.pendingRecords);
      metrics.pendingBytes.with(state.name).set(state.pendingBytes);
      metrics.diskBytes.with(state.name).set(state.diskBytes);
      metrics.segments.with(state.name).set(state.segments);
      metrics.blocked.with(state.name).set(state.isBlocked ? 1 : 0);
      if (this.#retired.removedMs(state.name) !== undefined) metrics.retiredBytes.with(state.name).set(state.diskBytes);
      metrics.mode.with(state.name).set(['ok', 'full', 'failing'].indexOf(state.mode));
    }
  }
}

function bytesOf(segments: Recovered['segments']): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}
