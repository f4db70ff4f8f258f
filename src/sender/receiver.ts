// What the answers of a destination have taught: which kind of receiver it is, which message and codec it takes, and how large a body may be.
// Begins anew when the address changes; bodies that are still on their way to the former one teach the former one.

import { findProfile, profileAfter, protocolsOf, type Message, type Profile, type Protocol } from '../destinations/profile.ts';
import type { DestinationSettings } from '../destinations/config.ts';
import type { Clock } from '../io/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ProtocolChoice } from './protocol-choice.ts';

/** A learned size limit is doubled after an hour without 413, until it is this far above any body. */
const CEILING_STEP_MS = 3_600_000;
const CEILING_MAX_BYTES = 64 * 1024 ** 2;

const MESSAGES: Readonly<Record<string, Message>> = { 'prometheus.WriteRequest': '1.0', 'io.prometheus.write.v2.Request': '2.0' };

export class Receiver {
  readonly protocols: ProtocolChoice;
  readonly #settings: DestinationSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #profile: Profile;
  #ceiling: { bytes: number; atMs: number } | undefined;

  constructor(options: { readonly settings: DestinationSettings; readonly clock: Clock; readonly logger: Logger }) {
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#profile = findProfile(options.settings.profile, options.settings.url);
    const explicit = MESSAGES[options.settings.protobufMessage ?? ''];
    this.protocols = new ProtocolChoice(protocolsOf(this.#profile, explicit), options.clock);
  }

  /** Whether these settings lead to the same receiver. */
  isOf(settings: DestinationSettings): boolean {
    const { url, profile, protobufMessage } = this.#settings;
    return url === settings.url && profile === settings.profile && protobufMessage === settings.protobufMessage;
  }

  get profile(): Profile {
    return this.#profile;
  }

  /** A body was accepted; `refused` are the protocols in which it had been refused before. Returns whether that made it fall back. */
  accepted(protocol: Protocol, refused: readonly { readonly protocol: Protocol; readonly isPlain: boolean }[]): boolean {
    const [first] = refused;
    if (first === undefined) {
      this.protocols.accepted(protocol);
      this.#profile = profileAfter(this.#profile, protocol.codec);
      return false;
    }
    if (this.protocols.inUse() !== protocol) {
      const from = `${first.protocol.message} ${first.protocol.codec}`;
      this.#logger.info('receiver refuses a way of sending and accepts another; the first is tried again later', { refused: from, accepted: `${protocol.message} ${protocol.codec}` });
    }
    this.protocols.proveRefused(first.protocol, protocol, refused.some(({ isPlain, protocol: { message } }) => isPlain && message === '2.0'));
    this.#profile = profileAfter(findProfile(this.#settings.profile, this.#settings.url), protocol.codec);
    return true;
  }

  /** A body of so many bytes was too large. */
  learnTooLarge(rawBytes: number): void {
    this.#ceiling = { bytes: Math.max(1, Math.ceil(rawBytes / 2)), atMs: this.#clock.monotonicMs() };
  }

  /** Bytes a body may have before compression. Grows back, as the proxy that set the limit may be gone. */
  ceilingBytes(): number {
    if (this.#ceiling === undefined) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    while (nowMs - this.#ceiling.atMs >= CEILING_STEP_MS) {
      if (this.#ceiling.bytes >= CEILING_MAX_BYTES) {
        this.#ceiling = undefined;
        return Number.POSITIVE_INFINITY;
      }
      this.#ceiling = { bytes: this.#ceiling.bytes * 2, atMs: this.#ceiling.atMs + CEILING_STEP_MS };
    }
    return this.#ceiling.bytes;
  }
}
