// Delivers bodies to one destination, several at a time where the gate lets them. What the answers teach is shared by all of them (receiver.ts), and
// each body is followed until every sample in it has a verdict (shipment.ts).

import type { Codec, Message, Profile } from '../destinations/profile.ts';
import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { QuarantineInput } from '../queue/queue.ts';
import type { Logger } from '../telemetry/logger.ts';
import { joinExemplars } from '../wire/join-exemplars.ts';
import type { FamilyMetadata, FindMetadata } from '../wire/write-request-2.ts';
import { encodeBody, encodePiece, type Body } from './body.ts';
import type { Gate } from './gate.ts';
import { Journal, type DeliveryState } from './journal.ts';
import type { Link } from './link.ts';
import type { CollectMetadata } from './metadata.ts';
import { Receiver } from './receiver.ts';
import { Shipment } from './shipment.ts';
import type { DeliverOptions, DeliveryResult } from './shipment-context.ts';
import { splitRequest } from './split.ts';
import type { DestinationMetrics } from './telemetry.ts';

/** Metadata for 2.0 is collected from all targets at most so often. */
const METADATA_REFRESH_MS = 60_000;

export type { DeliveryState } from './journal.ts';
export type { DeliverOptions, DeliveryResult } from './shipment-context.ts';

export interface DeliveryOptions {
  readonly link: Pick<Link, 'post'>;
  readonly settings: DestinationSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly gate: Gate;
  /** Aborts requests in flight. */
  readonly signal: AbortSignal;
  /** Asked before every further try: true ends the delivery where it is. */
  readonly isStopping: () => boolean;
  /** Keeps refused samples on disk; false when it cannot. */
  readonly quarantine: (input: QuarantineInput) => boolean;
  /** Metadata of everything that is scraped, for 2.0. Default none. */
  readonly collectMetadata?: CollectMetadata;
}

/** What is known about the bytes of a request before it is cut. */
export interface RawContent {
  readonly samples: number;
  readonly newestMs: number;
  /** At most so many are in it. */
  readonly exemplars: number;
  /** Of zstd. */
  readonly level?: number;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #journal: Journal;
  #settings: DestinationSettings;
  #metrics: DestinationMetrics;
  #receiver: Receiver;
  #families: { readonly byName: ReadonlyMap<string, FamilyMetadata>; readonly untilMs: number } = { byName: new Map(), untilMs: Number.NEGATIVE_INFINITY };

  constructor(options: DeliveryOptions, metrics: DestinationMetrics) {
    const { settings, clock, logger } = options;
    this.#options = options;
    this.#settings = settings;
    this.#metrics = metrics;
    this.#journal = new Journal(clock, logger);
    this.#receiver = new Receiver({ settings, clock, logger });
  }

  /** What was learned about the receiver is forgotten when the address, the profile or the message changes. */
  update(settings: DestinationSettings, metrics: DestinationMetrics): void {
    const { clock, logger } = this.#options;
    this.#settings = settings;
    this.#metrics = metrics;
    if (!this.#receiver.isOf(settings)) this.#receiver = new Receiver({ settings, clock, logger });
  }

  state(): DeliveryState {
    return this.#journal.state();
  }

  profile(): Profile {
    return this.#receiver.profile;
  }

  codec(): Codec {
    return this.#receiver.protocols.inUse().codec;
  }

  message(): Message {
    return this.#receiver.protocols.inUse().message;
  }

  /**
   * Compresses a request, cut to the receiver's known limits. `bytes` need to be valid only until the first body is taken. Returns how many exemplars
   * the bodies account for.
   */
  *bodies(bytes: Uint8Array, raw: RawContent): Generator<Body, number> {
    const { samples, newestMs } = raw;
    const protocol = this.#receiver.protocols.inUse();
    const about = { metadata: 0, newestMs };
    const options = { findMetadata: this.#findMetadata, ...(raw.level === undefined ? {} : { level: raw.level }) };
    const { gate } = this.#options;
    const itemsMax = this.#settings.queue.maxSamplesPerSend ?? this.profile().itemsPerBody ?? Number.POSITIVE_INFINITY;
    // The size that suits the link was known when the request was assembled.
    const limits = { bytes: this.#receiver.ceilingBytes(), items: Math.max(1, Math.min(itemsMax, gate.itemsMax())) };
    const isWhole = bytes.length <= limits.bytes && samples + raw.exemplars <= limits.items;
    if (isWhole && (protocol.message === '1.0' || raw.exemplars === 0)) {
      yield encodeBody(bytes, protocol, { ...about, samples, exemplars: raw.exemplars }, options);
      return raw.exemplars;
    }
    // In 2.0 exemplars stand beside their samples, and are brought there before a cut could part them.
    const { joined, orphans } = protocol.message === '2.0' && raw.exemplars > 0 ? joinExemplars(bytes) : { joined: bytes, orphans: undefined };
    let counted = 0;
    for (const piece of [joined, orphans].flatMap((some) => (some === undefined ? [] : splitRequest(some, limits)))) {
      const exemplars = Math.min(piece.exemplars, raw.exemplars - counted);
      counted += exemplars;
      yield* encodePiece({ ...piece, exemplars }, protocol, about, options);
    }
    return counted;
  }

  /**
   * Resolves when the body is through, or given up for now. Fails when it cannot be cut or put into another codec: WRITE_REQUEST_DAMAGED, ZSTD_MEMORY;
   * then nothing of it may be settled.
   */
  deliver(body: Body, options: DeliverOptions): Promise<DeliveryResult> {
    const { link, gate, signal, isStopping, quarantine, clock } = this.#options;
    return new Shipment({
      link, gate, signal, isStopping, quarantine, journal: this.#journal,
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      receiver: () => this.#receiver,
      settings: () => this.#settings,
      metrics: () => this.#metrics,
    }, body, options).run();
  }

  /** Counts samples that could not be made into a request. */
  giveUpUnreadable(samples: number): void {
    this.#metrics.rejected('unreadable', { samples, exemplars: 0, metadata: 0 });
  }

  /** Where targets tell different things about a family, the last one counts. */
  readonly #findMetadata: FindMetadata = (family) => {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs >= this.#families.untilMs) {
      const entries = this.#options.collectMetadata?.() ?? [];
      this.#families = { byName: new Map(Array.from(entries, (entry) => [entry.family, entry])), untilMs: nowMs + METADATA_REFRESH_MS };
    }
    return this.#families.byName.get(family);
  };
}
