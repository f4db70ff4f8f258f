// From settings to a provider: the one place that lists what exists.

import type { Clock } from '../src/io/clock.ts';
import type { Random } from '../src/io/random.ts';
import type { Kubernetes } from '../src/kubernetes/kubernetes.ts';
import type { Logger } from '../src/telemetry/logger.ts';
import type { DiscoverySettings } from './config.ts';
import type { Provider } from './discovery.ts';
import { createFileProvider } from './file/file.ts';
import { createHttpProvider } from './http/http.ts';
import { createKubernetesProvider } from './kubernetes/kubernetes.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { createStaticProvider } from './static/static.ts';

export interface ProviderDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DiscoveryMetrics;
  readonly random: Random;
  /** The job the provider was first made for: label `config` of its metrics. */
  readonly job: string;
  /** `User-Agent` of requests. */
  readonly userAgent: string;
  /** API servers, shared with everybody else who asks them. */
  readonly kubernetes: Kubernetes;
}

export function createProvider(settings: DiscoverySettings, deps: ProviderDependencies): Provider {
  switch (settings.kind) {
    case 'static': return createStaticProvider(settings);
    case 'file': return createFileProvider(settings, deps);
    case 'http': return createHttpProvider(settings, deps);
    case 'kubernetes': return createKubernetesProvider(settings, deps);
  }
}
