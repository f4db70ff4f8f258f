// The client against the fake API server, on a clock that the test moves. The network is real, so what has to come is waited for by its effect.

import { setTimeout as pause } from 'node:timers/promises';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { createKubernetes } from '../../../src/kubernetes/kubernetes.ts';
import type { ApiServer, Kubernetes, KubernetesOptions, ServerSettings, Watch, WatchRequest } from '../../../src/kubernetes/kubernetes.ts';
import type { Kind, KindMap } from '../../../src/kubernetes/objects.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import type { Metrics } from '../../../src/telemetry/metrics.ts';
import { createTestClock } from '../../support/clock.ts';
import type { TestClock } from '../../support/clock.ts';
import { startFakeApiServer } from '../../support/kubernetes/fake-api-server.ts';
import type { FakeApiServer } from '../../support/kubernetes/fake-api-server.ts';

export interface World {
  readonly clock: TestClock;
  readonly server: FakeApiServer;
  readonly metrics: Metrics;
  readonly kubernetes: Kubernetes;
  readonly api: ApiServer;
  /** What has been logged, level and sentence. */
  readonly lines: string[];
  readonly connect: (settings: ServerSettings) => ApiServer;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly watchList?: boolean;
  readonly tls?: boolean;
  readonly settings?: (url: string) => ServerSettings;
  readonly options?: Partial<KubernetesOptions>;
}

export async function createWorld({ watchList = true, tls = false, settings = urlSettings, options = {} }: WorldOptions = {}): Promise<World> {
  const clock = createTestClock();
  const server = await startFakeApiServer({ clock, watchList, tls });
  const metrics = createMetrics();
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (text: string) => void lines.push(`warn ${text}`), info: (text: string) => void lines.push(`info ${text}`), child: () => logger };
  const kubernetes = createKubernetes({ clock, random: seededRandom(1), logger, metrics, userAgent: 'test', environment: {}, serviceAccountFolder: '/nowhere', ...options });
  const handles: ApiServer[] = [];
  const connect = (of: ServerSettings) => {
    const handle = kubernetes.connect(of);
    handles.push(handle);
    return handle;
  };
  return {
    clock, server, metrics, kubernetes, lines, connect,
    api: connect(settings(server.url)),
    async close() {
      for (const handle of handles) await handle.release();
      await server.close();
    },
  };
}

export function urlSettings(url: string): ServerSettings {
  return { kind: 'url', url, http: defaultHttpClientSettings };
}

export interface Seen<T> {
  readonly watch: Watch<T>;
  /** `synced`, `+key`, `~key`, `-key` in the order of the calls. */
  readonly calls: string[];
  names(): string[];
}

export function observe<K extends Kind>(api: ApiServer, kind: K, request: Partial<WatchRequest<K>> = {}): Seen<KindMap[K]> {
  const calls: string[] = [];
  const watch = api.watch({ kind, namespaces: undefined, labelSelector: '', fieldSelector: '', ...request }, {
    synced: () => void calls.push('synced'),
    changed: (key, before, after) => void calls.push(`${before === undefined ? '+' : after === undefined ? '-' : '~'}${key}`),
  });
  return { watch, calls, names: () => [...watch.objects.keys()].sort() };
}

export function pod(name: string, labels: Record<string, string> = {}, namespace = 'default') {
  return { kind: 'Pod', metadata: { name, namespace, labels }, spec: { containers: [{ name: 'main', image: 'img:1' }] } };
}

/** Waits for what the network brings; the test's own timeout ends a wait in vain. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await pause(2);
}

/** Moves the clock until something holds: time passes only as fast as the network keeps up. */
export async function advanceUntil(clock: TestClock, holds: () => boolean, stepMs = 200): Promise<void> {
  while (!holds()) {
    await clock.advance(stepMs);
    await pause(2);
  }
}
