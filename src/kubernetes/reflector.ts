// Keeps a store equal to what the API server has of one kind in one namespace. Its life:
//
//     list (watch-list, or pages where the server refuses that) -> watch -> watch from where it ended -> ...
//
// A watch that lived for half a minute was healthy, and the next one follows at once, or within 0.8 s where it was cut off. Everything else waits:
// 0.8 s doubling to 30 s, with full jitter, and never less than the server asks for. A version that has expired, and an event that cannot be read, lead to a new list; a lost
// connection does not. So there is at most one list per step of the back-off, whatever a server does. Meanwhile the last state is served.

import { fullJitter } from '../io/backoff.ts';
import { sleep } from '../io/clock.ts';
import type { Clock } from '../io/clock.ts';
import type { Random } from '../io/random.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesMetrics } from './kubernetes-metrics.ts';
import type { ReflectorState } from './kubernetes.ts';
import type { Kind, KindMap } from './objects.ts';
import { listPages, watchChanges } from './passes.ts';
import type { PassContext } from './passes.ts';
import { Store } from './store.ts';
import type { StoreListener, Subscription } from './store.ts';

/** As Kubernetes' own clients. */
const BACKOFF = { minMs: 800, maxMs: 30_000 };
/** A stream of this age shows that the server is well: the longest pause. Proxies in front of API servers cut quiet streams after 35 s and more. */
const HEALTHY_MS = BACKOFF.maxMs;
/**
 * Watch-lists in a row that ended well before everything had been sent. One is a server that shuts down; from two on, pages are asked for: the server
 * does not know the parameter, or the link needs longer than a watch may take.
 */
const UNENDED_MAX = 2;

/** What has been learned about a server, shared by all its reflectors. */
export interface ServerTraits {
  /** False once it has refused (422) to stream a list as events. */
  hasWatchList: boolean;
}

export interface ReflectorOptions<K extends Kind> {
  readonly kind: K;
  /** '' for all of the cluster. */
  readonly namespace: string;
  readonly fieldSelector: string;
  /** For people. */
  readonly server: string;
  readonly client: ApiClient;
  readonly traits: ServerTraits;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: KubernetesMetrics;
  readonly logger: Logger;
}

export class Reflector<K extends Kind> {
  readonly #options: ReflectorOptions<K>;
  readonly #store = new Store<KindMap[K]>();
  readonly #logger: Logger;
  readonly #startedAtMs: number;
  /** Where the next watch goes on; undefined when a list has to come first. */
  #version: string | undefined;
  /** Whether the last list was of one version. */
  #isConsistent = true;
  /** Ends the pass or the pause that is under way. */
  #interrupt = new AbortController();
  #isStopped = false;
  #isStarted = false;
  #hasWatched = false;
  /** Watch-lists that ended too early, since the last one that did not. */
  #unended = 0;
  /** Since when the watch under way has followed changes, monotonic. */
  #liveSinceMs: number | undefined;
  #currentAtMs: number | undefined;
  #failure: ApiError | undefined;
  /** The trouble that the log tells of; undefined while it says that all is well. */
  #logged: 'failure' | 'denial' | undefined;

  constructor(options: ReflectorOptions<K>) {
    this.#options = options;
    this.#startedAtMs = options.clock.nowMs();
    this.#logger = options.logger.child({ server: options.server, kind: options.kind, ...(options.namespace === '' ? {} : { namespace: options.namespace }) });
  }

  get isUnused(): boolean {
    return this.#store.isEmpty;
  }

  /** Some complete state has been told, or the server refuses to tell one, or has none: waiting would not help. */
  get isAnswered(): boolean {
    return this.#store.isSynced || this.#failure?.isDenied === true || this.#failure?.isUnknownResource === true;
  }

  join(selector: string, listener: StoreListener<KindMap[K]>): Subscription<KindMap[K]> {
    const subscription = this.#store.join(selector, listener);
    if (!this.#isStarted) {
      this.#isStarted = true;
      // Everybody who comes in the same turn is served by the first list.
      queueMicrotask(() => void this.#run());
    } else if (this.#store.needsList(subscription)) this.#listAgain();
    return subscription;
  }

  leave(subscription: Subscription<KindMap[K]>): void {
    this.#store.leave(subscription);
  }

  stop(): void {
    this.#isStopped = true;
    this.#interrupt.abort();
  }

  state(): ReflectorState {
    const { server, kind, namespace, fieldSelector } = this.#options;
    const name = /^metadata\.name==?([^,]+)$/.exec(fieldSelector)?.[1];
    const state = !this.#store.isSynced ? 'syncing' : this.#failure === undefined ? 'live' : 'stale';
    return {
      server, kind, namespace, state,
      ...(name !== undefined && { name }),
      objects: this.#store.size,
      currentAtMs: this.#currentAtMs,
      error: this.#failure?.message ?? '',
      isDenied: this.#failure?.isDenied === true,
    };
  }

  /** Since the state was last known to be current, or since the start when it never was. */
  ageMs(): number {
    return Math.max(0, this.#options.clock.nowMs() - (this.#currentAtMs ?? this.#startedAtMs));
  }

  #listAgain(): void {
    this.#version = undefined;
    this.#interrupt.abort();
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#isStopped) {
      this.#interrupt = new AbortController();
      const { signal } = this.#interrupt;
      const goesOn = await this.#pass(signal);
      const wasHealthy = this.#liveSinceMs !== undefined && this.#options.clock.monotonicMs() - this.#liveSinceMs >= HEALTHY_MS;
      this.#liveSinceMs = undefined;
      if (wasHealthy) attempt = 0;
      if (signal.aborted || goesOn || (wasHealthy && this.#failure === undefined)) continue;
      await this.#pause(attempt++);
    }
  }

  /** One list or one watch. True when the next one may follow at once. */
  async #pass(signal: AbortSignal): Promise<boolean> {
    try {
      if (this.#version !== undefined) return await this.#watch(this.#version, signal);
      this.#options.metrics.lists.with(this.#options.kind).inc();
      return this.#options.traits.hasWatchList && this.#unended < UNENDED_MAX ? await this.#watchList(signal) : await this.#list(signal);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.isExpired || error.isLoss) this.#version = undefined;
      if (!signal.aborted) this.#onFailure(error);
    }
    return false;
  }

  async #list(signal: AbortSignal): Promise<boolean> {
    this.#store.beginList();
    try {
      const outcome = await listPages(this.#context(signal));
      if (outcome === undefined) return false;
      this.#version = outcome.resourceVersion;
      this.#isConsistent = outcome.isConsistent;
      this.#store.endList(outcome.isConsistent);
      this.#onGood();
      return true;
    } finally {
      this.#store.abandonList();
    }
  }

  /** A list as the beginning of a watch: the server sends from its cache, and neither side ever holds it as a whole. */
  async #watchList(signal: AbortSignal): Promise<boolean> {
    this.#store.beginList();
    const { traits } = this.#options;
    try {
      await watchChanges(this.#context(signal), undefined, () => this.#onLive());
      if (!signal.aborted) this.#unended = this.#liveSinceMs === undefined ? this.#unended + 1 : 0;
      return false;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isInvalid || this.#liveSinceMs !== undefined) throw error;
      traits.hasWatchList = false;
    } finally {
      this.#store.abandonList();
    }
    return this.#list(signal);
  }

  async #watch(version: string, signal: AbortSignal): Promise<false> {
    if (this.#hasWatched) this.#options.metrics.watchRestarts.with(this.#options.kind).inc();
    try {
      await watchChanges(this.#context(signal), version, () => this.#onLive());
      return false;
    } finally {
      // Between the first and the last page objects may have vanished unseen.
      if (!this.#isConsistent) this.#version = undefined;
    }
  }

  #context(signal: AbortSignal): PassContext<K> {
    const { client, kind, namespace, fieldSelector, random, metrics } = this.#options;
    let skipped = 0;
    return {
      client, kind, namespace, fieldSelector, random, metrics, signal,
      store: this.#store,
      onProof: () => {
        this.#currentAtMs = this.#options.clock.nowMs();
      },
      onVersion: (resourceVersion) => {
        // Who was told of a change may have asked for a new list meanwhile.
        if (!signal.aborted) this.#version = resourceVersion;
      },
      onSkipped: (error) => {
        // The metric counts them; a list may have thousands.
        if (skipped++ === 0) this.#logger.warn('object of a list cannot be read, like perhaps others of it', { err: error.message });
      },
    };
  }

  #onLive(): void {
    this.#hasWatched = true;
    this.#liveSinceMs = this.#options.clock.monotonicMs();
    this.#onGood();
  }

  #onGood(): void {
    if (this.#logged !== undefined) this.#logger.info('the API server answers again');
    this.#logged = undefined;
    this.#failure = undefined;
  }

  #onFailure(error: ApiError): void {
    this.#log(error);
    this.#failure = error;
    this.#options.metrics.failures.inc();
    if (error.isDenied) this.#store.denied();
  }

  /** One line when trouble begins, and one when permission turns out to be missing: a server that is away fails in many words, attempt by attempt. */
  #log(error: ApiError): void {
    // Streams are cut off by proxies and restarts every day. Trouble is when the next one does not come, or when what came could not be read.
    if (this.#liveSinceMs !== undefined && !error.isDenied && !error.isLoss) return;
    const trouble = error.isDenied ? 'denial' : 'failure';
    if (this.#logged === trouble || (this.#logged !== undefined && !error.isDenied)) return;
    this.#logged = trouble;
    this.#logger.warn('cannot follow the API server', { err: error.message });
  }

  async #pause(attempt: number): Promise<void> {
    const { clock, random } = this.#options;
    // The jitter counts on top of it: all reflectors may have been sent away at once.
    const waitMs = (this.#failure?.retryAfterMs ?? 0) + fullJitter(BACKOFF, attempt, random);
    await sleep(clock, waitMs, this.#interrupt.signal);
  }
}
