// Servers by their settings: everybody who connects with equal ones shares one client, one credential and its reflectors.

import { createHash } from 'node:crypto';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import { Secret } from '../model/secret.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { SERVICE_ACCOUNT_FOLDER, hostOf, inClusterUrl, readOwnNamespace } from './access.ts';
import type { Surroundings } from './access.ts';
import { createKubernetesMetrics } from './kubernetes-metrics.ts';
import type { ApiServer, Kubernetes, ServerSettings } from './kubernetes.ts';
import { Server } from './server.ts';

export interface KubernetesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly userAgent: string;
  /** `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where pods find token, authority and namespace; the usual place by default. */
  readonly serviceAccountFolder?: string;
}

export function createKubernetes(options: KubernetesOptions): Kubernetes {
  const surroundings: Surroundings = {
    environment: options.environment ?? process.env,
    serviceAccountFolder: options.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER,
  };
  const servers = new Map<string, Server>();
  const metrics = createKubernetesMetrics(options.metrics);
  const ownNamespace = readOwnNamespace(surroundings);
  const reflectors = () => [...servers.values()].flatMap((server) => [...server.reflectors]);
  options.metrics.beforeExposition(() => metrics.show(reflectors().map((reflector) => ({ state: reflector.state(), ageMs: reflector.ageMs() }))));

  return {
    connect(settings) {
      const key = keyOf(settings);
      const server = servers.get(key) ?? new Server({ ...options, settings, surroundings, metrics });
      servers.set(key, server);
      server.users++;
      return handleOf(server, ownNamespace, () => servers.delete(key));
    },
    state: () => reflectors().map((reflector) => reflector.state()),
    hosts: () => [...new Set([hostOf(inClusterUrl(surroundings)), ...[...servers.values()].map((server) => server.host)].filter((host) => host !== undefined))],
    isSynced: () => reflectors().every((reflector) => reflector.isAnswered),
  };
}

function handleOf(server: Server, ownNamespace: string | undefined, onLast: () => void): ApiServer {
  let isReleased = false;
  return {
    ownNamespace,
    watch: (request, listener) => server.watch(request, listener),
    async release() {
      if (isReleased) return;
      isReleased = true;
      if (--server.users > 0) return;
      onLast();
      await server.close();
    },
  };
}

/** Equal for equal settings, secrets included; nothing can be read from it. */
function keyOf(settings: ServerSettings): string {
  const text = JSON.stringify(settings, function (this: Record<string, unknown>, name: string, value: unknown) {
    const own = this[name];
    return own instanceof Secret ? own.reveal() : value;
  });
  return createHash('sha256').update(text).digest('hex');
}
