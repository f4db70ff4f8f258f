// One API server: its client, its reflectors, and the watches that are put together from them. Equal (kind, namespace, field selector) are one
// reflector, whoever asks; it lives as long as somebody watches it.

import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Logger } from '../telemetry/logger.ts';
import { shownServer } from './access.ts';
import type { Surroundings } from './access.ts';
import { createApiClient } from './api-client.ts';
import type { ApiClient } from './api-client.ts';
import { JoinedWatch } from './joined-watch.ts';
import type { KubernetesMetrics } from './kubernetes-metrics.ts';
import type { ServerSettings, Watch, WatchListener, WatchRequest } from './kubernetes.ts';
import type { Kind, KindMap } from './objects.ts';
import { parseLabelSelector } from './label-selector.ts';
import { Reflector } from './reflector.ts';
import type { ServerTraits } from './reflector.ts';

export interface ServerOptions {
  readonly settings: ServerSettings;
  readonly surroundings: Surroundings;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: KubernetesMetrics;
  readonly logger: Logger;
  readonly userAgent: string;
}

/** A reflector of some kind. Which one is said by the key it is found under. */
type AnyReflector = Reflector<Kind>;

export class Server {
  readonly #options: ServerOptions;
  readonly #client: ApiClient;
  readonly #traits: ServerTraits = { hasWatchList: true };
  readonly #reflectors = new Map<string, AnyReflector>();
  /** How many have connected and not released. */
  users = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#client = createApiClient(options);
  }

  get reflectors(): Iterable<AnyReflector> {
    return this.#reflectors.values();
  }

  /** Fails with KUBERNETES_SELECTOR. */
  watch<K extends Kind>(request: WatchRequest<K>, listener: WatchListener<KindMap[K]>): Watch<KindMap[K]> {
    // Before anything is begun for it.
    parseLabelSelector(request.labelSelector);
    const watch = new JoinedWatch(listener);
    const namespaces = request.namespaces ?? [''];
    for (const namespace of new Set(namespaces)) {
      const key = JSON.stringify([request.kind, namespace, request.fieldSelector]);
      const reflector = this.#reflector(key, request, namespace);
      const subscription = reflector.join(request.labelSelector, watch.part());
      watch.add(subscription, () => this.#leave(key, reflector, () => reflector.leave(subscription)));
    }
    watch.ready();
    return watch;
  }

  /** See Kubernetes.hosts; undefined while it is not known. */
  get host(): string | undefined {
    return this.#client.host();
  }

  async close(): Promise<void> {
    for (const reflector of this.#reflectors.values()) reflector.stop();
    this.#reflectors.clear();
    await this.#client.close();
  }

  #reflector<K extends Kind>(key: string, { kind, fieldSelector }: WatchRequest<K>, namespace: string): Reflector<K> {
    const existing = this.#reflectors.get(key);
    // The key begins with the kind.
    if (existing !== undefined) return existing as unknown as Reflector<K>;
    const { settings, surroundings, clock, random, metrics, logger } = this.#options;
    const reflector = new Reflector({
      kind, namespace, fieldSelector, clock, random, metrics, logger, server: shownServer(settings, surroundings), client: this.#client, traits: this.#traits,
    });
    this.#reflectors.set(key, reflector);
    return reflector;
  }

  #leave<K extends Kind>(key: string, reflector: Reflector<K>, leave: () => void): void {
    leave();
    if (!reflector.isUnused) return;
    reflector.stop();
    if (this.#reflectors.get(key) === reflector) this.#reflectors.delete(key);
  }
}
