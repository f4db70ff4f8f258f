// A small cluster as kubeadm and kube-prometheus make it, on the fake API server: one of everything that the example configurations look for, and
// pods that nobody asked to be scraped.

import type { KubeObject } from '../../support/kubernetes/fake-api-server.ts';

interface PodPlan {
  readonly namespace: string;
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ip?: string;
  readonly port?: number;
  readonly portName?: string;
  readonly phase?: string;
}

const nodeAddress = '10.0.0.1';

function pod({ namespace, name, labels = {}, annotations = {}, ip = nodeAddress, port, portName = 'metrics', phase = 'Running' }: PodPlan): KubeObject {
  const ports = port === undefined ? [] : [{ name: portName, containerPort: port, protocol: 'TCP' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, uid: `uid-${name}`, labels: { ...labels }, annotations: { ...annotations } },
    spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'registry.example/main:1', ports }] },
    status: { phase, podIP: ip, podIPs: [{ ip }], hostIP: nodeAddress },
  };
}

interface ServicePlan {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly ip: string;
  /** The pod behind it, if one is. */
  readonly pod?: string;
}

/** The service, its slice, and the pod behind it. */
function service(plan: ServicePlan): KubeObject[] {
  const { namespace, name, labels, ip } = plan;
  const ports = Object.entries(plan.ports).map(([port, number]) => ({ name: port, port: number, protocol: 'TCP' }));
  const targetRef = plan.pod === undefined ? {} : { targetRef: { kind: 'Pod', name: plan.pod, namespace } };
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [ip], conditions: { ready: true }, nodeName: 'node-1', ...targetRef }],
    ports,
  };
  const port = Object.values(plan.ports)[0]!;
  const behind = plan.pod === undefined ? [] : [pod({ namespace, name: plan.pod, ip, port })];
  return [{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels: { ...labels } }, spec: { clusterIP: '10.96.0.1', type: 'ClusterIP', ports } }, slice, ...behind];
}

const named = (name: string) => ({ 'app.kubernetes.io/name': name });
const controlPlane = (component: string) => pod({ namespace: 'kube-system', name: `${component}-node-1`, labels: { component, tier: 'control-plane' } });
const asked = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080', 'prometheus.io/path': '/stats' };

export const exampleCluster: readonly KubeObject[] = [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1', labels: { 'kubernetes.io/hostname': 'node-1' } },
    status: { addresses: [{ type: 'InternalIP', address: nodeAddress }], daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } } },
  },
  ...service({ namespace: 'monitoring', name: 'node-exporter', labels: named('node-exporter'), ports: { https: 9100 }, ip: nodeAddress, pod: 'node-exporter-a' }),
  ...service({ namespace: 'monitoring', name: 'kube-state-metrics', labels: named('kube-state-metrics'), ports: { 'https-main': 8443, 'https-self': 9443 }, ip: '10.1.0.2', pod: 'kube-state-metrics-a' }),
  ...service({ namespace: 'default', name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' }, ports: { https: 6443 }, ip: nodeAddress }),
  ...service({ namespace: 'kube-system', name: 'kube-dns', labels: { 'k8s-app': 'kube-dns' }, ports: { dns: 53, metrics: 9153 }, ip: '10.1.0.3', pod: 'coredns-a' }),
  ...service({ namespace: 'gpu-operator', name: 'nvidia-dcgm-exporter', labels: { app: 'nvidia-dcgm-exporter' }, ports: { 'gpu-metrics': 9400 }, ip: '10.1.0.4', pod: 'dcgm-a' }),
  ...['kube-controller-manager', 'kube-scheduler', 'etcd'].map(controlPlane),
  pod({ namespace: 'kube-system', name: 'kube-proxy-a', labels: { 'k8s-app': 'kube-proxy' } }),
  pod({ namespace: 'tributary', name: 'tributary-0', labels: { 'app.kubernetes.io/part-of': 'tributary', 'app.kubernetes.io/component': 'collector' }, ip: '10.1.0.8', port: 9090, portName: 'http' }),
  pod({ namespace: 'tributary', name: 'tributary-agent-a', labels: { 'app.kubernetes.io/part-of': 'tributary', 'app.kubernetes.io/component': 'node-agent' }, ip: '10.1.0.9', port: 9190, portName: 'http' }),
  pod({ namespace: 'shop', name: 'asked', annotations: asked, ip: '10.1.0.5', port: 80 }),
  pod({ namespace: 'shop', name: 'not-asked', ip: '10.1.0.6', port: 80 }),
  pod({ namespace: 'shop', name: 'completed', annotations: asked, ip: '10.1.0.7', phase: 'Succeeded' }),
];
