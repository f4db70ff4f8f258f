// What one scrape needs per series while its page is read: whether the series was seen and its value. Lent out and given back, so
// that idle targets hold nothing.

/** Not on this page; has a value; has a staleness marker; on this page, but its sample was not taken. */
export const ABSENT = 0;
export const VALUE = 1;
export const MARKER = 2;
export const IGNORED = 3;

export interface Scratch {
  /** One of the four states, by id. */
  seen: Uint8Array;
  /** By id. `bits` are the same bytes: low and high half of value `id` at `2 * id` and `2 * id + 1`. */
  values: Float64Array;
  bits: Uint32Array;
  /** Own timestamps by id, NaN where there is none; absent until a sample of this scrape has one. */
  timestampsMs: Float64Array | undefined;
}

/** Scratches kept for reuse; more are made when more scrapes overlap. */
const IDLE_MAX = 4;
/** One for more series than this is not kept: 16 MB of values. */
const IDLE_CAPACITY_MAX = 2 * 1024 * 1024;

const idle: Scratch[] = [];

export function takeScratch(capacity: number): Scratch {
  const at = idle.findIndex((scratch) => scratch.seen.length >= capacity);
  if (at < 0) return newScratch(capacity);
  const scratch = idle.splice(at, 1)[0]!;
  scratch.seen.fill(ABSENT);
  return scratch;
}

export function giveScratch(scratch: Scratch): void {
  scratch.timestampsMs = undefined;
  if (scratch.seen.length > IDLE_CAPACITY_MAX) return;
  idle.push(scratch);
  if (idle.length <= IDLE_MAX) return;
  // The smallest goes: the large ones serve everybody.
  idle.sort((a, b) => b.seen.length - a.seen.length).pop();
}

export function growScratch(scratch: Scratch, capacity: number): void {
  if (scratch.seen.length >= capacity) return;
  const larger = newScratch(capacity);
  larger.seen.set(scratch.seen);
  larger.bits.set(scratch.bits);
  if (scratch.timestampsMs !== undefined) {
    larger.timestampsMs = new Float64Array(capacity).fill(NaN);
    larger.timestampsMs.set(scratch.timestampsMs);
  }
  Object.assign(scratch, larger);
}

function newScratch(capacity: number): Scratch {
  const values = new Float64Array(capacity);
  return { seen: new Uint8Array(capacity), values, bits: new Uint32Array(values.buffer), timestampsMs: undefined };
}
