// What the fake API server knows: the objects at the newest version, and per kind the log of changes since the server was made. Versions are numbers of
// one counter for all kinds, as etcd's revisions are. Two floors say how far back can be seen: `compactedAt` for lists of an exact version and
// for continued ones (etcd), `watchFloor` for watches (the watch cache, which also forgets with every restart).

import { apiVersionOf, type ResourceType } from './resources.ts';

export interface ObjectMetadata {
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  creationTimestamp?: string | null;
  labels?: Record<string, string> | null;
  annotations?: Record<string, string> | null;
  [field: string]: unknown;
}

/** An object of the API as JSON has it. */
export interface KubeObject {
  apiVersion?: string;
  kind: string;
  metadata: ObjectMetadata;
  [field: string]: unknown;
}

/** One version of one object. */
export interface Stored {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  /** With its version in the metadata. Some stores make it anew at each call: do not change it, do not keep it. */
  read(): KubeObject;
  /** The bytes of its message, where the store keeps them ready. */
  readonly message?: () => Buffer;
}

/** An object appeared (`before` undefined), changed, or went (`after` undefined; then `before` is as it was last). */
export interface Change {
  readonly version: number;
  readonly before: Stored | undefined;
  readonly after: Stored | undefined;
}

/** What `Store.put` takes beside finished objects: those that are made whenever they are asked for. */
export interface Draft {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly read: (version: number) => KubeObject;
  readonly message?: (version: number) => Buffer;
}

/** Versions begin here, as in a cluster that has lived for a while. */
const FIRST_VERSION = 1000;

export class Store {
  version = FIRST_VERSION;
  compactedAt = FIRST_VERSION;
  watchFloor = FIRST_VERSION;
  readonly #objects = new Map<ResourceType, Map<string, Stored>>();
  readonly #logs = new Map<ResourceType, Change[]>();
  readonly #sorted = new Map<ResourceType, readonly Stored[]>();
  readonly #listeners = new Set<() => void>();

  put(draft: Draft): Stored {
    const version = ++this.version;
    const { type, namespace, name, message, read } = draft;
    const after: Stored = { type, namespace, name, version, read: () => read(version), ...(message === undefined ? {} : { message: () => message(version) }) };
    const objects = this.#objectsOf(type);
    const key = keyOf(after);
    const before = objects.get(key);
    objects.set(key, after);
    this.#note(type, { version, before, after });
    return after;
  }

  /** undefined when there is no such object. */
  remove(type: ResourceType, namespace: string, name: string): Stored | undefined {
    const key = keyOf({ namespace, name });
    const objects = this.#objectsOf(type);
    const before = objects.get(key);
    if (before === undefined) return undefined;
    objects.delete(key);
    this.#note(type, { version: ++this.version, before, after: undefined });
    return before;
  }

  get(type: ResourceType, namespace: string, name: string): Stored | undefined {
    return this.#objectsOf(type).get(keyOf({ namespace, name }));
  }

  /** All objects of a kind in the order of their keys, as they were at `version` (default: now). */
  list(type: ResourceType, version = this.version): readonly Stored[] {
    const changes = this.log(type).filter((change) => change.version > version);
    if (changes.length === 0) return this.#newest(type);
    const then = new Map(this.#objectsOf(type));
    for (const { before, after } of changes.reverse()) {
      if (before === undefined) then.delete(keyOf(after!));
      else then.set(keyOf(before), before);
    }
    return sortedByKey(then);
  }

  /** Every change of a kind; grows at its end. */
  log(type: ResourceType): readonly Change[] {
    let log = this.#logs.get(type);
    if (log === undefined) this.#logs.set(type, (log = []));
    return log;
  }

  /** What is older than now is gone, for lists and for watches. */
  compact(): void {
    this.compactedAt = this.version;
    this.watchFloor = this.version;
  }

  /** The watch cache starts empty; what etcd has is still there. */
  forgetWatchCache(): void {
    this.watchFloor = this.version;
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #note(type: ResourceType, change: Change): void {
    (this.log(type) as Change[]).push(change);
    this.#sorted.delete(type);
    for (const listener of this.#listeners) listener();
  }

  #newest(type: ResourceType): readonly Stored[] {
    let sorted = this.#sorted.get(type);
    if (sorted === undefined) this.#sorted.set(type, (sorted = sortedByKey(this.#objectsOf(type))));
    return sorted;
  }

  #objectsOf(type: ResourceType): Map<string, Stored> {
    let objects = this.#objects.get(type);
    if (objects === undefined) this.#objects.set(type, (objects = new Map()));
    return objects;
  }
}

/** `namespace/name`, or `name` for what belongs to no namespace. */
export function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

function sortedByKey(objects: ReadonlyMap<string, Stored>): Stored[] {
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, stored]) => stored);
}

/** The object with the metadata a server gives it. What the metadata already says stays, but for the version. */
export function completeObject(type: ResourceType, object: KubeObject, server: { version: number; uid: string; createdAt: string }): KubeObject {
  const { uid = server.uid, creationTimestamp = server.createdAt, ...metadata } = object.metadata;
  return { ...object, apiVersion: apiVersionOf(type), kind: type.kind, metadata: { ...metadata, uid, creationTimestamp, resourceVersion: String(server.version) } };
}
