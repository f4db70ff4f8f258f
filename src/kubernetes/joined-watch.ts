// What a subscriber sees as one watch: one part per namespace. A single part is handed through; several are joined into one map of objects. A
// namespace that may not be looked into does not keep the others from being shown: it counts as told, and what it has comes as changes once it
// may be seen.

import type { Watch, WatchListener } from './kubernetes.ts';
import type { StoreListener, Subscription } from './store.ts';

interface Part<T> {
  subscription: Subscription<T> | undefined;
  isTold: boolean;
  leave: () => void;
}

export class JoinedWatch<T> implements Watch<T> {
  readonly #listener: WatchListener<T>;
  readonly #parts: Part<T>[] = [];
  #objects: ReadonlyMap<string, T> = new Map();
  /** The objects of several parts. */
  #joined: Map<string, T> | undefined;
  #isReady = false;
  #isClosed = false;
  isSynced = false;

  constructor(listener: WatchListener<T>) {
    this.#listener = listener;
  }

  get objects(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  /** The listener of the next part. */
  part(): StoreListener<T> {
    const part: Part<T> = { subscription: undefined, isTold: false, leave: () => undefined };
    this.#parts.push(part);
    return {
      synced: () => this.#onSynced(part),
      denied: () => this.#onDenied(part),
      changed: (key, before, after) => this.#onChanged(key, before, after),
    };
  }

  /** What the listener that `part` gave last has become. */
  add(subscription: Subscription<T>, leave: () => void): void {
    const part = this.#parts.at(-1)!;
    part.subscription = subscription;
    part.leave = leave;
  }

  /** All parts are there. */
  ready(): void {
    this.#isReady = true;
    if (this.#parts.length > 1) this.#joined = new Map();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { leave } of this.#parts) leave();
  }

  #onSynced(part: Part<T>): void {
    const wasTold = part.isTold;
    part.isTold = true;
    if (!this.isSynced) return this.#begin();
    // It was denied until now, while the others have been shown for long.
    if (wasTold) for (const [key, object] of part.subscription?.objects ?? []) this.#onChanged(key, undefined, object);
  }

  #onDenied(part: Part<T>): void {
    if (this.#parts.length === 1 || part.subscription?.isSynced === true) return;
    part.isTold = true;
    this.#begin();
  }

  /** Tells the first state, once every part has been told and one of them has something to show. */
  #begin(): void {
    if (this.isSynced || this.#isClosed || !this.#isReady || !this.#parts.every(({ isTold }) => isTold)) return;
    const synced = this.#parts.flatMap(({ subscription }) => (subscription?.isSynced === true ? [subscription] : []));
    if (synced.length === 0) return;
    for (const { objects } of this.#joined === undefined ? [] : synced) for (const [key, object] of objects) this.#joined!.set(key, object);
    this.#objects = this.#joined ?? synced[0]!.objects;
    this.isSynced = true;
    this.#listener.synced();
  }

  #onChanged(key: string, before: T | undefined, after: T | undefined): void {
    // A part may be synced before the whole is: what it has by then is taken when the whole begins.
    if (this.#isClosed || !this.isSynced) return;
    if (after === undefined) this.#joined?.delete(key);
    else this.#joined?.set(key, after);
    this.#listener.changed(key, before, after);
  }
}
