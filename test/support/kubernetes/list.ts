// Lists: at the newest version or an exact one, whole or in pages whose token names the version and the key to go on from.
//
// Without a version a list is of the newest state and may be paged. Version 0 is answered from the watch cache, which does not page: the limit is ignored.
// A token of a version that is gone is refused with a fresh one, with which the rest can be had from whatever is there now.

import type { Ask } from './request.ts';
import { parseFieldSelector, parseLabelSelector, type Selector } from './selectors.ts';
import { badRequest, expiredContinue, expiredList, tooLargeVersion } from './status.ts';
import { keyOf, type Store, type Stored } from './store.ts';
import type { ListMetadata } from './protobuf.ts';

export interface ListPage {
  readonly metadata: ListMetadata;
  readonly items: readonly Stored[];
}

/** Version of tokens that go on in whatever is there now. */
const INCONSISTENT = -1;

interface Position {
  /** undefined: now. */
  readonly version: number | undefined;
  /** Keys above this one. */
  readonly afterKey: string;
}

/** Throws what the server refuses. A page has at most `itemsMax`, whatever limit is asked for: servers may give fewer than that. */
export function listPage(store: Store, ask: Ask, itemsMax: number): ListPage {
  const { version, afterKey } = positionOf(store, ask);
  const isSelected = selectorOf(ask);
  const matching = store.list(ask.type, version).filter((stored) => keyOf(stored) > afterKey && isSelected(stored));
  const limit = limitOf(ask, itemsMax);
  const items = limit === undefined ? matching : matching.slice(0, limit);
  const resourceVersion = String(version ?? store.version);
  if (items.length === matching.length) return { metadata: { resourceVersion }, items };
  const token = makeToken(version ?? store.version, keyOf(items.at(-1)!));
  // With a selector the server does not know how many there are.
  const remaining = ask.query['labelSelector'] || ask.query['fieldSelector'] ? {} : { remainingItemCount: matching.length - items.length };
  return { metadata: { resourceVersion, continue: token, ...remaining }, items };
}

/** Whether an object belongs to what a list or watch asks for. Throws 400 for a selector that cannot be understood. */
export function selectorOf({ type, namespace, query }: Ask): (stored: Stored) => boolean {
  const isInNamespace = (stored: Stored) => namespace === '' || stored.namespace === namespace;
  const selectors: Selector[] = [];
  if (query['labelSelector']) selectors.push(parsed(parseLabelSelector(query['labelSelector'])));
  if (query['fieldSelector']) selectors.push(parsed(parseFieldSelector(query['fieldSelector'], type.plural)));
  if (selectors.length === 0) return isInNamespace;
  return (stored) => {
    if (!isInNamespace(stored)) return false;
    const object = stored.read();
    return selectors.every((isSelected) => isSelected(object));
  };
}

function parsed(selector: Selector | string): Selector {
  if (typeof selector === 'string') throw badRequest(selector);
  return selector;
}

/** undefined: everything. */
function limitOf({ query }: Ask, itemsMax: number): number | undefined {
  const limit = Number(query['limit'] ?? 0);
  return limit === 0 || (query['resourceVersion'] === '0' && query['continue'] === undefined) ? undefined : Math.min(limit, itemsMax);
}

function positionOf(store: Store, { query }: Ask): Position {
  if (query['continue']) return continuedPosition(store, query['continue']);
  const asked = query['resourceVersion'] ?? '';
  if (!/^\d*$/.test(asked)) throw badRequest(`invalid resource version "${asked}"`);
  const version = Number(asked);
  if (version > store.version) throw tooLargeVersion(version, store.version);
  // A limit and a version mean that version exactly, as before there was a word for it.
  const isExact = query['resourceVersionMatch'] === 'Exact' || (query['resourceVersionMatch'] === undefined && Number(query['limit'] ?? 0) > 0);
  if (version === 0 || !isExact) return { version: undefined, afterKey: '' };
  if (version < store.compactedAt) throw expiredList();
  return { version, afterKey: '' };
}

function continuedPosition(store: Store, token: string): Position {
  const { version, afterKey } = readToken(token);
  if (version === INCONSISTENT) return { version: undefined, afterKey };
  if (version < store.compactedAt) throw expiredContinue(makeToken(INCONSISTENT, afterKey));
  return { version, afterKey };
}

function makeToken(version: number, afterKey: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: afterKey })).toString('base64url');
}

function readToken(token: string): { version: number; afterKey: string } {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { rv: number; start: string };
    return { version: rv, afterKey: start };
  } catch {
    throw badRequest('continue key is not valid');
  }
}
