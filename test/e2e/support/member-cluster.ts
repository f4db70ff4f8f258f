// A member cluster of two masters and a third one that comes and goes, on a fake API server: pods of all of them and of nobody, which are created, deleted, made anew
// under their old names and labelled otherwise. Every change is a version: what the cluster was like, since when, and since when each collector says
// that it knows.

import { startFakeApiServer, type FakeApiServer, type KubeObject } from '../../support/kubernetes/fake-api-server.ts';

export const podLabel = 'cluster_id';
/** Namespaces of three masters, and one that belongs to nobody. */
export const namespaces = ['hero-user-a', 'hero-user-b', 'hero-user-c', 'shared'] as const;
/** What `cluster_id` may say; '' for a pod without it. */
export const owners = ['a', 'b', 'c', ''] as const;
export const nodes = ['n1', 'n2'] as const;

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** Of its own metrics page; undefined for a pod that asks for no scrape. */
  readonly port: number | undefined;
  /** `cluster_id` now, and the first one that it had. */
  readonly label: string;
  readonly firstLabel: string;
}

export interface Snapshot {
  /** By `namespace/name`: the newest of the name, those that are gone included. */
  readonly newest: ReadonlyMap<string, Pod>;
  /** By uid, those that are gone included. */
  readonly incarnations: ReadonlyMap<string, Pod>;
  readonly alive: ReadonlySet<string>;
  /** Of the third master's document: `leaving` while it is gone after having been there. */
  readonly third: 'absent' | 'announced' | 'leaving';
}

export interface Version extends Snapshot {
  /** Before the first event of the change was sent, milliseconds since the epoch. */
  readonly sentMs: number;
  /** By collector, once it answers as the change has it. */
  readonly settledMs: Map<string, number>;
}

export const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${namespace}/${name}`;

export class MemberCluster {
  readonly server: FakeApiServer;
  readonly versions: Version[] = [];
  /** Incarnations on the pages of exporters: those that are gone stay there for a while. */
  readonly shown = new Map<string, Pod>();
  readonly #newest = new Map<string, Pod>();
  readonly #incarnations = new Map<string, Pod>();
  readonly #alive = new Set<string>();
  #third: Snapshot['third'] = 'absent';
  #made = 0;

  constructor(server: FakeApiServer) {
    this.server = server;
    for (const name of [...namespaces, 'kube-system']) server.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }

  static async start(): Promise<MemberCluster> {
    return new MemberCluster(await startFakeApiServer());
  }

  alivePods(): Pod[] {
    return [...this.#incarnations.values()].filter(({ uid }) => this.#alive.has(uid));
  }

  /** By uid, also one that is gone. Fails when the API server never had it. */
  incarnation(uid: string): Pod {
    const pod = this.#incarnations.get(uid);
    if (pod === undefined) throw new Error(`no pod has the uid ${uid}`);
    return pod;
  }

  /** Runs what changes the cluster, as one version of it. */
  change(act: () => void): Version {
    const sentMs = Date.now();
    act();
    const version = {
      newest: new Map(this.#newest), incarnations: new Map(this.#incarnations), alive: new Set(this.#alive), third: this.#third,
      sentMs, settledMs: new Map<string, number>(),
    };
    this.versions.push(version);
    return version;
  }

  /** A pod that exporters show and the API server has not told of yet; `admit` makes it known. */
  plan({ namespace, name = `task-${this.#made}`, label, node, port }: { readonly namespace: string; readonly name?: string; readonly label: string; readonly node: string; readonly port: number | undefined }): Pod {
    const pod = { namespace, name, node, label, firstLabel: label, port, uid: `uid-${this.#made++}` };
    this.#show(pod);
    return pod;
  }

  /** The API server has the pod from now on; one of the same name that lives ends before. */
  admit(pod: Pod): void {
    const before = this.#newest.get(keyOf(pod));
    if (before !== undefined && this.#alive.has(before.uid)) this.remove(before);
    this.#keep(pod);
    this.#alive.add(pod.uid);
    this.#show(pod);
    this.server.put(podObject(pod));
  }

  remove(pod: Pod): void {
    this.#alive.delete(pod.uid);
    this.server.remove('pods', pod.namespace, pod.name);
  }

  relabel(pod: Pod, label: string): void {
    const changed = { ...pod, label, firstLabel: pod.firstLabel === '' ? label : pod.firstLabel };
    this.#keep(changed);
    this.#show(changed);
    this.server.put(podObject(changed));
  }

  /** Exporters have noticed which pods are gone. */
  forgetGone(): void {
    for (const [key, { uid }] of this.shown) if (!this.#alive.has(uid)) this.shown.delete(key);
  }

  /** The document of the third master leads to `url`; undefined takes it away. */
  announce(url: string | undefined): void {
    this.#third = url === undefined ? 'leaving' : 'announced';
    if (url === undefined) this.server.remove('secrets', 'hero-user-c', 'tributary-route');
    else this.server.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tributary-route', namespace: 'hero-user-c' }, data: { 'route.yml': Buffer.from(`endpoints: ['${url}']`).toString('base64') } });
  }

  #keep(pod: Pod): void {
    this.#newest.set(keyOf(pod), pod);
    this.#incarnations.set(pod.uid, pod);
  }

  #show(pod: Pod): void {
    this.shown.set(keyOf(pod), pod);
  }
}

function podObject({ namespace, name, uid, node, port, label }: Pod): KubeObject {
  const annotations = { 'prometheus.io/scrape': String(port !== undefined), 'prometheus.io/port': String(port ?? 0), 'prometheus.io/path': `/kubernetes-pods/${uid}` };
  return podManifest({ namespace, name, uid, node, port: port ?? 80, labels: label === '' ? {} : { [podLabel]: label }, annotations });
}

interface ManifestPlan {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A pod that runs on the loopback. */
function podManifest({ namespace, name, uid, node, port, labels, annotations }: ManifestPlan): KubeObject {
  const ip = '127.0.0.1';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid, labels: { ...labels }, annotations: { ...annotations } },
    spec: { nodeName: node, containers: [{ name: 'main', image: 'registry.example/main:1', ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], hostIP: ip },
  };
}

/** The pod of an exporter in kube-system, found by its label `app`. */
export function exporterPod(app: string, port: number): KubeObject {
  return podManifest({ namespace: 'kube-system', name: `${app}-x`, uid: `uid-${app}`, node: 'n1', port, labels: { app }, annotations: {} });
}

/** A node whose kubelet listens on `port`. */
export function nodeObject(name: string, port: number): KubeObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } } };
}
