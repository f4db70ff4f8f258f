// The contract of the Kubernetes client: who wants to know of objects asks for a watch and is told what is there and what changes.
//
//     connect(settings) -> ApiServer -> watch({kind, namespaces, selectors}, listener) -> Watch
//
// Equal settings are one server with one agent and one credential; equal (kind, namespaces) are one reflector, whoever asks. The state
// survives disconnection: a watch never reports that an object vanished because the server could not be reached.

import type { HttpClientSettings } from '../io/http/config.ts';
import type { Kind, KindMap } from './objects.ts';

export { createKubernetes } from './create-kubernetes.ts';
export type { KubernetesOptions } from './create-kubernetes.ts';
export { fieldSelectorProblem, labelSelectorProblem } from './label-selector.ts';

/** Where the API server is, and who we are there. */
export type ServerSettings =
  | { readonly kind: 'in_cluster' }
  | { readonly kind: 'url'; readonly url: string; readonly http: HttpClientSettings }
  | { readonly kind: 'kubeconfig'; readonly path: string };

export interface WatchRequest<K extends Kind> {
  readonly kind: K;
  /** undefined: all of the cluster. Each named one is a list and a watch of its own. */
  readonly namespaces: readonly string[] | undefined;
  /** In Kubernetes' syntax: `app=web,tier in (a,b),!canary`; '' selects everything. */
  readonly labelSelector: string;
  /** `metadata.name=x`, `spec.nodeName=x`, `status.phase!=Running`; '' selects everything. */
  readonly fieldSelector: string;
}

export interface WatchListener<T> {
  /** The first complete state is in `objects`. Called once, never before `watch` has returned. */
  synced(): void;
  /**
   * An object appeared (`before` undefined), changed or vanished (`after` undefined), after `synced` only. What a selector leaves out does not
   * exist here: an object that leaves the selection vanishes.
   */
  changed(key: string, before: T | undefined, after: T | undefined): void;
}

export interface Watch<T> {
  /** By `objectKey`; the live state, not a copy. Empty before `synced`. */
  readonly objects: ReadonlyMap<string, T>;
  readonly isSynced: boolean;
  /** Ends the watch: the listener is not called any more. The last one to leave ends the requests. */
  close(): void;
}

export interface ApiServer {
  watch<K extends Kind>(request: WatchRequest<K>, listener: WatchListener<KindMap[K]>): Watch<KindMap[K]>;
  /** The namespace this process runs in; undefined outside a cluster. Read once. */
  readonly ownNamespace: string | undefined;
  /** Gives the server back. The last one to do so closes its connections. */
  release(): Promise<void>;
}

/** One reflector, as the page and `/api/v1/status/kubernetes` show it. */
export interface ReflectorState {
  /** The server's URL without credentials. */
  readonly server: string;
  readonly kind: Kind;
  /** '' for all of the cluster. */
  readonly namespace: string;
  /** The only name that is asked for; absent where all are. */
  readonly name?: string;
  readonly state: 'syncing' | 'live' | 'stale';
  readonly objects: number;
  /** Wall time of the last answer or event that proved the state current; undefined before the first. */
  readonly currentAtMs: number | undefined;
  /** Why it is not live, as the server said it: verb, resource and namespace included. '' while live. */
  readonly error: string;
  /** The server refuses it for want of permission (401, 403). */
  readonly isDenied: boolean;
}

export interface Kubernetes {
  /** Never fails: a server that cannot be reached, or a kubeconfig that cannot be read, is a state of its reflectors. */
  connect(settings: ServerSettings): ApiServer;
  state(): ReflectorState[];
  /** Names and addresses of the API servers as far as they are known: that of the cluster this runs in, and those that were connected to. Without port and brackets. */
  hosts(): string[];
  /** Every reflector somebody waits for has told its first state. */
  isSynced(): boolean;
}
