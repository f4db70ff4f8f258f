// A pod that looks like a real one: two containers with fifteen environment variables each, probes, volumes, security contexts, eight labels, six
// annotations, a full status, and the managedFields that a controller and a kubelet leave behind. 13.8 KB as JSON, not quite half of it managedFields.

import { seededRandom } from '../../../src/io/random.ts';
import type { KubeObject } from './store.ts';

export interface PodPlace {
  readonly seed: number;
  readonly index: number;
  readonly namespace: string;
  readonly deployment: string;
  readonly node: string;
  /** Carries `prometheus.io/scrape: "true"`; the others carry "false". */
  readonly isAnnotated: boolean;
  /** Value of `prometheus.io/path`. */
  readonly path: string;
}

const CREATED_AT = '2026-01-02T03:04:05Z';
const STARTED_AT = '2026-01-02T03:04:17Z';
const VARIABLES = 15;

/** `count` hexadecimal digits. */
type Hex = (count: number) => string;

/** What others say of a pod. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly ip: string;
}

export function identityOf({ index, namespace, deployment }: Pick<PodPlace, 'index' | 'namespace' | 'deployment'>): PodIdentity {
  const number = index.toString(16).padStart(12, '0');
  return { name: `${replicaSetName(deployment)}-${index.toString(36).padStart(5, 'x')}`, namespace, uid: `5f3a9c1e-77d2-4b60-a18f-${number}`, ip: ipOf(index) };
}

export function replicaSetName(deployment: string): string {
  return `${deployment}-${HASH}`;
}

const HASH = '6c4d9f7b85';

/** The same place gives the same pod. Without a version: the server puts that in. */
export function makePod(place: PodPlace): KubeObject {
  const random = seededRandom(place.seed * 1_000_003 + place.index);
  const hex: Hex = (count) => Buffer.from(random.bytes(Math.ceil(count / 2))).toString('hex').slice(0, count);
  const { namespace, deployment } = place;
  const { name, uid } = identityOf(place);
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: replicaSetName(deployment), uid: `uid-replicaset-${namespace}-${deployment}`, controller: true, blockOwnerDeletion: true };
  const metadata = {
    name, generateName: `${replicaSetName(deployment)}-`, namespace, uid, creationTimestamp: CREATED_AT,
    labels: labelsOf(place), annotations: annotationsOf(place, hex), ownerReferences: [owner],
  };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: specOf(place, hex), status: statusOf(place, hex) };
  return { ...pod, metadata: { ...metadata, managedFields: managedFieldsOf(pod) } };
}

function labelsOf({ deployment, namespace }: PodPlace): Record<string, string> {
  return {
    'app.kubernetes.io/name': deployment, 'app.kubernetes.io/instance': `${deployment}-main`, 'app.kubernetes.io/version': '1.14.2',
    'app.kubernetes.io/component': 'backend', 'app.kubernetes.io/part-of': namespace, 'app.kubernetes.io/managed-by': 'Helm', 'pod-template-hash': HASH,
    'topology.example/cell': `cell-${deployment.length}`,
  };
}

function annotationsOf({ isAnnotated, path, index }: PodPlace, hex: Hex): Record<string, string> {
  return {
    'prometheus.io/scrape': String(isAnnotated), 'prometheus.io/port': '8080', 'prometheus.io/path': path,
    'checksum/config': hex(64), 'cni.example/pod-ips': JSON.stringify([{ interface: 'eth0', ip: ipOf(index), mac: `0a:58:${hex(2)}:${hex(2)}` }]),
    'kubectl.kubernetes.io/restartedAt': '2026-01-02T03:04:00Z',
  };
}

function ipOf(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
}

function specOf(place: PodPlace, hex: Hex) {
  return {
    volumes: [
      { name: 'config', configMap: { name: `${place.deployment}-config`, defaultMode: 420 } },
      tokenVolume(place),
    ],
    containers: [container(place, 'app', hex), container(place, 'sidecar', hex)],
    restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', serviceAccountName: place.deployment, serviceAccount: place.deployment,
    nodeName: place.node, securityContext: { runAsUser: 65532, runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    imagePullSecrets: [{ name: 'registry' }], schedulerName: 'default-scheduler', priority: 0, enableServiceLinks: true, preemptionPolicy: 'PreemptLowerPriority',
    tolerations: ['not-ready', 'unreachable'].map((state) => ({ key: `node.kubernetes.io/${state}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })),
  };
}

function tokenVolume({ index }: PodPlace): Record<string, unknown> {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } },
  ];
  return { name: `kube-api-access-${index.toString(36)}`, projected: { sources, defaultMode: 420 } };
}

function container({ deployment, index }: PodPlace, name: string, hex: Hex) {
  const probe = (path: string) => ({ httpGet: { path, port: 'http', scheme: 'HTTP' }, initialDelaySeconds: 5, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  return {
    name, image: `registry.example/${deployment}/${name}:1.14.2`, args: ['--config=/etc/app/config.yaml', `--log-level=info`],
    ports: [{ name: name === 'app' ? 'http' : 'proxy', containerPort: name === 'app' ? 8080 : 15001, protocol: 'TCP' }],
    env: Array.from({ length: VARIABLES }, (_, i) => variable(i, hex)),
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts: [
      { name: 'config', readOnly: true, mountPath: '/etc/app' },
      { name: `kube-api-access-${index.toString(36)}`, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
    ],
    livenessProbe: probe('/healthz'), readinessProbe: probe('/readyz'),
    terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', imagePullPolicy: 'IfNotPresent',
    securityContext: { readOnlyRootFilesystem: true },
  };
}

/** Of three kinds, as in real pods: from the pod itself, from a Secret, and plain values. */
function variable(i: number, hex: Hex): Record<string, unknown> {
  if (i === 0) return { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } };
  if (i === 1) return { name: 'DATABASE_PASSWORD', valueFrom: { secretKeyRef: { name: 'database', key: 'password' } } };
  return { name: `SETTING_${i}`, value: `service-${i}:8443/${hex(8)}` };
}

function statusOf({ index, deployment }: PodPlace, hex: Hex): Record<string, unknown> {
  const conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
  return {
    phase: 'Running', hostIP: `192.168.${(index >> 8) & 255}.${index & 255}`, hostIPs: [{ ip: `192.168.${(index >> 8) & 255}.${index & 255}` }], podIP: ipOf(index), podIPs: [{ ip: ipOf(index) }],
    startTime: CREATED_AT, qosClass: 'Burstable',
    conditions: conditions.map((type) => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: STARTED_AT })),
    containerStatuses: ['app', 'sidecar'].map((name) => ({
      name, state: { running: { startedAt: STARTED_AT } }, lastState: {}, ready: true, restartCount: 0, image: `registry.example/${deployment}/${name}:1.14.2`,
      imageID: `registry.example/${deployment}/${name}@sha256:${hex(64)}`, containerID: `containerd://${hex(64)}`, started: true,
    })),
  };
}

interface PodParts {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: ReturnType<typeof specOf>;
  readonly status: unknown;
}

function managedFieldsOf({ metadata, spec, status }: PodParts): unknown[] {
  const { generateName, labels, annotations, ownerReferences } = metadata;
  const { restartPolicy, dnsPolicy, schedulerName } = spec;
  // What admission adds, the token's volume and mounts, is nobody's field.
  const volumes = spec.volumes.slice(0, -1);
  const containers = spec.containers.map((one) => ({ ...one, volumeMounts: one.volumeMounts.slice(0, -1) }));
  const entry = (manager: string, fieldsV1: unknown, more = {}) => ({ manager, operation: 'Update', apiVersion: 'v1', time: CREATED_AT, fieldsType: 'FieldsV1', fieldsV1, ...more });
  return [
    entry('kube-controller-manager', fieldsOf({ metadata: { generateName, labels, annotations, ownerReferences }, spec: { volumes, containers, restartPolicy, dnsPolicy, schedulerName } })),
    entry('kubelet', fieldsOf({ status }), { subresource: 'status', time: STARTED_AT }),
  ];
}

/** Which fields an object has, as server-side apply writes it down: `f:` for fields, `k:` for elements known by a key, nothing for plain lists. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (Array.isArray(value)) return Object.fromEntries([['.', {}], ...value.flatMap(elementFields)]) as Record<string, unknown>;
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [`f:${name}`, fieldsOf(field)]));
}

function elementFields(element: unknown): [string, unknown][] {
  if (typeof element !== 'object' || element === null) return [];
  const key = ['name', 'mountPath', 'type', 'uid', 'ip'].find((name) => name in element);
  if (key === undefined) return [];
  return [[`k:${JSON.stringify({ [key]: (element as Record<string, unknown>)[key] })}`, { '.': {}, ...fieldsOf(element) }]];
}
