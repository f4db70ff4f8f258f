// What is kept of an object of the API server: projections, never whole objects. A pod is 14 KB as JSON and about 1 KB here. All of them are
// plain frozen-in-spirit values made once per event by the decoders (protobuf and JSON give equal ones); names that repeat are interned, and no
// string is a slice of a response, because a slice keeps the whole response alive.
//
// Missing and null fields become '' (text), 0 (numbers), undefined (where absence means something) or an empty list.

/** Name, value, name, value and so on, as the server sent them: a third of the memory of a Map. */
export type Pairs = readonly string[];

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  /** At most one of an object's owners is its controller. */
  readonly controller: boolean;
}

export interface Meta {
  readonly name: string;
  /** '' for what belongs to no namespace: nodes, namespaces. */
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Pairs;
  readonly annotations: Pairs;
  readonly owners: readonly OwnerReference[];
}

export interface ContainerPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  /** From the container's status, such as `containerd://9f3c`; '' without a status. */
  readonly id: string;
  readonly ports: readonly ContainerPort[];
}

export interface Pod extends Meta {
  readonly nodeName: string;
  readonly hostIp: string;
  readonly podIp: string;
  readonly phase: string;
  /** Status of the condition `Ready`, in lower case; 'unknown' without one. */
  readonly ready: string;
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

export interface Service extends Meta {
  /** `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`. */
  readonly type: string;
  readonly clusterIp: string;
  readonly externalName: string;
  /** `spec.loadBalancerIP`. */
  readonly loadBalancerIp: string;
  readonly ports: readonly ServicePort[];
  /** `SingleStack`, `PreferDualStack`, `RequireDualStack` or ''. */
  readonly ipFamilyPolicy: string;
  /** `IPv4`, `IPv6`, the primary one first. */
  readonly ipFamilies: readonly string[];
}

/** A reference from an address to what it belongs to: usually a pod, sometimes a node. */
export interface TargetReference {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

export interface EndpointAddress {
  readonly ip: string;
  readonly hostname: string;
  /** undefined when the field is absent. */
  readonly nodeName: string | undefined;
  readonly target: TargetReference | undefined;
}

export interface EndpointPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

export interface EndpointSubset {
  readonly addresses: readonly EndpointAddress[];
  readonly notReadyAddresses: readonly EndpointAddress[];
  readonly ports: readonly EndpointPort[];
}

export interface Endpoints extends Meta {
  readonly subsets: readonly EndpointSubset[];
}

/** Each is undefined when the field is absent. */
export interface SlicePort {
  readonly name: string | undefined;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  readonly appProtocol: string | undefined;
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean | undefined;
  readonly serving: boolean | undefined;
  readonly terminating: boolean | undefined;
  readonly hostname: string | undefined;
  readonly nodeName: string | undefined;
  readonly zone: string | undefined;
  readonly target: TargetReference | undefined;
  /** `deprecatedTopology`. */
  readonly topology: Pairs;
}

export interface EndpointSlice extends Meta {
  /** `IPv4`, `IPv6`, `FQDN`. */
  readonly addressType: string;
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly SlicePort[];
}

export interface NodeAddress {
  /** `InternalIP`, `Hostname` and so on. */
  readonly type: string;
  readonly address: string;
}

export interface NodeCondition {
  readonly type: string;
  /** `True`, `False`, `Unknown`. */
  readonly status: string;
}

export interface Node extends Meta {
  readonly providerId: string;
  /** `status.daemonEndpoints.kubeletEndpoint.Port`. */
  readonly kubeletPort: number;
  readonly addresses: readonly NodeAddress[];
  readonly conditions: readonly NodeCondition[];
}

export interface IngressRule {
  readonly host: string;
  /** Paths of `http`; empty when the rule has none. */
  readonly paths: readonly string[];
}

export interface Ingress extends Meta {
  /** undefined when `spec.ingressClassName` is absent. */
  readonly className: string | undefined;
  readonly rules: readonly IngressRule[];
  /** Hosts of all `tls` entries. */
  readonly tlsHosts: readonly string[];
}

/** Metadata is all that is kept of it. */
export type Namespace = Meta;
export type ReplicaSet = Meta;
export type Job = Meta;

/** A Secret or a ConfigMap. Values are bytes as stored, base64 already undone. */
export interface DataObject extends Meta {
  readonly data: ReadonlyMap<string, Uint8Array>;
}

/** What can be watched, by the word of its path in the API. */
export interface KindMap {
  readonly pods: Pod;
  readonly services: Service;
  readonly endpoints: Endpoints;
  readonly endpointslices: EndpointSlice;
  readonly nodes: Node;
  readonly ingresses: Ingress;
  readonly namespaces: Namespace;
  readonly replicasets: ReplicaSet;
  readonly jobs: Job;
  readonly secrets: DataObject;
  readonly configmaps: DataObject;
  /** Pods as PartialObjectMetadata: names, uid, labels, owners; no annotations are kept. */
  readonly podmetadata: Meta;
}
export type Kind = keyof KindMap;

/** `namespace/name`, or `name` for what belongs to no namespace. */
export function objectKey({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** The value of a label or annotation; undefined when there is none. */
export function pairValue(pairs: Pairs, name: string): string | undefined {
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return pairs[i + 1];
  return undefined;
}
