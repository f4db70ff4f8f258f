// The real client inside a fake cluster: the API server of fake-api-server.ts over TLS, and the variables and files by which a pod finds it.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/io/clock.ts';
import type { Clock } from '../../../src/io/clock.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { createKubernetes } from '../../../src/kubernetes/kubernetes.ts';
import type { Kubernetes } from '../../../src/kubernetes/kubernetes.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { startFakeApiServer } from './fake-api-server.ts';
import type { FakeApiServer, FakeApiServerOptions } from './fake-api-server.ts';

export interface FakeCluster {
  readonly server: FakeApiServer;
  /** The client of a pod in it. */
  readonly client: (clock?: Clock) => Kubernetes;
  /** After everybody gave their API servers back. */
  readonly close: () => Promise<void>;
}

export async function startFakeCluster(ownNamespace: string, options: Omit<FakeApiServerOptions, 'tls'> = {}): Promise<FakeCluster> {
  const server = await startFakeApiServer({ ...options, tls: true });
  const folder = mkdtempSync(join(tmpdir(), 'tributary-account-'));
  writeFileSync(join(folder, 'namespace'), ownNamespace);
  writeFileSync(join(folder, 'token'), 'token');
  copyFileSync(join(import.meta.dirname, '../../fixtures/tls/ca.pem'), join(folder, 'ca.crt'));
  const { hostname, port } = new URL(server.url);
  const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const common = { random: seededRandom(1), logger: silentLogger, userAgent: 'Test/1', serviceAccountFolder: folder, environment };
  return {
    server,
    client: (clock = systemClock) => createKubernetes({ ...common, clock, metrics: createMetrics() }),
    close: async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
