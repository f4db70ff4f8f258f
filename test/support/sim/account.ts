// The accounts of one stream as the world knows them: what was given to it, what must be on disk, and what a crash may have taken. The stream's own
// counters have to agree with it at every observation and after every crash.

import type { LossReason, StreamOptions, StreamState } from '../../../src/queue/queue.ts';
import type { SimulatedDisk } from './disk.ts';

/** A checkpoint is written whatever the quota says: it is what the accounts need. Bytes. */
const CHECKPOINT_BYTES_MAX = 1024;

/** Samples written together, and where they lie. */
interface Written {
  readonly samples: number;
  /** Path to the size the file must have for them to be whole. */
  readonly files: readonly (readonly [path: string, bytes: number])[];
}

type Violated = (text: string) => void;

export class Account {
  /** Samples given to the stream. */
  issued = 0;
  /** Of those, gone with a crash before they were on disk. */
  vanished = 0;
  /** Most that crashes may have taken. */
  maybe = 0;
  lost: Readonly<Record<LossReason, number>> | undefined;
  readonly #stream: StreamOptions;
  /** `appended` as it has to be now. */
  #appended = 0;
  /** Given to the stream in a turn that has not ended. */
  #inTurn = 0;
  #filesBefore: ReadonlyMap<string, number> = new Map();
  #notOnMedium: Written[] = [];
  #crash: { readonly unwritten: number; readonly unsynced: number; readonly refused: number } | undefined;
  /** Samples that the disk refused, and of those what was saved for certain. */
  #refused = 0;
  #refusedSaved = 0;
  /** Counted after a crash although it was not safe, such as half a record; the next crash may take it before that is saved. */
  #doubtful = 0;

  constructor(stream: StreamOptions) {
    this.#stream = stream;
  }

  append(samples: number, files: ReadonlyMap<string, number>): void {
    this.issued += samples;
    this.#inTurn += samples;
    this.#filesBefore = files;
  }

  /** The turn has ended: what was given is in the files, or refused and counted. */
  written(files: ReadonlyMap<string, number>): void {
    const grown = [...files].filter(([path, bytes]) => bytes > (this.#filesBefore.get(path) ?? 0));
    this.#notOnMedium.push({ samples: this.#inTurn, files: grown });
    // No file has grown: the disk refused it, which is only counted in memory so far.
    if (grown.length === 0) this.#refused += this.#inTurn;
    this.#appended += this.#inTurn;
    this.#inTurn = 0;
  }

  /** `isSaved`: the disk took what the stop had to save, and synced it. */
  stopped(isSaved: boolean): void {
    if (isSaved) this.#notOnMedium = [];
    else this.#crash = { unwritten: 0, unsynced: 0, refused: this.#unsaved() };
  }

  /** Nothing has gone wrong with the disk for longer than counters wait to be saved. */
  saved(): void {
    this.#refusedSaved = this.#refused;
    this.#doubtful = 0;
  }

  /** Counted, and gone with the memory of the process. What was saved may have been forgotten with an earlier crash. */
  #unsaved(): number {
    return Math.max(0, this.#refused - this.#refusedSaved) + this.#doubtful;
  }

  crashed(mode: 'kill' | 'power loss', disk: SimulatedDisk): void {
    const earlier = this.#crash ?? { unwritten: 0, unsynced: 0, refused: 0 };
    const isOnMedium = ({ files }: Written) => files.every(([path, bytes]) => !disk.files.has(path) || disk.durableBytes(path) >= bytes);
    this.#notOnMedium = this.#notOnMedium.filter((one) => !isOnMedium(one));
    const unsynced = mode === 'kill' ? 0 : this.#notOnMedium.reduce((sum, { samples }) => sum + samples, 0);
    if (mode === 'power loss') this.#notOnMedium = [];
    this.#crash = { unwritten: earlier.unwritten + this.#inTurn, unsynced: earlier.unsynced + unsynced, refused: this.#unsaved() };
    this.#inTurn = 0;
  }

  /** After a crash some of what was not safe may be there. */
  opened({ counters }: StreamState, violated: Violated): void {
    const { unwritten, unsynced, refused } = this.#crash ?? { unwritten: 0, unsynced: 0, refused: 0 };
    this.#crash = undefined;
    this.#refused = counters.lost.disk_full + counters.lost.quota;
    this.#refusedSaved = Math.min(this.#refusedSaved, this.#refused);
    const { appended } = counters;
    const least = this.#appended - unsynced - refused;
    const most = this.#appended + unwritten;
    if (appended < least || appended > most) violated(`after a crash ${appended} samples are appended, expected ${least} to ${most}`);
    this.#doubtful = Math.max(0, appended - least);
    this.maybe += unwritten + unsynced + refused;
    this.#appended = appended;
    this.vanished = this.issued - appended;
  }

  observe(state: StreamState, arrived: number, violated: Violated): void {
    const { counters } = state;
    const { appended, movedIn, acknowledged, deduplicated, lost, pending } = counters;
    this.lost = lost;
    this.#refused = lost.disk_full + lost.quota;
    const ended = acknowledged + deduplicated + sum(lost) + pending;
    if (appended + movedIn !== ended) violated(`the identity does not hold: ${JSON.stringify(counters)}`);
    if (appended !== this.#appended + this.#inTurn) violated(`${appended} samples are appended, expected ${this.#appended}`);
    if (acknowledged + deduplicated > arrived) violated(`${acknowledged} samples are acknowledged and ${deduplicated} deduplicated, ${arrived} have arrived`);
    if (state.diskBytes > this.#stream.maxBytes + CHECKPOINT_BYTES_MAX) violated(`${state.diskBytes} bytes on disk, the quota is ${this.#stream.maxBytes}`);
    if (pending < 0 || state.pendingRecords < 0) violated(`pending is negative: ${pending}`);
  }

  lostSamples(): number {
    return this.lost === undefined ? 0 : sum(this.lost);
  }
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
