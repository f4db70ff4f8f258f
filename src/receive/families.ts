// TYPE, HELP and UNIT of families as senders told them, for destinations that want metadata. What was told last counts.

import { METRIC_NAME } from '../model/labels.ts';
import type { PushedRequest } from '../wire/read-request.ts';
import type { WireMetadata } from '../wire/write-request.ts';

/** Families kept, over all senders: as many as a large cluster has. What was told longest ago goes first, so that names that never come again keep nobody out. */
const FAMILIES_MAX = 20_000;
/** Longest texts of an entry together, characters: help is a sentence. */
const TEXT_MAX = 4096;
/** Texts of all, characters: 400 each of the most. */
const TEXTS_MAX = 8_000_000;

/** What series of these types have behind the name of their family. */
const parts = /_(?:bucket|count|sum)$/;

export class FamilyMemory {
  readonly #entries = new Map<string, WireMetadata>();
  #texts = 0;

  note({ series, metadata }: PushedRequest): void {
    for (const entry of metadata) this.#set(entry);
    for (const { labels, metadata: own } of series) {
      if (own === undefined) continue;
      const name = labels.find(([label]) => label === METRIC_NAME)?.[1] ?? '';
      const isParted = own.type === 'histogram' || own.type === 'summary' || own.type === 'gaugehistogram';
      this.#set({ family: isParted ? name.replace(parts, '') : name, ...own });
    }
  }

  #set(entry: WireMetadata): void {
    const { family, type, help, unit } = entry;
    if (family === '' || lengthOf(entry) > TEXT_MAX) return;
    if (type === 'unknown' && help === '' && unit === '') return;
    if (!family.isWellFormed() || !help.isWellFormed() || !unit.isWellFormed()) return;
    this.#delete(family);
    this.#entries.set(family, entry);
    this.#texts += lengthOf(entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= FAMILIES_MAX && this.#texts <= TEXTS_MAX) break;
      this.#delete(oldest);
    }
  }

  #delete(family: string): void {
    const known = this.#entries.get(family);
    if (known === undefined) return;
    this.#entries.delete(family);
    this.#texts -= lengthOf(known);
  }

  entries(): Iterable<WireMetadata> {
    return this.#entries.values();
  }
}

function lengthOf({ family, help, unit }: WireMetadata): number {
  return family.length + help.length + unit.length;
}
