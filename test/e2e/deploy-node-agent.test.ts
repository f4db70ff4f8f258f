// Node agents beside the collector, by chart and by overlay: what the pod may do at its node, where it pushes to or how it is scraped, and that the collector takes it.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { checkMounted, container, containerOf, danglingNames, lostSelectors, workload } from './support/deploy-rules.ts';
import { schemaProblems } from './support/deploy-schemas.ts';
import { at, deployTools, only, renderChart, renderOverlay, type Manifest, type Rendering, type Values } from './support/deploy-tools.ts';
import { endAll } from './support/process.ts';

const web = { configSecret: 'tributary-web' };
const receiver = { enabled: true };
const credentials = { secret: 'tributary-push', username: 'node-agent' };
const grafana = { podSelector: { matchLabels: { app: 'grafana' } } };
const nodes = { ipBlock: { cidr: '10.20.0.0/16' } };
const push: Values = { web, receiver, nodeAgent: { enabled: true, push: { credentials } } };

/** Values that a cluster may have, by what is special about them. */
const good: Readonly<Record<string, Values>> = {
  'a password': push,
  'no credentials': { receiver, nodeAgent: { enabled: true } },
  'a token and TLS': { web: { ...web, tls: true }, receiver, nodeAgent: { enabled: true, push: { credentials: { secret: 'tributary-push', key: 'token' }, ca: { secret: 'tributary-ca' }, sendNativeHistograms: true } } },
  'a collector elsewhere': { nodeAgent: { enabled: true, push: { url: 'https://collector.example/api/v1/write', credentials } } },
  scraping: { nodeAgent: { enabled: true, form: 'pull' } },
  'the network of the node': { ...push, nodeAgent: { enabled: true, hostNetwork: true, push: { credentials } } },
  'no real time': { ...push, nodeAgent: { enabled: true, realtime: false, push: { credentials } } },
  'a queue on the node': { ...push, nodeAgent: { enabled: true, queue: { kind: 'hostPath' }, push: { credentials } } },
  'roles in namespaces': { ...push, rbac: { namespaces: ['shop'] }, nodeAgent: { enabled: true, namespace: 'agents', push: { credentials } } },
  'a policy for pods': { ...push, networkPolicy: { enabled: true, from: [grafana] }, nodeAgent: { enabled: true, namespace: 'agents', push: { credentials } } },
  'a policy, and scraping in the network of the node': { networkPolicy: { enabled: true, from: [grafana] }, nodeAgent: { enabled: true, form: 'pull', hostNetwork: true } },
  everything: {
    ...push, sharding: { members: 2 }, service: { port: 80 }, networkPolicy: { enabled: true, from: [grafana, nodes] }, monitor: { kind: 'PodMonitor' }, commonLabels: { cluster: 'member-1' },
    image: { repository: 'registry.example/tributary', pullSecrets: [{ name: 'registry' }] },
    nodeAgent: {
      enabled: true, namespace: 'agents', hostNetwork: true, port: 9200, push: { credentials }, config: { tributary: { roce: { window: '10s' } } }, extraArgs: ['--web.config.file=/etc/agent-web/web.yml'],
      extraVolumes: [{ name: 'agent-web', secret: { secretName: 'agent-web' } }], extraVolumeMounts: [{ name: 'agent-web', mountPath: '/etc/agent-web', readOnly: true }],
      env: [{ name: 'A', value: 'b' }], serviceAccount: { name: 'sampler', annotations: { role: 'none' } }, podLabels: { team: 'platform' }, podAnnotations: { note: 'none' }, priorityClassName: 'system-node-critical',
      nodeSelector: { rdma: 'yes' }, affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'edge', operator: 'Exists' }] }] } } },
    },
  },
};

/** Values that are refused, with a part of the reason. */
const bad: readonly (readonly [values: Values, reason: RegExp])[] = [
  [{ nodeAgent: { enabled: true } }, /needs receiver\.enabled, or nodeAgent\.push\.url/],
  [{ receiver, nodeAgent: { enabled: true, realtime: false, queue: { kind: 'hostPath' } } }, /hostPath needs nodeAgent\.realtime/],
  [{ receiver, nodeAgent: { enabled: true, serviceAccount: { create: false } } }, /nodeAgent\.serviceAccount\.name is needed/],
  [{ receiver, networkPolicy: { enabled: true, from: [grafana] }, nodeAgent: { enabled: true, hostNetwork: true } }, /networkPolicy\.from needs an ipBlock/],
  [{ nodeAgent: { form: 'both' } }, /nodeAgent[/.]form/],
  [{ nodeAgent: { port: 80 } }, /nodeAgent[/.]port/],
  [{ nodeAgent: { privileged: true } }, /privileged'? (is )?not allowed/],
  [{ nodeAgent: { push: { url: 'collector:9090' } } }, /nodeAgent[/.]push[/.]url/],
  [{ nodeAgent: { queue: { kind: 'claim' } } }, /nodeAgent[/.]queue[/.]kind/],
  [{ nodeAgent: { queue: { maxBytes: '384M' } } }, /nodeAgent[/.]queue[/.]maxBytes/],
  [{ receiver: { users: {} } }, /users'? (is )?not allowed/],
];

interface AgentConfig {
  readonly remote_write?: readonly Readonly<Record<string, unknown>>[];
  readonly tributary: { readonly queue: object; readonly roce: Readonly<Record<string, unknown>> };
}

const agentOf = (objects: readonly Manifest[]) => only(objects, 'DaemonSet');
const podOf = (objects: readonly Manifest[], path: string) => at(agentOf(objects), `spec.template.spec.${path}`);
const configMap = (objects: readonly Manifest[], name: string) => objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name)?.data?.['tributary.yml'] ?? '';
const agentConfig = (objects: readonly Manifest[]) => parse(configMap(objects, 'tributary-agent-config')) as AgentConfig;
const startsClean = /"ok":true,"problems":0,.*"warnings":0,"noEffect":0,"ignoredSections":0/;

let renderings: ReadonlyMap<string, Rendering>;
let refusals: readonly Rendering[];

function objectsOf(name: string): readonly Manifest[] {
  const rendering = renderings.get(name);
  if (rendering === undefined || 'refusal' in rendering) throw new Error(rendering?.refusal ?? `no values ${name}`);
  return rendering.objects;
}

beforeAll(() => {
  vi.stubEnv('TRIBUTARY_MEMBER', '0');
  vi.stubEnv('NODE_NAME', 'node-1');
});
afterAll(endAll);

describe.runIf(deployTools.helm !== undefined)('node agents of the chart', () => {
  beforeAll(() => {
    const all = renderChart(...Object.values(good), ...bad.map(([values]) => values));
    renderings = new Map(Object.keys(good).map((name, i) => [name, all[i]!]));
    refusals = all.slice(renderings.size);
  });

  describe.each(Object.keys(good))('with %s', (name) => {
    test.runIf(deployTools.schemas.length > 0)('fit the schemas of Kubernetes', () => expect(objectsOf(name).flatMap(schemaProblems)).toEqual([]));
    test('selectors find the pods of one workload, and everything that is named exists', () => expect([...lostSelectors(objectsOf(name)), ...danglingNames(objectsOf(name))]).toEqual([]));
    test('both configurations start without a remark', () => {
      expect(checkMounted(objectsOf(name), agentOf(objectsOf(name))).at(-1)).toMatch(startsClean);
      expect(checkMounted(objectsOf(name)).at(-1)).toMatch(startsClean);
    });
    test('no pod is privileged, shares more than a network, or writes to its root', () => {
      const spec = JSON.stringify(podOf(objectsOf(name), 'securityContext')) + JSON.stringify(agentOf(objectsOf(name)));
      expect(spec).not.toMatch(/privileged|hostPID|hostIPC|"allowPrivilegeEscalation":true/);
      expect(containerOf(agentOf(objectsOf(name)), 'securityContext')).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true });
      expect(podOf(objectsOf(name), 'automountServiceAccountToken')).toBe(false);
    });
  });
  test.each(bad.map(([values, reason], i) => [JSON.stringify(values), reason, i] as const))('%s is refused: %s', (_values, reason, i) => expect(refusals[i]).toMatchObject({ refusal: expect.stringMatching(reason) }));

  test('nothing of it is there unless it is asked for', () => expect(objectsOf('a password').length - (renderChart({ web, receiver })[0] as { objects: readonly Manifest[] }).objects.length).toBe(3));

  describe('what it may do', () => {
    test('real time is one capability of user 0, and nothing else', () => {
      expect(podOf(objectsOf('a password'), 'securityContext')).toEqual({ runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } });
      expect(containerOf(agentOf(objectsOf('a password')), 'securityContext.capabilities')).toEqual({ drop: ['ALL'], add: ['SYS_NICE'] });
    });
    test('without it there is neither root nor capability', () => {
      expect(podOf(objectsOf('no real time'), 'securityContext')).toEqual({ runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } });
      expect(containerOf(agentOf(objectsOf('no real time')), 'securityContext.capabilities')).toEqual({ drop: ['ALL'] });
    });
    test('of the host it sees two folders, read only, where the sampler is told to look', () => {
      const objects = objectsOf('a password');
      const paths = (podOf(objects, 'volumes') as readonly unknown[]).map((volume) => at(volume, 'hostPath.path')).filter((path) => path !== undefined);
      const mounts = (containerOf(agentOf(objects), 'volumeMounts') as readonly { readonly mountPath: string; readonly readOnly?: boolean }[]).filter(({ mountPath }) => mountPath.startsWith('/host'));
      expect(paths).toEqual(['/sys/class', '/sys/devices']);
      expect(mounts.map(({ mountPath, readOnly }) => [mountPath, readOnly])).toEqual([['/host/sys/class', true], ['/host/sys/devices', true]]);
      expect(agentConfig(objects).tributary.roce['paths']).toEqual({ sysfs: '/host/sys' });
    });
    test('in the network of the node its own /sys is the node\'s, and no folder of the host is mounted', () => {
      const objects = objectsOf('the network of the node');
      expect([podOf(objects, 'hostNetwork'), podOf(objects, 'dnsPolicy')]).toEqual([true, 'ClusterFirstWithHostNet']);
      expect(JSON.stringify(podOf(objects, 'volumes'))).not.toContain('hostPath');
      expect(agentConfig(objects).tributary.roce['paths']).toBeUndefined();
    });
    test('the queue is a folder that ends with the pod, or one of the node', () => {
      const queueOf = (name: string) => (podOf(objectsOf(name), 'volumes') as readonly unknown[]).find((volume) => at(volume, 'name') === 'queue');
      expect(queueOf('a password')).toEqual({ name: 'queue', emptyDir: { sizeLimit: '512Mi' } });
      expect(queueOf('a queue on the node')).toEqual({ name: 'queue', hostPath: { path: '/var/lib/tributary-node-agent', type: 'DirectoryOrCreate' } });
    });
    test('it runs on every node, tainted or not', () => expect([podOf(objectsOf('a password'), 'tolerations'), podOf(objectsOf('a password'), 'nodeSelector')]).toEqual([[{ operator: 'Exists' }], { 'kubernetes.io/os': 'linux' }]));
  });

  describe('where it goes', () => {
    const urlOf = (name: string) => agentConfig(objectsOf(name)).remote_write?.[0];

    test('to the Service of the collector, by password or token', () => {
      expect(urlOf('a password')).toEqual({ name: 'collector', url: 'http://tributary.monitoring.svc:9090/api/v1/write', basic_auth: { username: 'node-agent', password_file: '/etc/tributary-push/password' } });
      expect(urlOf('a token and TLS')).toEqual({
        name: 'collector', url: 'https://tributary.monitoring.svc:9090/api/v1/write', authorization: { credentials_file: '/etc/tributary-push/token' },
        tls_config: { ca_file: '/etc/tributary-push-ca/ca.crt' }, send_native_histograms: true,
      });
      expect(urlOf('everything')).toMatchObject({ url: 'http://tributary.monitoring.svc:80/api/v1/write' });
      expect(urlOf('a collector elsewhere')).toMatchObject({ url: 'https://collector.example/api/v1/write' });
    });
    test('nowhere when it is scraped', () => {
      expect(urlOf('scraping')).toBeUndefined();
      expect(agentConfig(objectsOf('scraping')).tributary.roce['output']).toBe('metrics');
    });
    test('under the name of its node', () => {
      expect(agentConfig(objectsOf('a password')).tributary.roce['labels']).toEqual({ job: 'roce', instance: '$NODE_NAME', node: '$NODE_NAME' });
      expect(agentConfig(objectsOf('scraping')).tributary.roce['labels']).toBeUndefined();
      expect(containerOf(agentOf(objectsOf('a password')), 'env.0')).toEqual({ name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } });
    });
    test('what is configured beside it is merged', () => expect(agentConfig(objectsOf('everything')).tributary.roce).toMatchObject({ window: '10s', labels: { job: 'roce' } }));
  });

  describe('the collector', () => {
    test('takes pushes and asks for users when it is told so', () => {
      expect(container(objectsOf('a password'), 'args')).toEqual(['--config.file=/etc/tributary/tributary.yml', '--storage.agent.path=/var/lib/tributary', '--web.enable-remote-write-receiver', '--web.config.file=/etc/tributary-web/web.yml']);
      expect(container(objectsOf('scraping'), 'args')).toHaveLength(2);
    });
    test('is probed, and scrapes its members, by HTTPS where it has a certificate', () => {
      const objects = objectsOf('a token and TLS');
      expect(['startupProbe', 'readinessProbe', 'livenessProbe'].map((probe) => container(objects, `${probe}.httpGet.scheme`))).toEqual(['HTTPS', 'HTTPS', 'HTTPS']);
      const jobs = (parse(configMap(objects, 'tributary-config')) as { readonly scrape_configs: readonly { readonly job_name: string; readonly scheme?: string }[] }).scrape_configs;
      expect(jobs.filter(({ job_name: name }) => name.startsWith('tributary')).map(({ scheme }) => scheme)).toEqual(['https', undefined]);
    });
    test('lets agents in through its network policy, as pods or by the addresses of the nodes', () => {
      const peersOf = (name: string) => at(only(objectsOf(name), 'NetworkPolicy'), 'spec.ingress.0.from') as readonly unknown[];
      expect(peersOf('a policy for pods').slice(1)).toEqual([{
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'tributary-node-agent', 'app.kubernetes.io/instance': 'tributary' } }, namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'agents' } },
      }, grafana]);
      expect(peersOf('everything').slice(1)).toEqual([grafana, nodes]);
    });
    test('that has roles in namespaces only finds agents in theirs', () => {
      const objects = objectsOf('roles in namespaces');
      expect(objects.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace)).toEqual(['agents', 'monitoring', 'shop']);
      const jobs = (parse(configMap(objects, 'tributary-config')) as { readonly scrape_configs: readonly { readonly job_name: string }[] }).scrape_configs;
      expect(at(jobs.find(({ job_name: name }) => name === 'tributary-node-agent'), 'kubernetes_sd_configs.0.namespaces')).toEqual({ names: ['agents', 'monitoring', 'shop'] });
    });
    test('reaches agents in the network of their node through its network policy', () => {
      const policy = only(objectsOf('everything'), 'NetworkPolicy');
      expect(JSON.stringify(at(policy, 'spec.egress'))).toContain('"port":9200');
    });
  });
});

describe.each(deployTools.kubectl.length > 0 ? deployTools.kubectl : ['a kubectl that could not be had'])('node agents by %s', { skip: deployTools.kubectl.length === 0 }, (kubectl) => {
  let objects: readonly Manifest[];
  beforeAll(() => {
    objects = renderOverlay(kubectl, 'node-agent');
  });

  test('are four objects in a namespace that admits them', () => {
    expect(objects.map(({ kind }) => kind).toSorted()).toEqual(['ConfigMap', 'DaemonSet', 'Namespace', 'ServiceAccount']);
    expect(only(objects, 'Namespace').metadata.labels).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'privileged' });
    expect(objects.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== only(objects, 'Namespace').metadata.name)).toEqual([]);
  });
  test.runIf(deployTools.schemas.length > 0)('fit the schemas of Kubernetes', () => expect(objects.flatMap(schemaProblems)).toEqual([]));
  test('selectors find the pods, and everything that is named exists', () => expect([...lostSelectors(objects), ...danglingNames(objects)]).toEqual([]));
  test('the configuration is one that starts without a remark', () => expect(checkMounted(objects, agentOf(objects)).at(-1)).toMatch(startsClean));

  describe.runIf(deployTools.helm !== undefined)('beside the chart', () => {
    test('the agent is that of the chart', () => {
      const theirs = objectsOf('a password');
      expect(at(agentOf(objects), 'spec.updateStrategy')).toEqual(at(agentOf(theirs), 'spec.updateStrategy'));
      expect(at(agentOf(objects), 'spec.template.spec')).toEqual(at(agentOf(theirs), 'spec.template.spec'));
      const { remote_write: [ourWrite] = [], ...ours } = agentConfig(objects);
      const { remote_write: [theirWrite] = [], ...rest } = agentConfig(theirs);
      expect(ours).toEqual(rest);
      expect({ ...ourWrite, url: '' }).toEqual({ ...theirWrite, url: '' });
    });
    test('the collector that takes them is that of the chart', () => {
      const collector = renderOverlay(kubectl, 'receiver');
      const sorted = (list: unknown) => (list as readonly { readonly name: string }[]).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      for (const manifests of [collector, objectsOf('a password')]) {
        expect(container(manifests, 'args')).toEqual(container(objectsOf('a password'), 'args'));
        expect(sorted(container(manifests, 'volumeMounts'))).toEqual(sorted(container(collector, 'volumeMounts')));
        expect(sorted(at(workload(manifests), 'spec.template.spec.volumes'))).toEqual(sorted(at(workload(collector), 'spec.template.spec.volumes')));
      }
      const [service, namespace] = new URL(agentConfig(objects).remote_write?.[0]?.['url'] as string).hostname.split('.');
      expect(collector.filter(({ kind, metadata }) => kind === 'Service' && metadata.name === service && metadata.namespace === namespace)).toHaveLength(1);
    });
  });
});
