// Metadata of metric families, sent as Prometheus does with remote write 1.0: every `send_interval` a set of requests that hold nothing else,
// each entry once, `max_samples_per_send` of them in one. It is told again at the next interval, so nothing of it is kept on disk. In remote
// write 2.0 every series carries its own, and no such requests are sent.

import type { Clock, Timer } from '../io/clock.ts';
import type { DestinationSettings } from '../destinations/config.ts';
import { encodeMetadataRequest, type WireMetadata } from '../wire/write-request.ts';
import { encodeBody } from './body.ts';
import type { Delivery } from './delivery.ts';

export type CollectMetadata = () => Iterable<WireMetadata>;
/** What is used of a delivery. */
type MetadataDelivery = Pick<Delivery, 'message' | 'codec' | 'deliver'>;

export class MetadataSender {
  readonly #clock: Clock;
  readonly #delivery: MetadataDelivery;
  readonly #collect: CollectMetadata;
  #settings: DestinationSettings['metadata'];
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: { clock: Clock; delivery: MetadataDelivery; collect: CollectMetadata; settings: DestinationSettings['metadata'] }) {
    this.#clock = options.clock;
    this.#delivery = options.delivery;
    this.#collect = options.collect;
    this.#settings = options.settings;
  }

  /** The first set goes out after one interval, when most targets have been scraped. */
  start(): void {
    if (this.#isStopped || !this.#settings.send) return;
    this.#timer = this.#clock.after(this.#settings.sendIntervalMs, () => this.#begin());
  }

  update(settings: DestinationSettings['metadata']): void {
    const isSame = settings.send === this.#settings.send && settings.sendIntervalMs === this.#settings.sendIntervalMs;
    this.#settings = settings;
    if (isSame) return;
    this.#timer?.cancel();
    this.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** A set that cannot be encoded (no memory) is replaced by the next one; nothing else depends on it. */
  #begin(): void {
    this.#round().catch(() => undefined);
  }

  async #round(): Promise<void> {
    const { sendIntervalMs, maxSamplesPerSend } = this.#settings;
    // What has not gone out when the next set is due is replaced by it.
    const giveUpAtMs = this.#clock.monotonicMs() + sendIntervalMs;
    const timer = this.#clock.after(sendIntervalMs, () => this.#begin());
    this.#timer = timer;
    if (this.#delivery.message() === '2.0') return;
    for (const entries of batches(distinct(this.#collect()), maxSamplesPerSend)) {
      const content = { samples: 0, exemplars: 0, metadata: entries.length, newestMs: undefined };
      const body = encodeBody(encodeMetadataRequest(entries), { message: '1.0', codec: this.#delivery.codec() }, content);
      const { isComplete } = await this.#delivery.deliver(body, { lane: 'live', giveUpAtMs });
      if (!isComplete || this.#isStopped || this.#timer !== timer) return;
    }
  }
}

/** Two targets may tell different things about one family; both are sent, as Prometheus does. */
function distinct(entries: Iterable<WireMetadata>): WireMetadata[] {
  const byKey = new Map<string, WireMetadata>();
  for (const entry of entries) byKey.set([entry.family, entry.type, entry.help, entry.unit].join('\u0000'), entry);
  return [...byKey.values()];
}

function* batches<T>(entries: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < entries.length; i += size) yield entries.slice(i, i + size);
}
