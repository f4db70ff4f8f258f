// Targets from the objects of a Kubernetes cluster. The provider watches what its role needs, through reflectors that are shared with everybody
// else who asks, and makes a group per object of the role.
//   - The first groups are told when every watch knows its first state: half of the objects would look like targets without their labels.
//   - An event touches the groups that depend on its object, and only those: a pod the endpoints that name it, a node the pods on it.
//   - Touched groups are made again together after a moment, so that a rollout with ten events per pod costs one evaluation.
//   - While the API server is out of reach nothing changes: the watches keep their last state, and so do the groups.
// Source: Prometheus discovery/kubernetes.

import { isDeepStrictEqual } from 'node:util';
import type { Timer } from '../../src/io/clock.ts';
import type { ApiServer, Watch, WatchRequest } from '../../src/kubernetes/kubernetes.ts';
import type { Kind, KindMap, Meta, Pod, Service } from '../../src/kubernetes/objects.ts';
import { targetGroup } from '../discovery.ts';
import type { GroupSink, Provider, TargetGroup } from '../discovery.ts';
import type { ProviderDependencies } from '../provider.ts';
import { ownerReferences } from './attach.ts';
import type { AttachSettings, KubernetesSdSettings, RoleName } from './config.ts';
import { endpointsRole } from './endpoints.ts';
import { endpointSliceRole } from './endpointslice.ts';
import { ingressRole } from './ingress.ts';
import { nodeRole } from './node.ts';
import { podRole } from './pod.ts';
import { ReverseIndex } from './reverse-index.ts';
import type { Cluster, Reference, Role } from './role.ts';
import { serviceRole } from './service.ts';
import { planWatches, watchedNamespaces } from './watch-plan.ts';

/** Events within this time are evaluated together. Part of the second that an event may take to the set of targets. */
const COLLECT_MS = 50;

/** Objects whose groups are made in one turn: some milliseconds. Fifty thousand at once, as at the start or with a label of a namespace, would hold up every scrape. */
const SLICE_OBJECTS = 1_000;

const roles: Readonly<Record<RoleName, Role<Kind>>> = {
  pod: podRole,
  service: serviceRole,
  endpoints: endpointsRole,
  endpointslice: endpointSliceRole,
  node: nodeRole,
  ingress: ingressRole,
};

export function createKubernetesProvider(settings: KubernetesSdSettings, deps: ProviderDependencies): Provider {
  return new KubernetesProvider(settings, deps);
}

class KubernetesProvider implements Provider, Cluster {
  readonly attach: AttachSettings;
  readonly #settings: KubernetesSdSettings;
  readonly #deps: ProviderDependencies;
  readonly #role: Role<Kind>;
  readonly #watches = new Map<Kind, Watch<KindMap[Kind]>>();
  /** Objects of the role by what they refer to. */
  #dependents = new ReverseIndex([]);
  /** Pods by their owners, for roles whose objects refer to pods. */
  #pods = new ReverseIndex([]);
  /** What was told last, by the key of the object. */
  readonly #groups = new Map<string, TargetGroup>();
  readonly #touched = new Set<string>();
  readonly #warned = new Set<string>();
  #server: ApiServer | undefined;
  #sink: GroupSink = () => undefined;
  #unsynced = 0;
  #isFirstTold = false;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(settings: KubernetesSdSettings, deps: ProviderDependencies) {
    this.attach = settings.attach;
    this.#settings = settings;
    this.#deps = deps;
    this.#role = roles[settings.role];
  }

  start(sink: GroupSink): void {
    this.#sink = sink;
    this.#server = this.#deps.kubernetes.connect(this.#settings.server);
    const { ownNamespace } = this.#server;
    if (this.#settings.namespaces.own && ownNamespace === undefined) {
      this.#deps.logger.error('own_namespace is asked for outside of a cluster: it is left out', { role: this.#settings.role });
    }
    const namespaces = watchedNamespaces(this.#settings, ownNamespace);
    if (namespaces?.length === 0) return;
    const requests = planWatches(this.#settings, namespaces);
    const kinds = requests.map(({ kind }) => kind);
    this.#unsynced = requests.length;
    this.#dependents = new ReverseIndex(kinds);
    this.#pods = new ReverseIndex(kinds);
    for (const request of requests) this.#watch(request);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const watch of this.#watches.values()) watch.close();
    await this.#server?.release();
  }

  find<K extends Kind>(kind: K, key: string): KindMap[K] | undefined {
    return this.#watches.get(kind)?.objects.get(key) as KindMap[K] | undefined;
  }

  #watch(request: WatchRequest<Kind>): void {
    const { kind } = request;
    const watch = this.#server!.watch(request, {
      synced: () => this.#onSynced(kind),
      changed: (key, before, after) => this.#onChanged(kind, key, before, after),
    });
    this.#watches.set(kind, watch);
  }

  #onSynced(kind: Kind): void {
    if (this.#isStopped) return;
    const { objects } = this.#watches.get(kind)!;
    // Objects of the role enter their index with their first groups.
    if (kind !== this.#role.kind) for (const [key, object] of objects) this.#index(kind, key, undefined, object);
    if (--this.#unsynced === 0) this.#makeFirst(this.#watches.get(this.#role.kind)!.objects.entries());
  }

  /** What changes meanwhile is met by the iteration or touched again. */
  #makeFirst(objects: Iterator<[string, KindMap[Kind]]>): void {
    for (let made = 0; made < SLICE_OBJECTS; made++) {
      const next = objects.next();
      if (next.done === true) return this.#tellFirst();
      const [key, object] = next.value;
      this.#index(this.#role.kind, key, undefined, object);
      this.#evaluate(key);
    }
    this.#timer = this.#deps.clock.after(0, () => this.#makeFirst(objects));
  }

  #tellFirst(): void {
    this.#timer = undefined;
    this.#isFirstTold = true;
    for (const key of this.#touched) this.#evaluate(key);
    this.#touched.clear();
    this.#sink([...this.#groups.values()]);
  }

  #onChanged(kind: Kind, key: string, before: KindMap[Kind] | undefined, after: KindMap[Kind] | undefined): void {
    if (this.#isStopped) return;
    this.#index(kind, key, before, after);
    if (this.#unsynced > 0 || !this.#matters(kind, before, after)) return;
    this.#touch(kind, key);
    if (this.#isFirstTold && this.#touched.size > 0) this.#timer ??= this.#deps.clock.after(COLLECT_MS, () => this.#tellTouched());
  }

  #index(kind: Kind, key: string, before: KindMap[Kind] | undefined, after: KindMap[Kind] | undefined): void {
    if (kind === this.#role.kind) return replace(this.#dependents, key, before && this.#role.references(before), after && this.#role.references(after));
    if (kind === 'pods') replace(this.#pods, key, before && ownerReferences(before as Pod), after && ownerReferences(after as Pod));
  }

  /** Most events of a node are its heartbeat: of an object that others refer to, only what they show counts. */
  #matters(kind: Kind, before: KindMap[Kind] | undefined, after: KindMap[Kind] | undefined): boolean {
    const shown = kind === this.#role.kind ? undefined : shownOf[kind];
    return shown === undefined || before === undefined || after === undefined || !isDeepStrictEqual(shown(before), shown(after));
  }

  #touch(kind: Kind, key: string): void {
    if (kind === this.#role.kind) this.#touched.add(key);
    for (const dependent of this.#dependents.dependents(kind, key)) this.#touched.add(dependent);
    for (const pod of this.#pods.dependents(kind, key)) this.#touch('pods', pod);
  }

  #tellTouched(): void {
    this.#timer = undefined;
    const changed: TargetGroup[] = [];
    let room = SLICE_OBJECTS;
    for (const key of this.#touched) {
      if (room-- === 0) break;
      this.#touched.delete(key);
      const before = this.#groups.get(key)?.targetCount ?? 0;
      const group = this.#evaluate(key);
      if (group !== undefined && (before > 0 || group.targetCount > 0)) changed.push(group);
    }
    if (this.#touched.size > 0) this.#timer = this.#deps.clock.after(0, () => this.#tellTouched());
    if (changed.length > 0) this.#sink(changed);
  }

  /** The group of an object as it is now; an empty one when it has none any more, undefined when it never had one. */
  #evaluate(key: string): TargetGroup | undefined {
    const object = this.find(this.#role.kind, key);
    this.#warn(key, object);
    const last = this.#groups.get(key);
    const group = object === undefined ? undefined : this.#role.build(last?.source ?? `${this.#role.sourceWord}/${key}`, object, this);
    if (group !== undefined) this.#groups.set(key, group);
    else this.#groups.delete(key);
    return group ?? (last === undefined ? undefined : targetGroup(last.source, []));
  }

  /** Once when it begins. */
  #warn(key: string, object: KindMap[Kind] | undefined): void {
    const text = object === undefined ? undefined : this.#role.warning?.(object);
    if (text === undefined) return void this.#warned.delete(key);
    if (!this.#warned.has(key)) this.#deps.logger.warn(text, { role: this.#settings.role });
    this.#warned.add(key);
  }
}

/** What objects show in the groups of others. */
const shownOf: Partial<Record<Kind, (object: KindMap[Kind]) => unknown>> = {
  nodes: shownMetadata,
  namespaces: shownMetadata,
  services: (object) => [shownMetadata(object), (object as Service).ipFamilyPolicy, (object as Service).ipFamilies],
  replicasets: ({ owners }) => owners,
  jobs: ({ owners }) => owners,
};

function shownMetadata({ labels, annotations }: Meta): unknown {
  return [labels, annotations];
}

function replace(index: ReverseIndex, key: string, before: Iterable<Reference> | undefined, after: Iterable<Reference> | undefined): void {
  if (before !== undefined) index.remove(key, before);
  if (after !== undefined) index.add(key, after);
}
