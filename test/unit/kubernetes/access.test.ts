import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { resolveAccess, shownServer } from '../../../src/kubernetes/access.ts';
import { Secret } from '../../../src/model/secret.ts';
import { createKubernetes } from '../../../src/kubernetes/kubernetes.ts';
import type { Kubernetes } from '../../../src/kubernetes/kubernetes.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createTestClock } from '../../support/clock.ts';
import { startFakeApiServer } from '../../support/kubernetes/fake-api-server.ts';
import { advanceUntil, observe, pod, until } from './helpers.ts';

const authority = join(import.meta.dirname, '../../fixtures/tls/ca.pem');
const reader = { name: 'reader', rules: [{ resources: ['pods', 'services'], verbs: ['list', 'watch'] }] };
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kubernetes-'));
  cleanUps.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function secureServer() {
  const clock = createTestClock();
  const server = await startFakeApiServer({ clock, tls: true });
  cleanUps.push(() => server.close());
  server.access.setUser('first', reader);
  server.put(pod('a'));
  return { server, clock, port: new URL(server.url).port };
}

function client(clock: ReturnType<typeof createTestClock>, options: { environment?: Record<string, string>; serviceAccountFolder?: string } = {}): Kubernetes {
  return createKubernetes({ clock, random: seededRandom(1), logger: silentLogger, metrics: createMetrics(), userAgent: 'test', environment: {}, serviceAccountFolder: '/nowhere', ...options });
}

describe('in a cluster', () => {
  async function inCluster() {
    const { server, clock, port } = await secureServer();
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'token'), 'first\n');
    writeFileSync(join(folder, 'namespace'), 'monitoring\n');
    writeFileSync(join(folder, 'ca.crt'), readFileSync(authority));
    const kubernetes = client(clock, { environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: port }, serviceAccountFolder: folder });
    const api = kubernetes.connect({ kind: 'in_cluster' });
    cleanUps.push(() => api.release());
    return { server, clock, folder, kubernetes, api };
  }

  test('token, authority and namespace come from the folder of the pod', async () => {
    const { server, api, kubernetes } = await inCluster();
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect([seen.names(), api.ownNamespace]).toEqual([['default/a'], 'monitoring']);
    expect(kubernetes.state()[0]?.server).toBe(server.url);
  });

  test('a token that was replaced is used with the next request', async () => {
    const { server, folder, api } = await inCluster();
    const pods = observe(api, 'pods');
    await until(() => pods.watch.isSynced);
    server.access.setUser('second', reader);
    server.access.revoke('first');
    writeFileSync(join(folder, 'token'), 'second');
    const services = observe(api, 'services');
    await until(() => services.watch.isSynced);
    expect(server.requests.filter(({ status }) => status === 401)).toEqual([]);
  });

  test('401 is answered with one more attempt, then it is a denial', async () => {
    const { server, api, kubernetes } = await inCluster();
    server.access.revoke('first');
    observe(api, 'pods');
    await until(() => kubernetes.state()[0]?.isDenied === true);
    expect(server.requests.filter(({ status }) => status === 401).length).toBe(2);
    expect(kubernetes.state()[0]?.error).toBe('cannot watch pods in all namespaces: Unauthorized (401)');
  });

  test('outside of one the missing variables are the state of the reflector, and nothing else', async () => {
    const kubernetes = client(createTestClock());
    const api = kubernetes.connect({ kind: 'in_cluster' });
    const seen = observe(api, 'pods');
    await until(() => kubernetes.state()[0]?.error !== '');
    expect(kubernetes.state()[0]?.error).toBe(
      'cannot watch pods in all namespaces: unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined');
    expect([seen.watch.isSynced, api.ownNamespace, kubernetes.isSynced()]).toEqual([false, undefined, false]);
    await api.release();
  });

  test('an IPv6 address stands in brackets', async () => {
    const surroundings = { environment: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, serviceAccountFolder: '/nowhere' };
    expect((await resolveAccess({ kind: 'in_cluster' }, surroundings)).url).toBe('https://[fd00::1]:443');
    expect(shownServer({ kind: 'in_cluster' }, surroundings)).toBe('https://[fd00::1]:443');
  });
});

describe('with a kubeconfig', () => {
  const kubeconfig = (url: string, user: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "${url}/", certificate-authority: "${authority}"}}]
users: [{name: u, user: ${user}}]
`;

  test('cluster, authority and token are those of its current context', async () => {
    const { server, clock } = await secureServer();
    const path = join(temporaryFolder(), 'config');
    writeFileSync(path, kubeconfig(server.url, '{token: first}'));
    const kubernetes = client(clock);
    const api = kubernetes.connect({ kind: 'kubeconfig', path });
    cleanUps.push(() => api.release());
    const seen = observe(api, 'pods');
    await until(() => seen.watch.isSynced);
    expect([seen.names(), kubernetes.state()[0]?.server]).toEqual([['default/a'], path]);
  });

  test('after 401 it is read again, as the credentials of plugins expire', async () => {
    const { server, clock } = await secureServer();
    const path = join(temporaryFolder(), 'config');
    writeFileSync(path, kubeconfig(server.url, '{token: first}'));
    const kubernetes = client(clock);
    const api = kubernetes.connect({ kind: 'kubeconfig', path });
    cleanUps.push(() => api.release());
    const pods = observe(api, 'pods');
    await until(() => pods.watch.isSynced);
    server.access.setUser('second', reader);
    server.access.revoke('first');
    writeFileSync(path, kubeconfig(server.url, '{token: second}'));
    const services = observe(api, 'services');
    await until(() => services.watch.isSynced);
    expect(kubernetes.state().map(({ error }) => error)).toEqual(['', '']);
  });

  test.each([
    ['that is not there', undefined, 'no such file'],
    ['without a cluster', 'apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n', 'its current context "nowhere" names no cluster'],
  ])('one %s is the state of the reflector', async (_name, content, reason) => {
    const path = join(temporaryFolder(), 'config');
    if (content !== undefined) writeFileSync(path, content);
    const clock = createTestClock();
    const kubernetes = client(clock);
    const api = kubernetes.connect({ kind: 'kubeconfig', path });
    cleanUps.push(() => api.release());
    observe(api, 'pods');
    await advanceUntil(clock, () => (kubernetes.state()[0]?.error ?? '') !== '');
    expect(kubernetes.state()[0]?.error).toContain(`cannot watch pods in all namespaces: unable to use kubeconfig ${path}: `);
    expect(kubernetes.state()[0]?.error).toContain(reason);
  });
});

describe('servers', () => {
  const withPassword = (password: string) => ({ kind: 'url' as const, url: 'http://user:secret@127.0.0.1:1', http: { ...defaultHttpClientSettings, basicAuth: { username: 'u', password: new Secret(password) } } });

  test('with equal settings are one, secrets included', async () => {
    const kubernetes = client(createTestClock());
    const apis = [kubernetes.connect(withPassword('a')), kubernetes.connect(withPassword('a')), kubernetes.connect(withPassword('b'))];
    for (const api of apis) observe(api, 'pods');
    expect(kubernetes.state().length).toBe(2);
    for (const api of apis) await api.release();
    expect(kubernetes.state()).toEqual([]);
  });

  test('are shown without credentials', async () => {
    const kubernetes = client(createTestClock());
    const api = kubernetes.connect(withPassword('a'));
    observe(api, 'pods');
    expect(kubernetes.state()[0]?.server).toBe('http://user:xxxxx@127.0.0.1:1');
    await api.release();
  });
});
