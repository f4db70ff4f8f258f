// The contract of the Kubernetes client without a client: objects in memory, told to whoever watches. For tests of what stands behind the
// contract; what stands before it is tested against the fake API server.

import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { projectJson } from '../../../src/kubernetes/from-json.ts';
import type { ApiServer, Kubernetes, ServerSettings, Watch, WatchListener, WatchRequest } from '../../../src/kubernetes/kubernetes.ts';
import { parseLabelSelector } from '../../../src/kubernetes/label-selector.ts';
import { objectKey } from '../../../src/kubernetes/objects.ts';
import type { Kind, KindMap } from '../../../src/kubernetes/objects.ts';

type AnyObject = KindMap[Kind];

/** An object as the API server returns it. */
export interface RawObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const kinds: Readonly<Record<string, Kind>> = {
  Pod: 'pods', Service: 'services', Endpoints: 'endpoints', EndpointSlice: 'endpointslices', Node: 'nodes', Ingress: 'ingresses',
  Namespace: 'namespaces', ReplicaSet: 'replicasets', Job: 'jobs', Secret: 'secrets', ConfigMap: 'configmaps',
};

interface OpenWatch {
  readonly request: WatchRequest<Kind>;
  readonly listener: WatchListener<AnyObject>;
  readonly objects: Map<string, AnyObject>;
  isSynced: boolean;
}

export interface MemoryClusterOptions {
  readonly ownNamespace?: string;
}

/** Objects are told when they are known: after `put` and `remove` nothing needs to be waited for but the provider. */
export class MemoryCluster implements Kubernetes {
  readonly #options: MemoryClusterOptions;
  readonly #objects = new Map<Kind, Map<string, AnyObject>>();
  readonly #watches = new Set<OpenWatch>();
  readonly #held = new Set<Kind>();
  readonly connected: ServerSettings[] = [];
  /** What `hosts` tells. */
  hostNames: string[] = [];
  released = 0;

  constructor(objects: readonly RawObject[] = [], options: MemoryClusterOptions = {}) {
    this.#options = options;
    for (const object of objects) this.put(object);
  }

  hosts(): string[] {
    return this.hostNames;
  }

  /** What is watched now: `kind`, `kind in a,b`, `kind with label,field`; in order. */
  get watched(): string[] {
    return [...this.#watches].map(({ request }) => shown(request)).sort();
  }

  put(raw: RawObject): void {
    const kind = kinds[raw.kind];
    if (kind === undefined) throw new Error(`no kind for ${raw.kind}`);
    const object = projectJson(kind, raw);
    const key = objectKey(object);
    this.#all(kind).set(key, object);
    this.#tell(kind, key, object);
  }

  remove(kind: Kind, key: string): void {
    this.#all(kind).delete(key);
    this.#tell(kind, key, undefined);
  }

  /** Deletes an object of the kind, if there is one; `share` in [0, 1) says which. */
  removeSome(kind: Kind, share: number): void {
    const keys = [...this.#all(kind).keys()];
    const key = keys[Math.floor(share * keys.length)];
    if (key !== undefined) this.remove(kind, key);
  }

  /** Watches of the kind get no first state until `letGo`. */
  hold(kind: Kind): void {
    this.#held.add(kind);
  }

  letGo(kind: Kind): void {
    this.#held.delete(kind);
    for (const watch of this.#watches) if (watch.request.kind === kind) this.#sync(watch);
  }

  connect(settings: ServerSettings): ApiServer {
    this.connected.push(settings);
    return {
      ownNamespace: this.#options.ownNamespace,
      watch: (request, listener) => this.#watch(request, listener),
      release: () => {
        this.released++;
        return Promise.resolve();
      },
    };
  }

  state(): [] {
    return [];
  }

  isSynced(): boolean {
    return [...this.#watches].every((watch) => watch.isSynced);
  }

  #watch<K extends Kind>(request: WatchRequest<K>, listener: WatchListener<KindMap[K]>): Watch<KindMap[K]> {
    const objects = new Map<string, KindMap[K]>();
    const watch: OpenWatch = { request, listener, objects, isSynced: false };
    this.#watches.add(watch);
    void turn().then(() => this.#sync(watch));
    return { objects, get isSynced() { return watch.isSynced; }, close: () => void this.#watches.delete(watch) };
  }

  #sync(watch: OpenWatch): void {
    const { kind } = watch.request;
    if (!this.#watches.has(watch) || watch.isSynced || this.#held.has(kind)) return;
    for (const [key, object] of this.#all(kind)) if (this.#sees(watch, object)) watch.objects.set(key, object);
    watch.isSynced = true;
    watch.listener.synced();
  }

  #tell(kind: Kind, key: string, object: AnyObject | undefined): void {
    for (const watch of this.#watches) if (watch.request.kind === kind && watch.isSynced) this.#tellOne(watch, key, object);
  }

  #tellOne(watch: OpenWatch, key: string, object: AnyObject | undefined): void {
    const before = watch.objects.get(key);
    const after = object !== undefined && this.#sees(watch, object) ? object : undefined;
    if (isDeepStrictEqual(before, after)) return;
    if (after === undefined) watch.objects.delete(key);
    else watch.objects.set(key, after);
    watch.listener.changed(key, before, after);
  }

  #sees({ request }: OpenWatch, object: AnyObject): boolean {
    const isInside = request.namespaces === undefined || request.namespaces.includes(object.namespace);
    return isInside && matches(request, object);
  }

  #all(kind: Kind): Map<string, AnyObject> {
    let all = this.#objects.get(kind);
    if (all === undefined) this.#objects.set(kind, (all = new Map()));
    return all;
  }
}

/** Of fields only the name of the object and that of a pod's node are known. */
function matches({ labelSelector, fieldSelector }: WatchRequest<Kind>, object: AnyObject): boolean {
  if (!parseLabelSelector(labelSelector)(object.labels)) return false;
  return fieldSelector === '' || fieldSelector === `metadata.name=${object.name}` || fieldSelector === `spec.nodeName=${'nodeName' in object ? object.nodeName : ''}`;
}

function shown({ kind, namespaces, labelSelector, fieldSelector }: WatchRequest<Kind>): string {
  const inside = namespaces === undefined ? '' : ` in ${namespaces.join()}`;
  const selectors = [labelSelector, fieldSelector].filter((selector) => selector !== '').join();
  return `${kind}${inside}${selectors === '' ? '' : ` with ${selectors}`}`;
}
