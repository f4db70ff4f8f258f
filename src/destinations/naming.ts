// Names for remote_write entries that have none. A queue belongs to a name, so an unnamed entry gets one that the ledger keeps; the
// entry is recognised by its URL. If since the last load exactly one unnamed entry vanished and one appeared, the address has changed and the
// stream is inherited. Otherwise a vanished entry's stream stays on disk under its name, and comes back with its URL.

import { createHash } from 'node:crypto';

const NAME_PREFIX = 'unnamed-';

/** One unnamed entry as the ledger keeps it. The URL may hold a password, so only its hash is kept. */
interface KnownEntry {
  readonly name: string;
  readonly url: string;
  /** Whether the last configuration had it. */
  readonly present: boolean;
}

export interface NamedEntries {
  /** For every entry its name: its own, or the one given here. */
  readonly names: readonly string[];
  /** To be kept for the next load. */
  readonly note: string;
  /** Entries that took over the stream of one that vanished. */
  readonly inherited: readonly string[];
  /** Names whose entries vanished: their streams stay on disk without a destination. */
  readonly parked: readonly string[];
}

/** Names the entries of a configuration. `note` is what the last call returned; `taken` are stream names that must not be used for new ones. */
export function nameEntries(
  entries: readonly { readonly name?: string; readonly url: string }[], note: string | undefined, taken: Iterable<string>,
): NamedEntries {
  const known = parseNote(note);
  const keys = unnamedKeys(entries);
  const wanted = new Set(keys.filter((key) => key !== undefined));
  const vanished = known.filter((entry) => entry.present && !wanted.has(entry.url));
  const appeared = [...wanted].filter((key) => !known.some((entry) => entry.url === key));
  const heir = vanished.length === 1 && appeared.length === 1 ? appeared[0] : undefined;
  const used = new Set([...taken, ...known.map((entry) => entry.name), ...entries.flatMap((entry) => entry.name ?? [])]);
  const byKey = new Map(known.map((entry) => [entry.url, entry.name]));
  if (heir !== undefined) byKey.set(heir, vanished[0]!.name);
  const names = entries.map((entry, i) => entry.name ?? nameFor(keys[i]!, byKey, used));
  const kept = [...wanted].map((url) => ({ name: byKey.get(url)!, url, present: true }));
  const keptNames = new Set(kept.map((entry) => entry.name));
  const gone = known.filter((entry) => !keptNames.has(entry.name)).map((entry) => ({ ...entry, present: false }));
  return {
    names,
    note: JSON.stringify([...kept, ...gone]),
    inherited: heir === undefined ? [] : [vanished[0]!.name],
    parked: heir === undefined ? vanished.map((entry) => entry.name) : [],
  };
}

function nameFor(key: string, byKey: Map<string, string>, used: Set<string>): string {
  let name = byKey.get(key);
  for (let n = 1; name === undefined; n++) if (!used.has(`${NAME_PREFIX}${n}`)) name = `${NAME_PREFIX}${n}`;
  byKey.set(key, name);
  used.add(name);
  return name;
}

/** A hash of the URL, and a number where several unnamed entries share one; undefined for entries with a name. */
function unnamedKeys(entries: readonly { readonly name?: string; readonly url: string }[]): (string | undefined)[] {
  const seen = new Map<string, number>();
  return entries.map((entry) => {
    if (entry.name !== undefined) return undefined;
    const count = (seen.get(entry.url) ?? 0) + 1;
    seen.set(entry.url, count);
    return createHash('sha256').update(`${count}\u0000${entry.url}`).digest('hex').slice(0, 32);
  });
}

function parseNote(note: string | undefined): KnownEntry[] {
  return note === undefined ? [] : (JSON.parse(note) as KnownEntry[]);
}
