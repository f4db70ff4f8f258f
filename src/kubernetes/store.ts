// The objects of one reflector, and who watches them. Kept is what some subscriber selects. A list does not build a second copy: objects are put
// in place as they arrive, and what a complete list has not shown is deleted at its end. Subscribers see nothing before their first complete
// list, and afterwards every difference once.

import { isDeepStrictEqual } from 'node:util';
import { parseLabelSelector } from './label-selector.ts';
import type { LabelSelector } from './label-selector.ts';
import type { WatchListener } from './kubernetes.ts';
import { objectKey } from './objects.ts';
import type { Meta } from './objects.ts';

/** What happened to an object, in the words of Prometheus' metrics. */
export type ChangeKind = 'add' | 'update' | 'delete' | 'none';

export interface StoreListener<T> extends WatchListener<T> {
  /** The server refuses to tell, for want of permission. */
  denied(): void;
}

/** One watcher of the store. */
export interface Subscription<T> {
  readonly selector: string;
  readonly isSynced: boolean;
  /** What it selects; empty before it is synced. */
  readonly objects: ReadonlyMap<string, T>;
}

interface Subscriber<T> extends Subscription<T> {
  readonly selects: LabelSelector;
  readonly listener: StoreListener<T>;
  isSynced: boolean;
  objects: ReadonlyMap<string, T>;
  /** Its own part of the objects; undefined when it selects all of them. */
  own: Map<string, T> | undefined;
}

export class Store<T extends Meta> {
  readonly #objects = new Map<string, T>();
  readonly #subscribers = new Set<Subscriber<T>>();
  /** Selectors for which `#objects` is complete. */
  #complete = new Set<string>();
  /** Selectors for which the list that is under way will make it complete. */
  #listed: Set<string> | undefined;
  /** Keys that the list under way has not shown yet. */
  #unseen = new Set<string>();

  get size(): number {
    return this.#objects.size;
  }

  get isEmpty(): boolean {
    return this.#subscribers.size === 0;
  }

  /** Some complete state has been told. */
  get isSynced(): boolean {
    return this.#complete.size > 0;
  }

  /** Fails with KUBERNETES_SELECTOR. Nothing is called before this has returned. */
  join(selector: string, listener: StoreListener<T>): Subscription<T> {
    const own = selector === '' ? undefined : new Map<string, T>();
    const subscriber: Subscriber<T> = { selector, listener, selects: parseLabelSelector(selector), own, isSynced: false, objects: new Map() };
    this.#subscribers.add(subscriber);
    if (covers(this.#complete, selector)) queueMicrotask(() => this.#sync(subscriber));
    return subscriber;
  }

  /** Whether only another list can give it all that its selector selects. */
  needsList({ selector }: Subscription<T>): boolean {
    return !covers(this.#complete, selector) && !(this.#listed !== undefined && covers(this.#listed, selector));
  }

  leave(subscription: Subscription<T>): void {
    this.#subscribers.delete(subscription as Subscriber<T>);
    const selectors = new Set([...this.#subscribers].map(({ selector }) => selector));
    if (selectors.has(subscription.selector)) return;
    // Whom a wider one had covered is complete by itself from now on.
    this.#complete = coveredBy(this.#complete, selectors);
    if (this.#listed !== undefined) this.#listed = coveredBy(this.#listed, selectors);
    for (const [key, object] of this.#objects) if (!this.#isWanted(object)) this.#objects.delete(key);
  }

  beginList(): void {
    this.#listed = new Set([...this.#subscribers].map(({ selector }) => selector));
    this.#unseen = new Set(this.#objects.keys());
  }

  /** `isConsistent`: what was not shown does not exist. */
  endList(isConsistent: boolean): void {
    if (isConsistent) for (const key of this.#unseen) this.delete(key);
    this.#unseen = new Set();
    this.#complete = this.#listed ?? new Set();
    this.#listed = undefined;
    for (const subscriber of this.#subscribers) if (covers(this.#complete, subscriber.selector)) this.#sync(subscriber);
  }

  /** A list broke off: what it showed is true, what it did not show stays. */
  abandonList(): void {
    this.#listed = undefined;
    this.#unseen = new Set();
  }

  set(object: T): ChangeKind {
    const key = objectKey(object);
    if (!this.#isWanted(object)) return this.delete(key);
    this.#unseen.delete(key);
    const before = this.#objects.get(key);
    if (before !== undefined && isDeepStrictEqual(before, object)) return 'update';
    this.#objects.set(key, object);
    this.#tell(key, before, object);
    return before === undefined ? 'add' : 'update';
  }

  delete(key: string): ChangeKind {
    const before = this.#objects.get(key);
    if (before === undefined) return 'none';
    this.#unseen.delete(key);
    this.#objects.delete(key);
    this.#tell(key, before, undefined);
    return 'delete';
  }

  denied(): void {
    for (const { listener } of this.#subscribers) listener.denied();
  }

  #isWanted(object: T): boolean {
    for (const { selects } of this.#subscribers) if (selects(object.labels)) return true;
    return false;
  }

  #sync(subscriber: Subscriber<T>): void {
    if (subscriber.isSynced || !this.#subscribers.has(subscriber)) return;
    const { own, selects } = subscriber;
    if (own !== undefined) for (const [key, object] of this.#objects) if (selects(object.labels)) own.set(key, object);
    subscriber.objects = own ?? this.#objects;
    subscriber.isSynced = true;
    subscriber.listener.synced();
  }

  #tell(key: string, before: T | undefined, after: T | undefined): void {
    for (const { isSynced, own, selects, listener } of this.#subscribers) {
      if (!isSynced) continue;
      const was = before !== undefined && selects(before.labels) ? before : undefined;
      const is = after !== undefined && selects(after.labels) ? after : undefined;
      if (is !== undefined) own?.set(key, is);
      else own?.delete(key);
      if (was !== undefined || is !== undefined) listener.changed(key, was, is);
    }
  }
}

function covers(selectors: ReadonlySet<string>, selector: string): boolean {
  return selectors.has('') || selectors.has(selector);
}

function coveredBy(complete: ReadonlySet<string>, selectors: ReadonlySet<string>): Set<string> {
  return new Set([...selectors].filter((selector) => covers(complete, selector)));
}
