// The two ways to read from the API server: a list in pages, and a watch, which may begin with everything that is there ("watch-list"). A pass
// fills the store as bytes arrive and ends with the stream; when to begin the next one is the reflector's business.

import type { Random } from '../io/random.ts';
import { TributaryError } from '../model/error.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, refusalInStream, streamFailure } from './api-error.ts';
import type { Errand } from './api-error.ts';
import type { Encoding, WatchEvent } from './encoding.ts';
import type { KubernetesMetrics } from './kubernetes-metrics.ts';
import type { ListMetadata, ListSplitter } from './list-json.ts';
import { objectKey } from './objects.ts';
import type { Kind, KindMap } from './objects.ts';
import type { Store } from './store.ts';

/** Items of a page, as Kubernetes' own clients: 500 pods are 7 MB, a second's work for both sides. */
const PAGE_ITEMS = 500;
/** Five million objects. A server that never ends a list must not be followed for ever. */
const PAGES_MAX = 10_000;
/** A page may take this long, as long as it never falls silent: some links carry 100 KB/s. */
const PAGE_TIMEOUT_MS = 600_000;
/** A watch is asked to end after 5 to 10 minutes, at a random time, as Kubernetes' own clients do: so that load spreads over API servers. */
const WATCH_MIN_S = 300;
/** What the server may take longer than it was asked to before the watch is ended from here. */
const WATCH_GRACE_MS = 30_000;

export interface PassContext<K extends Kind> {
  readonly client: ApiClient;
  readonly kind: K;
  /** '' for all of the cluster. */
  readonly namespace: string;
  readonly fieldSelector: string;
  readonly store: Store<KindMap[K]>;
  readonly random: Random;
  readonly metrics: KubernetesMetrics;
  readonly signal: AbortSignal;
  /** An answer or an event came: the state is current. */
  onProof(): void;
  /** The state is that of this version. */
  onVersion(resourceVersion: string): void;
  /** An object could not be read and was left out. */
  onSkipped(error: TributaryError): void;
}

export interface ListOutcome {
  readonly resourceVersion: string;
  /** Pages of different versions were joined; another list has to follow. */
  readonly isConsistent: boolean;
}

/** Rejects with an ApiError. Resolves with undefined when it was aborted. */
export async function listPages<K extends Kind>(context: PassContext<K>): Promise<ListOutcome | undefined> {
  let continueToken = '';
  let isConsistent = true;
  for (let page = 0; page < PAGES_MAX; page++) {
    try {
      const metadata = await listPage(context, continueToken);
      if (metadata === undefined) return undefined;
      if (metadata.continueToken === '') return { resourceVersion: metadata.resourceVersion, isConsistent };
      continueToken = metadata.continueToken;
    } catch (error) {
      const fresh = error instanceof ApiError && error.isExpired && isConsistent ? error.status.continueToken : '';
      if (fresh === '') throw error;
      continueToken = fresh;
      isConsistent = false;
    }
  }
  throw new ApiError(errandOf(context, 'list'), `the list has not ended after ${PAGES_MAX} pages`);
}

async function listPage<K extends Kind>(context: PassContext<K>, continueToken: string): Promise<ListMetadata | undefined> {
  const errand = errandOf(context, 'list');
  let splitter: ListSplitter | undefined;
  const query = { limit: String(PAGE_ITEMS), ...(continueToken === '' ? {} : { continue: continueToken }), ...fieldSelectorOf(context) };
  await context.client.stream({ ...errand, query, timeoutMs: PAGE_TIMEOUT_MS, signal: context.signal }, (encoding) => {
    context.onProof();
    splitter = encoding.listSplitter((item) => addItem(context, encoding, item));
    return (chunk) => splitter!.push(chunk);
  });
  if (context.signal.aborted || splitter === undefined) return undefined;
  try {
    return splitter.end();
  } catch (error) {
    throw streamFailure(errand, error as Error);
  }
}

function addItem<K extends Kind>(context: PassContext<K>, encoding: Encoding, item: Buffer): void {
  const object = readOrSkip(context, () => encoding.readItem(context.kind, item));
  if (object !== undefined) context.metrics.event(context.kind, context.store.set(object));
}

/** What cannot be read of a list is left out: a single damaged object must not keep all others away. */
function readOrSkip<K extends Kind, T>(context: PassContext<K>, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TributaryError)) throw error;
    context.metrics.skipped.with(context.kind, 'damaged').inc();
    context.onSkipped(error);
    return undefined;
  }
}

/**
 * Follows changes from a version on; without one it begins with everything that is there. Resolves when the server ended the stream, or when
 * it was aborted; rejects with an ApiError.
 */
export async function watchChanges<K extends Kind>(context: PassContext<K>, from: string | undefined, onLive: () => void): Promise<void> {
  const errand = errandOf(context, 'watch');
  const seconds = WATCH_MIN_S + Math.floor(context.random.next() * WATCH_MIN_S);
  const start: Record<string, string> = from === undefined ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' } : { resourceVersion: from };
  const query = { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds), ...start, ...fieldSelectorOf(context) };
  let isInitial = from === undefined;
  await context.client.stream({ ...errand, query, timeoutMs: seconds * 1000 + WATCH_GRACE_MS, signal: context.signal }, (encoding) => {
    context.onProof();
    if (!isInitial) onLive();
    const splitter = encoding.watchSplitter((frame) => {
      // The rest of a chunk whose beginning made somebody end the watch.
      if (context.signal.aborted) return;
      const read = () => encoding.readEvent(context.kind, frame);
      const event = isInitial ? readOrSkip(context, read) : read();
      context.onProof();
      if (event === undefined) return;
      applyEvent(context, event);
      // Any bookmark may carry the mark again; only the first one ends the initial state.
      if (isInitial && event.type === 'bookmark' && event.endsInitial) {
        isInitial = false;
        context.store.endList(true);
        onLive();
      }
      // Versions of the initial state are those of the objects and in no order.
      if (!isInitial && event.type !== 'error' && event.resourceVersion !== '') context.onVersion(event.resourceVersion);
    });
    return (chunk) => splitter.push(chunk);
  });
}

function applyEvent<K extends Kind>({ kind, namespace, store, metrics }: PassContext<K>, event: WatchEvent<KindMap[K]>): void {
  if (event.type === 'error') throw refusalInStream({ verb: 'watch', kind, namespace }, event.status);
  if (event.type === 'bookmark') return;
  const change = event.type === 'set' ? store.set(event.object) : store.delete(objectKey(event.object));
  metrics.event(kind, change);
}

function errandOf<K extends Kind>({ kind, namespace }: PassContext<K>, verb: Errand['verb']): Errand {
  return { verb, kind, namespace };
}

function fieldSelectorOf<K extends Kind>({ fieldSelector }: PassContext<K>): Record<string, string> {
  return fieldSelector === '' ? {} : { fieldSelector };
}
