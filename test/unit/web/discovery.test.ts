// What people and scripts see of API servers and discoveries: denied and stale reflectors come first and with what to do, everything is JSON as well.

import { afterEach, describe, expect, test } from 'vitest';
import type { ReflectorState } from '../../../src/kubernetes/kubernetes.ts';
import { missingPermission } from '../../../src/web/permission.ts';
import type { AgentView } from '../../../src/web/view.ts';
import { startTestServer, type TestServer } from './fake-agent.ts';

const open: TestServer[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(({ server }) => server.close()))));

async function get(path: string, view: Partial<AgentView>): Promise<string> {
  const web = await startTestServer(view);
  open.push(web);
  return (await fetch(web.base + path)).text();
}

async function api(name: string, view: Partial<AgentView>): Promise<Record<string, Record<string, unknown>[]>> {
  return (JSON.parse(await get(`/api/v1/status/${name}`, view)) as { data: Record<string, Record<string, unknown>[]> }).data;
}

/** As a person reads the page: without tags and runs of blanks. */
async function pageText(...reflectors: ReflectorState[]): Promise<string> {
  const page = await get('/', { kubernetes: () => reflectors, destinations: () => [] });
  return page.replace(/<[^>]*>/g, ' ').replaceAll('&quot;', '"').replace(/\s+/g, ' ');
}

const live: ReflectorState = { server: 'https://10.0.0.1:443', kind: 'pods', namespace: '', state: 'live', objects: 5000, currentAtMs: Date.UTC(2026, 0, 2), error: '', isDenied: false };
const clusterRefusal = 'cannot list pods in all namespaces: pods is forbidden: User "system:serviceaccount:monitoring:tributary" cannot list resource "pods" in API group "" at the cluster scope (403)';
const denied: ReflectorState = { ...live, state: 'syncing', objects: 0, currentAtMs: undefined, isDenied: true, error: clusterRefusal };
const sliceRefusal = 'cannot watch endpointslices in namespace "web": endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:monitoring:tributary" cannot watch resource "endpointslices" in API group "discovery.k8s.io" in the namespace "web" (403)';

describe('a missing permission', () => {
  const lacks = (change: Partial<ReflectorState>) => missingPermission({ ...denied, ...change });

  test('is read from the sentence of the server, for the whole cluster', () => expect(lacks({})).toEqual({
    verb: 'list', resource: 'pods', apiGroup: '', namespace: '', user: 'system:serviceaccount:monitoring:tributary',
    advice: 'Add to the rules of the ClusterRole that is bound to the ServiceAccount monitoring/tributary:',
    rule: '{apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]}',
  }));
  test('for one namespace and a group it names both', () => expect(lacks({ kind: 'endpointslices', namespace: 'web', error: sliceRefusal })).toMatchObject({
    verb: 'watch', resource: 'endpointslices', apiGroup: 'discovery.k8s.io', namespace: 'web',
    advice: 'Add to the rules of the Role in namespace web that is bound to the ServiceAccount monitoring/tributary:',
    rule: '{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"]}',
  }));
  test('of objects of one name asks for no others', () => expect(lacks({ kind: 'secrets', name: 'tributary-route', error: 'the server answered 403' })?.rule).toBe(
    '{apiGroups: [""], resources: ["secrets"], resourceNames: ["tributary-route"], verbs: ["list", "watch"]}',
  ));
  test('of a user from a kubeconfig names the user', () => expect(lacks({ error: clusterRefusal.replace('system:serviceaccount:monitoring:tributary', 'edge') })?.advice).toContain('bound to the user edge:'));
  test.each([
    ['podmetadata', '', 'pods'],
    ['ingresses', 'networking.k8s.io', 'ingresses'],
    ['replicasets', 'apps', 'replicasets'],
    ['jobs', 'batch', 'jobs'],
    ['nodes', '', 'nodes'],
  ] as const)('of %s is known without that sentence', (kind, apiGroup, resource) => expect(lacks({ kind, error: 'cannot list them in all namespaces: the server answered 403' })).toMatchObject({
    verb: 'list', user: '', apiGroup, resource, advice: 'Add to the rules of the ClusterRole that is bound to the account of this collector:',
    rule: `{apiGroups: ["${apiGroup}"], resources: ["${resource}"], verbs: ["list", "watch"]}`,
  }));
  test.each(['Unauthorized (401)', 'the server answered 401'])('a server that does not know us (%s) needs a token, not a rule', (reason) => {
    const missing = lacks({ error: `cannot list pods in all namespaces: ${reason}` });
    expect(missing?.advice).toMatch(/^The server does not know us \(401\): check the token/);
    expect(missing?.rule).toBe('');
  });
  test('a number in a name is no status', () => expect(lacks({ namespace: 'team-401', error: 'cannot list pods in namespace "team-401": the server answered 403' })?.rule).not.toBe(''));
  test('nothing is missing while nothing is denied', () => expect(missingPermission({ ...live, state: 'stale', error: clusterRefusal })).toBeUndefined());
});

describe('/api/v1/status/kubernetes', () => {
  test('tells every reflector, by server, kind and namespace', async () => {
    const { reflectors } = await api('kubernetes', { kubernetes: () => [{ ...live, kind: 'services' }, { ...live, namespace: 'web' }, denied] });
    expect(reflectors?.map(({ kind, namespace }) => [kind, namespace])).toEqual([['pods', ''], ['pods', 'web'], ['services', '']]);
    expect(reflectors?.[1]).toEqual({
      server: 'https://10.0.0.1:443', kind: 'pods', namespace: 'web', state: 'live', objects: 5000, currentTime: '2026-01-02T00:00:00Z', error: '', isDenied: false, alarms: [],
    });
    expect(reflectors?.[0]).toMatchObject({ currentTime: '0001-01-01T00:00:00Z', permission: { verb: 'list', resource: 'pods', apiGroup: '', namespace: '' }, alarms: [{ kind: 'denied' }] });
  });
  test.each([
    ['stale', { ...live, state: 'stale', error: 'watch pods: connection refused' }, 'the last state is served: watch pods: connection refused'],
    ['not_synced', { ...live, state: 'syncing', currentAtMs: undefined, error: 'list pods: connection refused' }, 'not read yet: list pods: connection refused'],
  ] as const)('an alarm %s', async (kind, state, text) => {
    const { reflectors } = await api('kubernetes', { kubernetes: () => [state] });
    expect(reflectors?.[0]?.['alarms']).toEqual([{ kind, text: expect.stringContaining(text) as string }]);
  });
  test.each(['kubernetes', 'discovery'])('%s answers before the collector is ready: an API server may be what it waits for', async (name) => {
    expect(await get(`/api/v1/status/${name}`, { isReady: () => false })).toMatch(/^{"status":"success"/);
  });
  test('reading for the first time is no alarm', async () => {
    const { reflectors } = await api('kubernetes', { kubernetes: () => [{ ...live, state: 'syncing', currentAtMs: undefined }] });
    expect(reflectors?.[0]?.['alarms']).toEqual([]);
  });
});

describe('the page', () => {
  test('a denied reflector is an alarm before everything else, with the rule to add', async () => {
    const text = await pageText(denied, { ...live, kind: 'services' });
    expect(text).toMatch(/Alarms \(1\) pods denied: we may not list it\. Add to the rules of the ClusterRole .* verbs: \["list", "watch"\]\} \(cannot list pods in all namespaces: pods is forbidden: User .* at the cluster scope \(403\)\)/);
    expect(text.indexOf('Alarms (1)')).toBeLessThan(text.indexOf('Kubernetes (1 of 2 live)'));
    expect(text.indexOf('Kubernetes (1 of 2 live)')).toBeLessThan(text.indexOf('Targets ('));
  });
  test('rows tell state, objects and age', async () => {
    const text = await pageText({ ...live, currentAtMs: Date.now() - 200_000 }, denied);
    expect(text).toContain('API server https://10.0.0.1:443 Resource');
    expect(text).toMatch(/pods all live 5,000 3 min 2\d s ago/);
    expect(text).toMatch(/pods all denied 0 never Add to the rules of .* cannot list pods in all namespaces: pods is forbidden: /);
  });
  test('a stale reflector is an alarm that names its namespace', async () => {
    expect(await pageText({ ...live, namespace: 'web', state: 'stale', error: 'gone' })).toContain('pods in namespace web stale: not current for');
  });
  test('each server has its table', async () => expect(await pageText(live, { ...live, server: 'https://b' })).toMatch(/Kubernetes \(2 of 2 live\) API server https:\/\/10\.0\.0\.1:443 .* API server https:\/\/b /));
  test('with several servers the alarm names the one', async () => expect(await pageText(denied, { ...live, server: 'https://b' })).toContain('pods at https://10.0.0.1:443 denied:'));
  test('many alarms do not push the rest away', async () => {
    const text = await pageText(...Array.from({ length: 60 }, (_, i) => ({ ...denied, namespace: `n${i}` })));
    expect(text).toContain('Alarms (60)');
    expect(text).toContain('10 more: see the sections below.');
  });
  test('without an API server there is no section', async () => expect(await pageText()).not.toContain('Kubernetes ('));
  test('what a server says cannot become markup', async () => expect(await get('/', { kubernetes: () => [{ ...denied, error: '<script>alert(1)</script>' }] })).not.toContain('<script>'));
});

describe('discovery', () => {
  test('/api/v1/status/discovery tells every provider', async () => {
    const { providers } = await api('discovery', {});
    expect(providers).toEqual([
      { kind: 'http', jobs: ['web', 'api'], ready: false, groups: 0, targets: 0, updatedTime: '0001-01-01T00:00:00Z' },
      { kind: 'file', jobs: ['node'], ready: true, groups: 2, targets: 1234, updatedTime: '2026-01-02T00:00:00Z' },
    ]);
  });
  test('the page shows which are ready, and since when', async () => {
    const text = await pageText();
    expect(text).toContain('Discovery (1 of 2 ready)');
    expect(text).toMatch(/web, api http waiting 0 0 never .*node file ready 2 1,234 \d/);
  });
  test('a provider of many jobs names the first ones', async () => {
    const jobs = Array.from({ length: 12 }, (_, i) => `job-${i}`);
    expect((await get('/', { discovery: () => [{ kind: 'static', jobs, ready: true, groups: 1, targets: 1 }] })).replace(/\s+/g, ' ')).toContain('job-3, job-4 and 7 more');
  });
});
