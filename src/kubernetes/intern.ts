// Strings that repeat from object to object (label names, images, namespaces, nodes) are kept once. The table is bounded by its shape: each
// hash has one slot, and a newcomer takes it over. What was pushed out is simply kept twice from then on.

/** Slots, a power of two: the names of a cluster of some thousand nodes and workloads; 256 KiB and at most 3 MB of strings. */
const SLOTS = 32_768;
/** Longer strings are rarely equal, and comparing them costs more than they would save. */
const LENGTH_MAX = 80;

const table: string[] = Array.from({ length: SLOTS }, () => '');

/** The string itself, or an equal one that others hold already. */
export function intern(text: string): string {
  if (text.length > LENGTH_MAX) return text;
  let hash = HASH_START;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  const slot = slotOf(hash);
  if (table[slot] === text) return table[slot];
  table[slot] = text;
  return text;
}

/** The text that stands as UTF-8 in [start, end) of `bytes`; for a known one no new string is made. */
export function internBytes(bytes: Buffer, start: number, end: number): string {
  if (end - start > LENGTH_MAX) return bytes.toString('utf8', start, end);
  let hash = HASH_START;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) return intern(bytes.toString('utf8', start, end));
    hash = mix(hash, byte);
  }
  const slot = slotOf(hash);
  const known = table[slot]!;
  if (isText(known, bytes, start, end)) return known;
  return (table[slot] = bytes.toString('latin1', start, end));
}

const HASH_START = 0x811c9dc5;

/** FNV-1a. */
function mix(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193);
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}

function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
