// One batch: records read together, assembled into bodies, delivered and settled. A batch that cannot be assembled is halved until the record
// that spoils it is alone; that one is given up. Bodies go out one after another where the receiver needs the order, else several at a
// time; either way the next one is assembled while an answer is awaited.

import { setImmediate as turn } from 'node:timers/promises';
import { errorText, TributaryError } from '../model/error.ts';
import type { QueuedRecord, Settled, Stream } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Body } from './body.ts';
import type { Delivery } from './delivery.ts';
import type { Lane } from './gate.ts';
import { countRequest } from './split.ts';
import type { Waits } from './waits.ts';

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

export interface BatchContext {
  readonly lane: Lane;
  /** The records may be stored already: an earlier process sent them and ended before the answer. */
  readonly isRepetition: boolean;
  readonly stream: Stream;
  readonly delivery: Delivery;
  readonly assembler: BodyAssembler;
  readonly waits: Waits;
  readonly logger: Logger;
  readonly isStopping: () => boolean;
  /** Bodies that may be under way together. */
  readonly parallel: () => number;
  readonly zstdLevel: () => number;
}

export interface BatchResult {
  /** False when it was given up for now: nothing may be settled. */
  readonly isComplete: boolean;
  readonly settled: Settled;
}

const NOTHING: BatchResult = { isComplete: true, settled: {} };

/** Delivers the records. What was not acknowledged is counted in the result. */
export async function sendBatch(context: BatchContext, records: readonly QueuedRecord[]): Promise<BatchResult> {
  if (records.length === 0) return NOTHING;
  try {
    return await sendBodies(context, bodiesOf(context, records));
  } catch (error) {
    if (isOutOfMemory(error)) return sendLater(context, records, error);
    if (records.length === 1) return giveUp(context, records[0]!, error);
    const middle = records.length >> 1;
    const older = await sendBatch(context, records.slice(0, middle));
    return older.isComplete ? add(older, await sendBatch(context, records.slice(middle))) : older;
  }
}

/** No room to assemble now says nothing about the records. */
async function sendLater(context: BatchContext, records: readonly QueuedRecord[], error: unknown): Promise<BatchResult> {
  context.logger.error('no memory to assemble a request; trying again', { error: errorText(error) });
  if (!context.isStopping()) await context.waits.wait(MEMORY_PAUSE_MS);
  return context.isStopping() ? { isComplete: false, settled: {} } : sendBatch(context, records);
}

function giveUp({ delivery, logger }: BatchContext, record: QueuedRecord, error: unknown): BatchResult {
  delivery.giveUpUnreadable(record.samples);
  logger.error('record cannot be made into a request; it is dropped and counted', {
    sequence: record.sequence, samples: record.samples, error: errorText(error),
  });
  return { isComplete: true, settled: { rejected: record.samples } };
}

async function sendBodies(context: BatchContext, bodies: Generator<Body, undefined>): Promise<BatchResult> {
  const open = new Set<Promise<void>>();
  let sum = NOTHING;
  let failure: { readonly error: unknown } | undefined;
  const send = (body: Body): Promise<void> =>
    context.delivery.deliver(body, { lane: context.lane, isRepetition: context.isRepetition }).then(
      (result) => void (sum = add(sum, result)),
      (error: unknown) => void (failure ??= { error }),
    );
  try {
    for (let next = bodies.next(); next.done !== true && sum.isComplete && failure === undefined; ) {
      const sending = send(next.value).finally(() => open.delete(sending));
      open.add(sending);
      // The request gets on its way first; the next body is assembled while it is answered.
      await turn();
      const following = attempt(() => bodies.next());
      while (open.size >= context.parallel()) await Promise.race(open);
      next = following();
    }
  } finally {
    await Promise.all(open);
    bodies.return(undefined);
  }
  if (failure !== undefined) throw failure.error;
  return sum;
}

function* bodiesOf(context: BatchContext, records: readonly QueuedRecord[]): Generator<Body, undefined> {
  // Bodies do not tell how many exemplars are in them; only the sum over the batch is exact.
  let exemplars = countExemplars(records);
  for (const { bytes, samples, newestMs } of context.assembler.bodies(records)) {
    exemplars -= yield* context.delivery.bodies(bytes, { samples, newestMs, exemplars, level: context.zstdLevel() });
  }
}

/** Settles the stretches of a batch; what was lost is taken from the first of them that are large enough. */
export function settleStretches(stream: Stream, parts: readonly { readonly first: number; readonly last: number; readonly samples: number }[], settled: Settled): void {
  const left = { ...settled } as Record<keyof Settled, number | undefined>;
  for (const { first, last, samples } of parts) {
    const own: Record<string, number> = {};
    let room = samples;
    for (const [reason, count = 0] of Object.entries(left)) {
      const taken = Math.min(count, room);
      if (taken === 0) continue;
      own[reason] = taken;
      left[reason as keyof Settled] = count - taken;
      room -= taken;
    }
    stream.settle(first, last, own);
  }
}

function add(a: BatchResult, b: BatchResult): BatchResult {
  return { isComplete: a.isComplete && b.isComplete, settled: addSettled(a.settled, b.settled) };
}

export function addSettled(a: Settled, b: Settled): Settled {
  const { deduplicated = 0, rejected = 0, quarantined = 0, expired = 0 } = a;
  return {
    deduplicated: deduplicated + (b.deduplicated ?? 0),
    rejected: rejected + (b.rejected ?? 0),
    quarantined: quarantined + (b.quarantined ?? 0),
    expired: expired + (b.expired ?? 0),
  };
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
