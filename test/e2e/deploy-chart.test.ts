// The Helm chart, rendered by Helm itself and judged by the schemas of Kubernetes.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { checkMounted, container, danglingNames, grants, lostSelectors, workload } from './support/deploy-rules.ts';
import { schemaProblems } from './support/deploy-schemas.ts';
import { at, deployTools, only, renderChart, type Manifest, type Rendering, type Values } from './support/deploy-tools.ts';
import { endAll } from './support/process.ts';

const several: Values = { sharding: { members: 3, replicationFactor: 2 } };
const everything: Values = {
  image: { repository: 'registry.example/tributary', digest: `sha256:${'0'.repeat(64)}`, pullSecrets: [{ name: 'registry' }] },
  extraArgs: ['--web.enable-lifecycle'],
  env: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
  envFrom: [{ secretRef: { name: 'more' } }],
  extraVolumes: [{ name: 'secrets', secret: { secretName: 'storage' } }],
  extraVolumeMounts: [{ name: 'secrets', mountPath: '/etc/tributary-secrets', readOnly: true }],
  persistence: { storageClass: 'fast', annotations: { backup: 'no' } },
  serviceAccount: { name: 'collector', annotations: { role: 'metrics' } },
  rbac: { extraRules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }] },
  service: { port: 80, annotations: { team: 'platform' } },
  networkPolicy: { enabled: true, from: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }], extraEgress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }] },
  monitor: { kind: 'ServiceMonitor', interval: '1m', labels: { release: 'prometheus' } },
  prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
  dashboard: { enabled: true, annotations: { grafana_folder: 'Collectors' } },
  podLabels: { team: 'platform' },
  podAnnotations: { note: 'none' },
  commonLabels: { cluster: 'member-1' },
  priorityClassName: 'system-cluster-critical',
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: 'edge', operator: 'Exists' }] } }] } },
  tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' }],
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'tributary' } } }],
};

/** Values that a cluster may have, by what is special about them. */
const good: Readonly<Record<string, Values>> = {
  'nothing given': {},
  'several members': several,
  'everything given': everything,
  'everything given, several members': { ...everything, ...several, monitor: { kind: 'PodMonitor' } },
  'namespaces only': { rbac: { namespaces: ['shop'] } },
  'no claim': { persistence: { enabled: false } },
  'no claim, several members': { ...several, persistence: { enabled: false } },
  'a claim of somebody else': { persistence: { existingClaim: 'disk' } },
  'a configuration of somebody else': { existingConfig: { configMap: 'ours' } },
  'a secret with the configuration': { existingConfig: { secret: 'ours', key: 'prometheus.yml' } },
  'no roles and no account': { rbac: { create: false }, serviceAccount: { create: false, name: 'default' } },
  'every kind discovered': { rbac: { discovery: { endpoints: true, ingresses: true, namespaces: true, replicasets: true, jobs: true } } },
  'nothing discovered': { rbac: { discovery: { pods: false, services: false, endpointslices: false, nodes: false }, scraping: { kubelets: false, nonResourceURLs: ['/metrics'] } } },
  'other names': { fullnameOverride: 'collector', nameOverride: 'edge' },
  'a configuration given': { config: { scrape_configs: [{ job_name: 'one', sample_limit: 5_000_000, static_configs: [{ targets: ['a:1'] }] }], remote_write: [{ name: 'master-a', url: 'http://a/w' }] } },
};

/** Values that are refused, with a part of the reason. Older versions of Helm write paths with dots. */
const bad: readonly (readonly [values: Values, reason: RegExp])[] = [
  [{ replicas: 3 }, /replicas'? (is )?not allowed/],
  [{ sharding: { members: 0 } }, /sharding[/.]members/],
  [{ sharding: { members: '2' } }, /sharding[/.]members/],
  [{ sharding: { members: 2, replicationFactor: 3 } }, /cannot be above sharding\.members/],
  [{ ...several, persistence: { existingClaim: 'disk' } }, /several have a claim each/],
  [{ persistence: { size: '10 GB' } }, /persistence[/.]size/],
  [{ persistence: { accessModes: ['ReadWriteMany'] } }, /persistence[/.]accessModes/],
  [{ persistence: { retention: { whenDeleted: 'Keep' } } }, /persistence[/.]retention[/.]whenDeleted/],
  [{ heapPercent: 100 }, /heapPercent/],
  [{ image: { repository: '' } }, /image[/.]repository/],
  [{ image: { digest: 'latest' } }, /image[/.]digest/],
  [{ image: { pullPolicy: 'Sometimes' } }, /image[/.]pullPolicy/],
  [{ existingConfig: { configMap: 'a', secret: 'b' } }, /exclude each other/],
  [{ serviceAccount: { create: false } }, /serviceAccount\.name is needed/],
  [{ rbac: { namespaces: 'shop' } }, /rbac[/.]namespaces/],
  [{ rbac: { discovery: { secrets: true } } }, /secrets'? (is )?not allowed/],
  [{ monitor: { kind: 'Monitor' } }, /monitor[/.]kind/],
  [{ networkPolicy: { egressPorts: [70_000] } }, /networkPolicy[/.]egressPorts/],
  [{ resources: { limits: { memory: '1 GiB' } } }, /resources[/.]limits[/.]memory/],
  [{ extraArgs: ['web.enable-lifecycle'] }, /extraArgs/],
  [{ config: 'global: {}' }, /config/],
];

let renderings: ReadonlyMap<string, Rendering>;
let refusals: readonly Rendering[];

function objectsOf(name: string): readonly Manifest[] {
  const rendering = renderings.get(name);
  if (rendering === undefined || 'refusal' in rendering) throw new Error(rendering?.refusal ?? `no values ${name}`);
  return rendering.objects;
}

const kindsOf = (name: string) => objectsOf(name).map(({ kind }) => kind).toSorted();

describe.runIf(deployTools.helm !== undefined)('the chart', () => {
  beforeAll(() => {
    const all = renderChart(...Object.values(good), ...bad.map(([values]) => values));
    renderings = new Map(Object.keys(good).map((name, i) => [name, all[i]!]));
    refusals = all.slice(renderings.size);
    vi.stubEnv('TRIBUTARY_MEMBER', '0');
  });
  afterAll(endAll);

  describe.each(Object.keys(good))('with %s', (name) => {
    test.runIf(deployTools.schemas.length > 0)('fits the schemas of Kubernetes', () => expect(objectsOf(name).flatMap(schemaProblems)).toEqual([]));
    test('selectors find the pod', () => expect(lostSelectors(objectsOf(name))).toEqual([]));
    test('the configuration is one that starts without a remark', () => {
      if (objectsOf(name).every(({ metadata }) => !metadata.name.endsWith('-config'))) return expect(name).toMatch(/the configuration|of somebody else/);
      expect(checkMounted(objectsOf(name)).at(-1)).toMatch(/"ok":true,"problems":0,.*"warnings":0,"noEffect":0,"ignoredSections":0/);
    });
  });

  test.each(Object.keys(good).filter((name) => !/somebody else|secret with|no account|everything/.test(name)))('with %s everything that is named exists', (name) => expect(danglingNames(objectsOf(name))).toEqual([]));
  test.each(bad.map(([values, reason], i) => [JSON.stringify(values), reason, i] as const))('%s is refused: %s', (_values, reason, i) => expect(refusals[i]).toMatchObject({ refusal: expect.stringMatching(reason) }));

  test.runIf(deployTools.schemas.length > 0)('the schemas of every release refuse what they do not know', () => {
    const deployment = workload(objectsOf('nothing given'));
    const wrong = [
      { ...deployment, spec: { ...(deployment['spec'] as object), replica: 1 } },
      { ...deployment, spec: { ...(deployment['spec'] as object), replicas: '1' } },
      { ...only(objectsOf('everything given'), 'ServiceMonitor'), spec: { selector: {}, endpoint: [] } },
      { ...deployment, apiVersion: 'apps/v1beta1' },
    ];
    expect(wrong.map((object) => schemaProblems(object).length > 0)).toEqual([true, true, true, true]);
    expect(deployTools.schemas.filter((_file, i) => schemaProblems(wrong[0]!)[i] === undefined)).toEqual([]);
  });

  describe('one member', () => {
    test('is a Deployment that never runs twice, with a claim that outlives the release', () => {
      const objects = objectsOf('nothing given');
      expect(kindsOf('nothing given')).toEqual(['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Deployment', 'PersistentVolumeClaim', 'Service', 'Service', 'ServiceAccount']);
      expect(workload(objects)).toMatchObject({ kind: 'Deployment', spec: { replicas: 1, strategy: { type: 'Recreate' } } });
      expect(only(objects, 'PersistentVolumeClaim').metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    });
    test('may do what discovery and scraping need, and nothing else', () =>
      expect(grants(objectsOf('nothing given'), 'ClusterRole')).toEqual({
        'list watch': ['endpointslices', 'nodes', 'pods', 'services'],
        get: ['/metrics', '/metrics/cadvisor', '/metrics/slis', 'nodes/metrics'],
      }));
    test('may be allowed every kind that discovery knows', () =>
      expect(grants(objectsOf('every kind discovered'), 'ClusterRole')['list watch']).toEqual(['endpoints', 'endpointslices', 'ingresses', 'jobs', 'namespaces', 'nodes', 'pods', 'replicasets', 'services']));
    test('with namespaces only has a role in each, its own among them, and none in the cluster', () => {
      const objects = objectsOf('namespaces only');
      expect(objects.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
      expect(objects.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace)).toEqual(['monitoring', 'shop']);
      expect(JSON.stringify(objects.filter(({ kind }) => kind === 'Role'))).not.toMatch(/nodes|namespaces"\]|nonResource/);
      expect(only(objects, 'ConfigMap').data?.['tributary.yml']).toMatch(/names:\s+- monitoring\s+- shop/);
    });
  });

  describe('several members', () => {
    test('are a StatefulSet with a claim each, of which one may be away', () => {
      const objects = objectsOf('several members');
      expect(workload(objects)).toMatchObject({
        kind: 'StatefulSet',
        spec: { replicas: 3, serviceName: 'tributary-members', podManagementPolicy: 'Parallel', persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' } },
      });
      expect(at(workload(objects), 'spec.volumeClaimTemplates.0.spec')).toEqual({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } });
      expect(at(only(objects, 'PodDisruptionBudget'), 'spec.maxUnavailable')).toBe(1);
      expect(kindsOf('several members')).not.toContain('PersistentVolumeClaim');
    });
    test('are told of each other by the configuration', () => expect(only(objectsOf('several members'), 'ConfigMap').data?.['tributary.yml']).toMatch(/sharding:\s+members: 3\s+replication_factor: 2/));
  });

  describe('the pod', () => {
    test('is neither root nor writes outside the queue', () => {
      expect(at(workload(objectsOf('nothing given')), 'spec.template.spec.securityContext')).toEqual({
        runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532, fsGroupChangePolicy: 'OnRootMismatch', seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container(objectsOf('nothing given'), 'securityContext')).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    });
    test('has half an hour to check a queue, and is alive without API server or storage', () => {
      const objects = objectsOf('nothing given');
      expect(container(objects, 'startupProbe')).toEqual({ httpGet: { path: '/-/healthy', port: 'http' }, periodSeconds: 10, failureThreshold: 180 });
      expect(container(objects, 'readinessProbe.httpGet.path')).toBe('/-/ready');
      expect(container(objects, 'livenessProbe.httpGet.path')).toBe('/-/healthy');
    });
    test('has a heap that follows the memory limit', () => {
      expect(container(objectsOf('nothing given'), 'env')).toEqual([{ name: 'NODE_OPTIONS', value: '--max-old-space-size-percentage=70' }]);
      expect(container(objectsOf('nothing given'), 'resources.limits.memory')).toBe('512Mi');
    });
    test('does not change with the configuration, which is watched', () => {
      const templates = ['nothing given', 'a configuration given'].map((name) => at(workload(objectsOf(name)), 'spec.template'));
      expect(templates[0]).toEqual(templates[1]);
    });
  });

  test('numbers of the configuration stay numbers, lists replace the jobs of the chart', () => {
    const text = only(objectsOf('a configuration given'), 'ConfigMap').data?.['tributary.yml'];
    expect(text).toMatch(/sample_limit: 5000000\n/);
    expect(text).not.toContain('kubelet');
  });
  test('a secret with the configuration is mounted under its key', () => {
    const objects = objectsOf('a secret with the configuration');
    expect(at(workload(objects), 'spec.template.spec.volumes.0.secret')).toEqual({ secretName: 'ours' });
    expect(container(objects, 'args.0')).toBe('--config.file=/etc/tributary/prometheus.yml');
  });
});
