// The overlays, rendered by kubectl (the oldest we support, and the one of this machine) and judged by the schemas of Kubernetes. They and the
// chart describe the same pod.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checkMounted, container, danglingNames, grants, lostSelectors, workload } from './support/deploy-rules.ts';
import { schemaProblems } from './support/deploy-schemas.ts';
import { at, chartFolder, deployTools, only, renderChart, renderOverlay, type Manifest, type Rendering, type Values } from './support/deploy-tools.ts';
import { endAll } from './support/process.ts';

const overlays = {
  single: ['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Deployment', 'Namespace', 'PersistentVolumeClaim', 'Service', 'Service', 'ServiceAccount'],
  sharded: ['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Namespace', 'PodDisruptionBudget', 'Service', 'Service', 'ServiceAccount', 'StatefulSet'],
  receiver: ['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Deployment', 'Namespace', 'PersistentVolumeClaim', 'Service', 'Service', 'ServiceAccount'],
  namespaced: ['ConfigMap', 'Deployment', 'PersistentVolumeClaim', 'Role', 'RoleBinding', 'Service', 'Service', 'ServiceAccount'],
  'kube-prometheus': [
    'ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'ConfigMap', 'Deployment', 'Namespace', 'NetworkPolicy', 'PersistentVolumeClaim', 'PodMonitor', 'PrometheusRule', 'Service', 'Service', 'ServiceAccount',
  ],
} as const;
type Overlay = keyof typeof overlays;
const names = Object.keys(overlays) as Overlay[];

/** Values of the chart that come to the same as an overlay. */
const chartValues: Partial<Record<Overlay, Values>> = {
  single: {},
  sharded: { sharding: { members: 2 } },
  'kube-prometheus': { prometheusRule: { enabled: true }, networkPolicy: { enabled: true }, dashboard: { enabled: true } },
};
let chartRenderings: readonly Rendering[] | undefined;

/** The chart as an overlay; rendered once for all. */
function chart(name: Overlay): readonly Manifest[] {
  chartRenderings ??= renderChart(...Object.values(chartValues));
  const rendering = chartRenderings[Object.keys(chartValues).indexOf(name)];
  if (rendering === undefined || 'refusal' in rendering) throw new Error(rendering?.refusal ?? `no values for ${name}`);
  return rendering.objects;
}

/** The old one leaves empty maps in the metadata of what it generates. */
function inOrder(objects: readonly Manifest[]): Manifest[] {
  const tidied = objects.map((object) => ({ ...object, metadata: Object.fromEntries(Object.entries(object.metadata).filter(([, value]) => JSON.stringify(value) !== '{}')) }) as unknown as Manifest);
  return tidied.toSorted((a, b) => (`${a.kind} ${a.metadata.name}` < `${b.kind} ${b.metadata.name}` ? -1 : 1));
}

describe.each(deployTools.kubectl.length > 0 ? deployTools.kubectl : ['a kubectl that could not be had'])('the overlays by %s', { skip: deployTools.kubectl.length === 0 }, (kubectl) => {
  const rendered = new Map<Overlay, readonly Manifest[]>();
  const objectsOf = (name: Overlay) => rendered.get(name)!;
  beforeAll(() => {
    for (const name of names) rendered.set(name, renderOverlay(kubectl, name));
    vi.stubEnv('TRIBUTARY_MEMBER', '0');
  });
  afterAll(endAll);

  describe.each(names)('%s', (name) => {
    test('holds its objects', () => expect(objectsOf(name).map(({ kind }) => kind).toSorted()).toEqual(overlays[name]));
    test.runIf(deployTools.schemas.length > 0)('fits the schemas of Kubernetes', () => expect(objectsOf(name).flatMap(schemaProblems)).toEqual([]));
    test('selectors find the pod, and everything that is named exists', () => expect([...lostSelectors(objectsOf(name)), ...danglingNames(objectsOf(name))]).toEqual([]));
    test('everything lies in the namespace', () => {
      const clusterWide = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding']);
      expect(objectsOf(name).filter(({ kind, metadata }) => !clusterWide.has(kind) && metadata.namespace !== 'tributary').map(({ kind }) => kind)).toEqual([]);
      const binding = objectsOf(name).find(({ kind }) => kind.endsWith('RoleBinding'));
      expect(at(binding, 'subjects')).toEqual([{ kind: 'ServiceAccount', name: 'tributary', namespace: 'tributary' }]);
    });
    test('the configuration is one that starts without a remark', () =>
      expect(checkMounted(objectsOf(name)).at(-1)).toMatch(/"ok":true,"problems":0,.*"warnings":0,"noEffect":0,"ignoredSections":0/));
  });

  test('a namespace alone grants nothing beyond it', () => expect(grants(objectsOf('namespaced'), 'Role')).toEqual({ 'list watch': ['endpointslices', 'pods', 'services'] }));
  test('several members are as many as the configuration says', () => {
    const [replicas, config] = [at(workload(objectsOf('sharded')), 'spec.replicas'), only(objectsOf('sharded'), 'ConfigMap').data?.['tributary.yml']];
    expect(config).toContain(`members: ${String(replicas)}\n`);
  });
  test('the jobs of kube-prometheus are all there', () => {
    const config = objectsOf('kube-prometheus').find(({ metadata }) => metadata.name === 'tributary-config')?.data?.['tributary.yml'] ?? '';
    expect([...config.matchAll(/job_name: (\S+)/g)].map((match) => match[1])).toEqual([
      'tributary', 'tributary-node-agent', 'node-exporter', 'kube-state-metrics', 'kube-state-metrics-self', 'kubelet', 'kubelet-cadvisor', 'kubelet-probes', 'kubelet-slis', 'apiserver',
      'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'etcd', 'coredns', 'dcgm-exporter', 'kubernetes-pods',
    ]);
  });
  test('the dashboard comes unchanged, under the label that Grafana looks for', () => {
    const dashboard = objectsOf('kube-prometheus').find(({ metadata }) => metadata.name === 'tributary-dashboard');
    expect(dashboard?.data?.['tributary.json']).toBe(readFileSync(join(chartFolder, 'files', 'dashboards', 'tributary.json'), 'utf8'));
    expect(dashboard?.metadata.labels).toEqual({ grafana_dashboard: '1' });
  });

  test('both kubectl give the same objects', () => {
    for (const name of names) expect(inOrder(renderOverlay(deployTools.kubectl[0]!, name))).toEqual(inOrder(objectsOf(name)));
  });

  describe.runIf(deployTools.helm !== undefined)('beside the chart', () => {
    const podSpec = (objects: readonly Manifest[]) => at(workload(objects), 'spec.template.spec');

    test.each(['single', 'sharded'] as const)('%s has the pod and the role of the chart', (name) => {
      const theirs = chart(name);
      expect(podSpec(objectsOf(name))).toEqual(podSpec(theirs));
      expect(grants(objectsOf(name), 'ClusterRole')).toEqual(grants(theirs, 'ClusterRole'));
    });
    test('alerts, dashboard and network policy are those of the chart', () => {
      const theirs = chart('kube-prometheus');
      for (const kind of ['PrometheusRule', 'NetworkPolicy']) {
        const ours = only(objectsOf('kube-prometheus'), kind);
        expect(at(ours, kind === 'NetworkPolicy' ? 'spec.egress' : 'spec')).toEqual(at(only(theirs, kind), kind === 'NetworkPolicy' ? 'spec.egress' : 'spec'));
      }
      const dashboards = [objectsOf('kube-prometheus'), theirs].map((objects) => objects.find(({ metadata }) => metadata.name === 'tributary-dashboard')?.data?.['tributary.json']);
      expect(JSON.parse(dashboards[0]!)).toEqual(JSON.parse(dashboards[1]!));
    });
  });

  test('the heap follows the memory limit', () => expect(container(objectsOf('single'), 'env.0.value')).toBe('--max-old-space-size-percentage=70'));
});
