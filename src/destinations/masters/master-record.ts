// What is known about one document, and the decision which of them are destinations. Pure: the same documents at the same time give the same answer,
// also after a restart, because what came first is kept with them.

import type { DestinationSettings } from '../config.ts';
import type { Told } from './source.ts';

/** The last document that was good. */
export interface GoodDocument {
  readonly text: string;
  /** Wall time at which it came, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Undefined after the operator's settings have changed so that it is allowed no more. */
  readonly settings: DestinationSettings | undefined;
}

export interface MasterRecord {
  /** Of a source, as `secrets/tributary-route hero-user-a/tributary-route`. */
  readonly key: string;
  readonly source: string;
  /** As it came last. */
  readonly told: Told;
  /** '' where the place tells none. */
  readonly owner: string;
  /** Of the destination; '' without an owner. */
  readonly name: string;
  /** Wall time of the first good document; of what was never good, of the first one. */
  readonly arrivedMs: number;
  readonly good: GoodDocument | undefined;
  /** What is wrong with the document that came last; empty when that one is in force. */
  readonly problems: readonly string[];
  /** Wall time at which its document vanished; undefined while there is one. */
  readonly removedMs: number | undefined;
  /** Its source has told of it since it began: at the start, and with other settings of its own. */
  readonly isTold: boolean;
}

export interface DecisionRules {
  /** Names of the configured destinations. */
  readonly configured: ReadonlySet<string>;
  readonly maxMasters: number;
}

/** By key of the record: its settings, or why it is no destination. */
export type Decisions = ReadonlyMap<string, { readonly settings: DestinationSettings } | { readonly refused: readonly string[] }>;

/** Who came first keeps name and room; of those that came together the first by key. */
export function decide(records: Iterable<MasterRecord>, { configured, maxMasters }: DecisionRules): Decisions {
  const decisions = new Map<string, { settings: DestinationSettings } | { refused: readonly string[] }>();
  const holders = new Map<string, string>();
  for (const record of [...records].sort(byArrival)) {
    const { key, name, good, problems } = record;
    const refuse = (text: string) => void decisions.set(key, { refused: [...problems, text] });
    const holder = holders.get(name);
    if (good?.settings === undefined) decisions.set(key, { refused: problems });
    else if (configured.has(name)) refuse(`a remote_write is named ${name} already, expected another owner or another tributary.masters.name_prefix`);
    else if (holder !== undefined) refuse(`${name} is announced by ${holder} already, expected one document for each owner`);
    else if (holders.size >= maxMasters) refuse(`${holders.size} destinations are announced already, expected at most tributary.masters.max_masters, ${maxMasters}`);
    else {
      holders.set(name, record.told.shown);
      decisions.set(key, { settings: good.settings });
    }
  }
  return decisions;
}

function byArrival(a: MasterRecord, b: MasterRecord): number {
  if (a.arrivedMs !== b.arrivedMs) return a.arrivedMs - b.arrivedMs;
  return a.key < b.key ? -1 : 1;
}
