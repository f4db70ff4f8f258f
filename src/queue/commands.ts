// What people do with a queue by command: list, inspect, export, drop, retry, adopt. The functions work on an open queue, beside a sender that runs:
// the same ones serve the agent (over its control socket) and the program that opens the folder itself. Each gives lines for people, piece by
// piece, and returns its figures, which become the last line. How they are used: docs/queue-commands.md.

import { setImmediate as nextTurn } from 'node:timers/promises';

import { TributaryError } from '../model/error.ts';
import { nearest } from '../model/nearest.ts';
import type { CommandQueue, CommandSpecimen, OpenStream } from './command-queue.ts';
import { type ExportFigures, exportRecords, exportRequest, noExport, timeRange } from './commands-export.ts';
import { inspectLines, listLines } from './commands-text.ts';
import { removedNote } from './retired.ts';
import type { QueuedRecord, RecordInput } from './queue.ts';

export type QueueCommand =
  | { readonly command: 'list' }
  | { readonly command: 'inspect'; readonly name: string }
  | { readonly command: 'export'; readonly name: string; readonly quarantine: boolean }
  /** `quarantine`: all entries, or the one with this id, instead of what is pending. */
  | { readonly command: 'drop'; readonly name: string; readonly quarantine: boolean; readonly id?: string }
  | { readonly command: 'retry'; readonly name: string; readonly id?: string }
  | { readonly command: 'adopt'; readonly from: string; readonly to: string };

export interface CommandContext {
  readonly queue: CommandQueue;
  /** Of a destination; undefined when no agent runs, hence nothing is known. */
  readonly specimens?: (name: string) => readonly CommandSpecimen[];
  /** Aborted when the queue is about to be closed: long changes end between two batches. */
  readonly signal?: AbortSignal;
}

export type Figures = Readonly<Record<string, unknown>>;
/** Pieces of text, each of whole lines; the figures at the end. */
export type CommandRun = AsyncGenerator<string, Figures>;

/** One batch of an export: memory, and the time for which the event loop is held. */
const EXPORT_BATCH = { samples: 200_000, bytes: 4 * 1024 ** 2 };
/** One batch of records that change streams. */
const ADOPT_BATCH = { samples: 1_000_000, bytes: 2 * 1024 ** 2 };
/** Text that is handed on at once, characters. */
const PIECE_CHARACTERS = 64 * 1024;

/**
 * Runs a command. Fails with QUEUE_STREAM_UNKNOWN, QUEUE_ENTRY_UNKNOWN, QUEUE_ADOPT_REFUSED or QUEUE_NO_ROOM; what was done before stays done and the message
 * says how much it was.
 */
export function runCommand(context: CommandContext, command: QueueCommand): CommandRun {
  switch (command.command) {
    case 'list': return list(context);
    case 'inspect': return inspect(context, command.name);
    case 'export': return command.quarantine ? exportRefused(context, command.name) : exportPending(context, command.name);
    case 'drop': return command.quarantine ? dropRefused(context, command.name, command.id) : dropPending(context, command.name);
    case 'retry': return retry(context, command.name, command.id);
    case 'adopt': return adopt(context, command.from, command.to);
  }
}

async function* list({ queue }: CommandContext): CommandRun {
  const names = knownNames(queue);
  let pending = 0;
  let diskBytes = 0;
  let quarantined = 0;
  for (const name of names) {
    const stream = queue.find(name);
    const state = stream?.state();
    const entries = queue.refused.count(name);
    pending += state?.counters.pending ?? 0;
    diskBytes += state?.diskBytes ?? 0;
    quarantined += entries;
    yield lines(listLines(name, state, { entries, removedMs: removedMs(queue, name) }));
    await nextTurn();
  }
  return { command: 'list', streams: names.length, pendingSamples: pending, diskBytes, quarantinedEntries: quarantined, quarantinedBytes: queue.refused.bytes };
}

async function* inspect({ queue, specimens }: CommandContext, name: string): CommandRun {
  const stream = known(queue, name);
  const ids = queue.refused.ids(name);
  const entries = ids.map((id) => queue.refused.entry(name, id));
  const state = stream?.state();
  const details = stream?.details();
  yield lines(inspectLines(name, { state, details, removedMs: removedMs(queue, name), ids, entries, specimens: specimens?.(name) }));
  const { counters } = state ?? {};
  const whole = entries.filter((entry) => entry !== undefined);
  return {
    command: 'inspect', name, ...(counters !== undefined && { counters }), segments: state?.segments ?? 0, diskBytes: state?.diskBytes ?? 0,
    gaps: details === undefined ? 0 : Math.max(0, details.pending.length - 1),
    quarantinedEntries: ids.length, damagedEntries: ids.length - whole.length, quarantinedSamples: sum(whole.map((entry) => entry.samples)),
  };
}

async function* exportPending({ queue }: CommandContext, name: string): CommandRun {
  const stream = known(queue, name);
  const figures = noExport();
  let records = 0;
  // A place of its own: the sender's must not be disturbed. What is appended meanwhile is not part of it.
  const reader = stream?.openReader();
  const until = stream?.state().lastSequence ?? 0;
  try {
    for (let after = 0; reader !== undefined; ) {
      const batch = reader.read(after, { ...EXPORT_BATCH, until });
      if (batch.length === 0) break;
      records += batch.length;
      after = batch.at(-1)!.sequence;
      yield* inPieces(exportRecords(batch, figures));
    }
  } finally {
    reader?.close();
  }
  return exportFigures(name, figures, { records });
}

async function* exportRefused({ queue }: CommandContext, name: string): CommandRun {
  known(queue, name);
  const figures = noExport();
  let entries = 0;
  let damagedEntries = 0;
  for (const id of queue.refused.ids(name)) {
    const found = queue.refused.read(name, id);
    if (found === undefined) damagedEntries++;
    else {
      entries++;
      yield* inPieces(exportRequest(found.body, figures));
    }
  }
  return exportFigures(name, figures, { entries, damagedEntries });
}

function exportFigures(name: string, figures: ExportFigures, more: Figures): Figures {
  return { command: 'export', name, ...more, ...figures };
}

async function* dropPending({ queue }: CommandContext, name: string): CommandRun {
  const stream = known(queue, name);
  if (stream === undefined) throw unknownStream(queue, name, 'it has quarantined samples only, drop them with --quarantine');
  const before = stream.state();
  const lostBefore = before.counters.lost.dropped;
  stream.settle(1, before.lastSequence, { dropped: Infinity });
  const samples = stream.state().counters.lost.dropped - lostBefore;
  const isRemoved = removedMs(queue, name) !== undefined;
  if (isRemoved) await queue.remove(name);
  yield lines([`${name}: ${samples} samples of ${before.pendingRecords} records dropped${isRemoved ? ', its folder is removed' : ''}`]);
  return { command: 'drop', name, records: before.pendingRecords, samples, folderRemoved: isRemoved };
}

async function* dropRefused({ queue }: CommandContext, name: string, id: string | undefined): CommandRun {
  known(queue, name);
  const ids = chosen(queue, name, id);
  let samples = 0;
  let entries = 0;
  for (const one of ids) {
    samples += queue.refused.entry(name, one)?.samples ?? 0;
    queue.refused.remove(name, one);
    if (++entries % 100 === 0) await nextTurn();
  }
  yield lines([`${name}: ${entries} quarantined entries with ${samples} samples dropped`]);
  return { command: 'drop', name, entries, samples };
}

async function* retry({ queue, signal }: CommandContext, name: string, id: string | undefined): CommandRun {
  const stream = known(queue, name);
  const ids = chosen(queue, name, id);
  if (stream === undefined) throw unknownStream(queue, name, 'its quarantined samples have no stream to go back to; export them');
  let entries = 0;
  let samples = 0;
  let damagedEntries = 0;
  for (const one of ids) {
    signal?.throwIfAborted();
    const found = queue.refused.read(name, one);
    if (found === undefined) {
      damagedEntries++;
      continue;
    }
    const record: RecordInput = { type: 'raw', samples: found.entry.samples, ...timeRange(found.body), body: found.body };
    const isKept = stream.moveIn([record]) === undefined && (await stream.flush());
    if (!isKept) throw noRoom(stream, `${entries} of ${ids.length} entries of ${name} were put back`);
    queue.refused.remove(name, one);
    entries++;
    samples += found.entry.samples;
    await nextTurn();
  }
  yield lines([`${name}: ${entries} quarantined entries with ${samples} samples put back${damagedEntries === 0 ? '' : `, ${damagedEntries} are damaged and stay`}`]);
  return { command: 'retry', name, entries, samples, damagedEntries };
}

/** One batch after the other: written to the new stream and on the disk there, then settled in the old one. A crash in between repeats that batch. */
async function* adopt({ queue, signal }: CommandContext, from: string, to: string): CommandRun {
  const source = known(queue, from);
  const target = known(queue, to);
  if (from === to) throw new TributaryError('QUEUE_ADOPT_REFUSED', `adopt: ${from} cannot adopt itself`);
  if (source === undefined || target === undefined) throw unknownStream(queue, source === undefined ? from : to, 'it has quarantined samples only');
  if (removedMs(queue, from) === undefined) {
    throw new TributaryError('QUEUE_ADOPT_REFUSED', `adopt: ${from} still has a destination; remove it from the configuration and reload first`);
  }
  let records = 0;
  let samples = 0;
  for (let batch = await source.read(0, ADOPT_BATCH); batch.length > 0; batch = await source.read(batch.at(-1)!.sequence, ADOPT_BATCH)) {
    signal?.throwIfAborted();
    const refusal = target.moveIn(batch.map(toInput));
    if (refusal !== undefined || !(await target.flush())) throw noRoom(target, `${records} records with ${samples} samples were moved before`, refusal);
    // Damaged records between them were settled by the reading.
    source.settle(batch[0]!.sequence, batch.at(-1)!.sequence, { movedOut: Infinity });
    records += batch.length;
    for (const record of batch) samples += record.samples;
    await nextTurn();
  }
  yield lines([`${records} records with ${samples} samples went from ${from} to ${to}; tributary queue drop ${from} removes what is left of it`]);
  return { command: 'adopt', from, to, records, samples };
}

function toInput(record: QueuedRecord): RecordInput {
  const { samples, oldestMs, newestMs, timestampMs, positions, payload, image } = record;
  if (image === undefined) return { type: 'raw', samples, oldestMs, newestMs, body: payload };
  return { type: 'samples', image, positions, samples, timestampMs, oldestMs, newestMs, column: payload };
}

/** When its destination was removed, milliseconds since the epoch; undefined while it has one, as far as the last collector knew. */
function removedMs(queue: CommandQueue, name: string): number | undefined {
  const note = queue.note(removedNote(name));
  return note === undefined ? undefined : Number(note);
}

function noRoom(stream: OpenStream, done: string, refusal = stream.state().lastError): TributaryError {
  return new TributaryError('QUEUE_NO_ROOM', `the queue of ${stream.name} takes no more: ${refusal ?? 'the disk refuses'}; ${done}, the rest stays where it was`);
}

function chosen(queue: CommandQueue, name: string, id: string | undefined): string[] {
  const ids = queue.refused.ids(name);
  if (id === undefined) return ids;
  if (ids.includes(id)) return [id];
  const expected = ids.length === 0 ? 'it has none' : `see: tributary queue inspect ${name}`;
  throw new TributaryError('QUEUE_ENTRY_UNKNOWN', `${name} has no quarantined entry ${JSON.stringify(id)}; ${expected}`);
}

function knownNames(queue: CommandQueue): string[] {
  return [...new Set([...queue.names(), ...queue.refused.streams()])].sort();
}

/** The stream, undefined when only quarantined samples of it are left. */
function known(queue: CommandQueue, name: string): OpenStream | undefined {
  if (knownNames(queue).includes(name)) return queue.find(name);
  throw unknownStream(queue, name);
}

function unknownStream(queue: CommandQueue, name: string, reason?: string): TributaryError {
  const names = knownNames(queue);
  const close = nearest(name, names);
  const hint = reason ?? (close !== undefined ? `did you mean ${JSON.stringify(close)}?` : names.length === 0 ? 'the queue is empty' : `there are: ${names.slice(0, 20).join(', ')}`);
  return new TributaryError('QUEUE_STREAM_UNKNOWN', `the queue has no stream ${JSON.stringify(name)}; ${hint}`);
}

/** Lines joined to pieces that are worth handing on; the event loop gets its turn after each. */
async function* inPieces(some: Iterable<string>): AsyncGenerator<string, void> {
  let piece = '';
  for (const line of some) {
    piece += `${line}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
    await nextTurn();
  }
  if (piece !== '') yield piece;
  await nextTurn();
}

function lines(some: readonly string[]): string {
  return some.map((line) => `${line}\n`).join('');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
