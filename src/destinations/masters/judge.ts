// What becomes of a document that came, beside what is known of its predecessor: in force, or refused while the last good one stays. Pure.

import { namespaceRule } from '../../owners/by-namespace.ts';
import type { MastersSettings } from './config.ts';
import { readDocument } from './document.ts';
import type { ReadDocument } from './document.ts';
import type { Guard } from './guard.ts';
import type { GoodDocument, MasterRecord } from './master-record.ts';
import type { Told } from './source.ts';

export interface Bench {
  readonly settings: MastersSettings;
  readonly guard: Guard;
  readonly nowMs: number;
  /** The rules are others than those `before` was judged by. */
  readonly isChanged: boolean;
}

/** `before` is undefined for a document of which nothing is known. */
export function judge(told: Told, at: { readonly key: string; readonly source: string }, before: MasterRecord | undefined, bench: Bench): MasterRecord {
  const owner = ownerOf(told);
  const record = { ...at, told, owner, name: owner === '' ? '' : bench.settings.namePrefix + owner, arrivedMs: before?.arrivedMs ?? bench.nowMs, removedMs: undefined, isTold: true };
  if (owner === '') return { ...record, good: undefined, problems: [unownedText(told)] };
  const read = (content: Told['content']): ReadDocument => {
    if ('problem' in content) return { ok: false, problems: [`${told.shown}: ${content.problem}`] };
    return readDocument(content, { shown: told.shown, owner, name: record.name }, bench.settings, bench.guard);
  };
  const document = read(told.content);
  const text = 'problem' in told.content ? '' : Buffer.from(told.content).toString();
  if (!document.ok) return { ...record, good: bench.isChanged ? again(before?.good, read) : before?.good, problems: document.problems };
  const sinceMs = before?.good?.text === text ? before.good.sinceMs : bench.nowMs;
  return { ...record, good: { text, sinceMs, settings: document.settings }, problems: [] };
}

/** The last good document under the rules of today: one that they refuse is not sent to, however long it was. */
function again(good: GoodDocument | undefined, read: (content: Uint8Array) => ReadDocument): GoodDocument | undefined {
  if (good === undefined) return undefined;
  const document = read(Buffer.from(good.text));
  return { ...good, settings: document.ok ? document.settings : undefined };
}

function ownerOf({ owner, place }: Told): string {
  return namespaceRule(owner)(place) ?? '';
}

function unownedText({ shown, place, owner }: Told): string {
  const expected = owner === undefined ? 'expected tributary.routing.owner.namespace, or an owner beside the source, to tell' : `expected one that matches ${owner}`;
  return `${shown}: ${JSON.stringify(place)} tells no owner, ${expected}`;
}
