// A server that refuses some of what discovery asks, and the page: the others go on, the refusal says what to add, and with exactly that rule added the
// refused one follows by itself.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { parseYaml } from '../../../src/config/yaml.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { createKubernetes, type ApiServer, type Kubernetes } from '../../../src/kubernetes/kubernetes.ts';
import type { Kind } from '../../../src/kubernetes/objects.ts';
import { Secret } from '../../../src/model/secret.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { MissingPermission } from '../../../src/web/permission.ts';
import { startFakeApiServer, type FakeApiServer } from '../../support/kubernetes/fake-api-server.ts';
import { startTestServer } from './fake-agent.ts';

const user = 'system:serviceaccount:monitoring:tributary';
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 1000) throw new Error('still not so after 1000 looks');
    await sleep(10);
  }
}

async function start(): Promise<{ server: FakeApiServer; kubernetes: Kubernetes; api: ApiServer }> {
  const server = await startFakeApiServer();
  // Tries again at once.
  const random = { next: () => 0, bytes: (count: number) => new Uint8Array(count) };
  const kubernetes = createKubernetes({ clock: systemClock, random, logger: silentLogger, metrics: createMetrics(), userAgent: 'test' });
  const api = kubernetes.connect({ kind: 'url', url: server.url, http: { ...defaultHttpClientSettings, authorization: { type: 'Bearer', credentials: new Secret('t') } } });
  ends.push(() => server.close(), () => api.release());
  return { server, kubernetes, api };
}

function watch(api: ApiServer, kind: Kind, namespaces?: readonly string[]): void {
  const watching = api.watch({ kind, namespaces, labelSelector: '', fieldSelector: '' }, { synced: () => undefined, changed: () => undefined });
  ends.push(() => Promise.resolve(watching.close()));
}

/** The rule of an advice as a person would paste it. */
function pasted(rule: string): { readonly resources: string[]; readonly verbs: string[] } {
  const { root } = parseYaml(rule);
  const listOf = (key: string) => {
    const value = root?.kind === 'map' ? root.entries.find((entry) => entry.key === key)?.value : undefined;
    return value?.kind === 'list' ? value.items.map((item) => (item.kind === 'scalar' ? item.text : '')) : [];
  };
  return { resources: listOf('resources'), verbs: listOf('verbs') };
}

test('what is refused is told with the rule that repairs it, the rest goes on', async () => {
  const { server, kubernetes, api } = await start();
  const pods = { resources: ['pods'], verbs: ['list', 'watch'] };
  server.access.setUser('t', { name: user, rules: [pods] });
  watch(api, 'pods');
  watch(api, 'nodes');
  watch(api, 'endpointslices', ['web']);
  const stateOf = (kind: Kind) => kubernetes.state().find((state) => state.kind === kind);
  await until(() => stateOf('pods')?.state === 'live' && stateOf('nodes')?.isDenied === true && stateOf('endpointslices')?.isDenied === true);

  const web = await startTestServer({ kubernetes: () => kubernetes.state() });
  ends.push(() => web.server.close());
  const reflectors = async () => {
    const answer = (await (await fetch(`${web.base}/api/v1/status/kubernetes`)).json()) as { data: { reflectors: { kind: Kind; permission?: MissingPermission }[] } };
    return answer.data.reflectors;
  };
  const permissions = (await reflectors()).map(({ permission }) => permission);
  expect(permissions[2]).toBeUndefined();
  expect(permissions[1]).toMatchObject({ verb: 'watch', resource: 'nodes', apiGroup: '', namespace: '', user, advice: expect.stringContaining('the ClusterRole that is bound to the ServiceAccount monitoring/tributary') as string });
  expect(permissions[0]).toMatchObject({ resource: 'endpointslices', apiGroup: 'discovery.k8s.io', namespace: 'web', user, advice: expect.stringContaining('the Role in namespace web that is bound to') as string });

  server.access.setUser('t', { name: user, rules: [pods, pasted(permissions[1]?.rule ?? ''), { ...pasted(permissions[0]?.rule ?? ''), namespaces: ['web'] }] });
  await until(() => kubernetes.state().every(({ state, isDenied }) => state === 'live' && !isDenied));
  expect((await reflectors()).every(({ permission }) => permission === undefined)).toBe(true);
});

test('a token that the server does not know asks for a token, not for a rule', async () => {
  const { server, kubernetes, api } = await start();
  server.access.setUser('another', { name: user, rules: [] });
  watch(api, 'pods');
  await until(() => kubernetes.state()[0]?.isDenied === true);
  const web = await startTestServer({ kubernetes: () => kubernetes.state() });
  ends.push(() => web.server.close());
  expect(await (await fetch(`${web.base}/`)).text()).toContain('The server does not know us (401): check the token of the service account');
});
