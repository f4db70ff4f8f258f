// The provider beside its roles: what it watches, when it speaks, and how it ends. What groups look like is in test/conformance.

import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Provider } from '../../../../discovery/discovery.ts';
import { createProvider } from '../../../../discovery/provider.ts';
import type { ProviderDependencies } from '../../../../discovery/provider.ts';
import type { Logger } from '../../../../src/telemetry/logger.ts';
import { silentLogger } from '../../../../src/telemetry/logger.ts';
import { settingsOf } from '../../../support/kubernetes/discovered.ts';
import { MemoryCluster } from '../../../support/kubernetes/memory-cluster.ts';
import type { MemoryClusterOptions, RawObject } from '../../../support/kubernetes/memory-cluster.ts';
import { calls, dependencies, manualClock, shown } from '../helpers.ts';

const providers: Provider[] = [];
afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.stop();
});

interface SetUp extends MemoryClusterOptions {
  readonly objects?: readonly RawObject[];
  readonly logger?: Logger;
}

function setUp(entry: object, { objects = [], logger = silentLogger, ...options }: SetUp = {}) {
  const cluster = new MemoryCluster(objects, options);
  const clock = manualClock();
  const deps: ProviderDependencies = { ...dependencies(clock), kubernetes: cluster, logger };
  const provider = createProvider(settingsOf(entry), deps);
  providers.push(provider);
  const seen = calls();
  return { cluster, clock, provider, seen, start: () => provider.start(seen.sink) };
}

const pod = (name: string, ip = '10.0.0.1', nodeName = 'n1'): RawObject =>
  ({ kind: 'Pod', metadata: { name, namespace: 'shop' }, spec: { nodeName, containers: [{ name: 'main' }] }, status: { podIP: ip } }) as RawObject;

function recordingLogger() {
  const lines: string[] = [];
  const add = (text: string) => lines.push(text);
  const logger = { ...silentLogger, warn: add, error: add, child: () => logger } as unknown as Logger;
  return { logger, lines };
}

describe('what is watched', () => {
  test.each([
    [{ role: 'node', namespaces: { names: ['a'] } }, ['nodes']],
    [{ role: 'pod' }, ['pods']],
    [{ role: 'pod', namespaces: { names: ['a', 'b', 'a'] } }, ['pods in a,b']],
    [{ role: 'pod', namespaces: { own_namespace: true } }, ['pods in own-ns']],
    [{ role: 'service', namespaces: { own_namespace: true, names: ['a', 'own-ns'] } }, ['services in own-ns,a']],
    [{ role: 'pod', attach_metadata: { node: true, namespace: true }, namespaces: { names: ['a'] } }, ['namespaces', 'nodes', 'pods in a']],
    [{ role: 'pod', attach_metadata: { deployment: true, job: true } }, ['pods', 'replicasets']],
    [{ role: 'pod', attach_metadata: { cronjob: true } }, ['jobs', 'pods']],
    [{ role: 'service', attach_metadata: { node: true, deployment: true, namespace: true } }, ['namespaces', 'services']],
    [{ role: 'node', attach_metadata: { namespace: true, node: true } }, ['nodes']],
    [{ role: 'endpoints' }, ['endpoints', 'pods', 'services']],
    [{ role: 'endpointslice', attach_metadata: { node: true } }, ['endpointslices', 'nodes', 'pods', 'services']],
    [{ role: 'ingress', namespaces: { names: ['a'] } }, ['ingresses in a']],
    [{ role: 'endpoints', selectors: [{ role: 'pod', label: 'a=b', field: 'spec.nodeName=x' }, { role: 'service', label: 'c' }] }, ['endpoints', 'pods with a=b,spec.nodeName=x', 'services with c']],
  ])('%j: %j', (entry, watched) => {
    const { cluster, start } = setUp(entry, { ownNamespace: 'own-ns' });
    start();
    expect(cluster.watched).toEqual(watched);
  });

  test.each([
    [{ role: 'pod' }, { kind: 'in_cluster' }],
    [{ role: 'pod', api_server: 'https://k8s:6443' }, { kind: 'url', url: 'https://k8s:6443' }],
    [{ role: 'pod', kubeconfig_file: 'kube.conf' }, { kind: 'kubeconfig', path: '/nonexistent/kube.conf' }],
  ])('%j asks %j', (entry, server) => {
    const { cluster, start } = setUp(entry);
    start();
    expect(cluster.connected).toMatchObject([server]);
  });

  test('own_namespace outside of a cluster watches nothing and says so', async () => {
    const { logger, lines } = recordingLogger();
    const { cluster, seen, start } = setUp({ role: 'pod', namespaces: { own_namespace: true } }, { logger });
    start();
    await turn();
    expect([cluster.watched, seen.waiting, lines]).toEqual([[], [], ['own_namespace is asked for outside of a cluster: it is left out']]);
  });
});

describe('when it speaks', () => {
  test('nothing is told before every watch has its first state, and then everything at once', async () => {
    const { cluster, clock, seen, start } = setUp({ role: 'pod', attach_metadata: { node: true } }, { objects: [pod('a'), { kind: 'Node', metadata: { name: 'n1' } }] });
    cluster.hold('nodes');
    start();
    await turn();
    await turn();
    cluster.put(pod('b', '10.0.0.2'));
    clock.advance(10_000);
    expect(seen.waiting).toEqual([]);
    cluster.letGo('nodes');
    expect(seen.waiting.map(shown)).toEqual([['pod/shop/a: 10.0.0.1', 'pod/shop/b: 10.0.0.2']]);
    clock.advance(10_000);
    expect(seen.waiting).toHaveLength(1);
  });

  test('thousands of groups are made in several turns, and told at once as they are then', async () => {
    const objects = Array.from({ length: 2500 }, (_, i) => pod(`p${i}`));
    const { cluster, clock, seen, start } = setUp({ role: 'pod' }, { objects });
    start();
    await turn();
    await turn();
    expect(seen.waiting).toEqual([]);
    cluster.remove('pods', 'shop/p7');
    cluster.put(pod('p8', '10.0.0.8'));
    cluster.put(pod('p2400', '10.0.0.9'));
    cluster.put(pod('new', '10.0.0.10'));
    clock.advance(1000);
    const told = seen.waiting.flatMap(shown);
    expect([seen.waiting.length, told.length]).toEqual([1, 2500]);
    const named = ['p7', 'p8', 'p2400', 'new'].map((name) => told.filter((line) => line.startsWith(`pod/shop/${name}:`)).join());
    expect(named).toEqual(['', 'pod/shop/p8: 10.0.0.8', 'pod/shop/p2400: 10.0.0.9', 'pod/shop/new: 10.0.0.10']);
  });

  test('thousands of groups that an event touches are made in several turns', async () => {
    const objects = Array.from({ length: 2500 }, (_, i) => pod(`p${i}`));
    const { cluster, clock, seen, start } = setUp({ role: 'pod', attach_metadata: { namespace: true } }, { objects });
    start();
    await turn();
    clock.advance(1000);
    await seen.next();
    cluster.put({ kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'web' } } } as RawObject);
    clock.advance(50);
    expect(seen.waiting.map((groups) => groups.length)).toEqual([1000, 1000, 500]);
    expect(new Set(seen.waiting.flat().map(({ labels }) => labels.get('__meta_kubernetes_namespace_label_team')))).toEqual(new Set(['web']));
  });

  test('a burst of events is told together, each object once and as it is at the end', async () => {
    const { cluster, clock, seen, start } = setUp({ role: 'pod' }, { objects: [pod('a')] });
    start();
    await seen.next();
    for (let i = 2; i <= 9; i++) cluster.put(pod('a', `10.0.0.${i}`));
    cluster.put(pod('b', '10.0.1.1'));
    cluster.put(pod('gone', '10.0.1.2'));
    cluster.remove('pods', 'shop/gone');
    expect(seen.waiting).toEqual([]);
    clock.advance(100);
    expect(seen.waiting.map(shown)).toEqual([['pod/shop/a: 10.0.0.9', 'pod/shop/b: 10.0.1.1']]);
  });

  test('events that go on do not put the telling off', async () => {
    const { cluster, clock, seen, start } = setUp({ role: 'pod' });
    start();
    await seen.next();
    for (let i = 1; i <= 10; i++) {
      cluster.put(pod(`p${i}`));
      clock.advance(10);
    }
    expect(seen.waiting.map((groups) => groups.length)).toEqual([5, 5]);
  });

  test('a node without an address and an incomplete Endpoints object are told in the log when it begins', async () => {
    const { logger, lines } = recordingLogger();
    const truncated = { kind: 'Endpoints', metadata: { name: 'web', namespace: 'shop', labels: { 'endpoints.kubernetes.io/over-capacity': 'truncated' } } } as RawObject;
    const bare = setUp({ role: 'node' }, { objects: [{ kind: 'Node', metadata: { name: 'n1' } }], logger });
    const full = setUp({ role: 'endpoints' }, { objects: [truncated], logger });
    for (const { start, seen } of [bare, full]) {
      start();
      await seen.next();
    }
    full.cluster.put({ ...truncated, subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] } as RawObject);
    full.clock.advance(1000);
    expect(lines).toEqual([
      'node n1 has no address and is no target',
      'endpoints shop/web has more than 1000 addresses and does not hold all of them, use the role endpointslice',
    ]);
  });
});

describe('how it ends', () => {
  test('stop closes every watch, gives the server back and says nothing of what waited', async () => {
    const { cluster, clock, provider, seen, start } = setUp({ role: 'endpoints' }, { objects: [] });
    start();
    await seen.next();
    cluster.put({ kind: 'Endpoints', metadata: { name: 'web', namespace: 'shop' }, subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] } as RawObject);
    await provider.stop();
    clock.advance(1000);
    expect([cluster.watched, cluster.released, seen.waiting]).toEqual([[], 1, []]);
  });

  test('stop before the first state says nothing', async () => {
    const { cluster, provider, seen, start } = setUp({ role: 'pod' }, { objects: [pod('a')] });
    start();
    await provider.stop();
    await turn();
    expect([cluster.watched, seen.waiting]).toEqual([[], []]);
  });
});

test('a group stays what it was when its objects change afterwards', async () => {
  const objects = [pod('a'), { kind: 'Node', metadata: { name: 'n1', labels: { zone: 'a' } } } as RawObject];
  const { cluster, clock, seen, start } = setUp({ role: 'pod', attach_metadata: { node: true } }, { objects });
  start();
  const [group] = await seen.next();
  cluster.put({ kind: 'Node', metadata: { name: 'n1', labels: { zone: 'b' } } } as RawObject);
  clock.advance(1000);
  const [changed] = await seen.next();
  expect([group, changed].map((one) => one?.labels.get('__meta_kubernetes_node_label_zone'))).toEqual(['a', 'b']);
});
