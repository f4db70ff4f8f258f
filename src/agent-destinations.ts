// Destinations, configured and announced: their names, quotas, streams and senders. Configuration and documents change them independently of each
// other; changes are taken one after another, and each puts the whole set in force.

import type { Settings } from './config/settings.ts';
import type { DestinationSettings } from './destinations/config.ts';
import { Masters } from './destinations/masters/masters.ts';
import { createMastersMetrics } from './destinations/masters/masters-metrics.ts';
import { nameEntries } from './destinations/naming.ts';
import { createBusyMeter } from './io/busy.ts';
import { systemClock } from './io/clock.ts';
import { systemDisk } from './io/disk.ts';
import { createHttpClient } from './io/http/client.ts';
import { systemRandom } from './io/random.ts';
import type { Kubernetes } from './kubernetes/kubernetes.ts';
import { errorText } from './model/error.ts';
import type { CommandQueue } from './queue/command-queue.ts';
import { HELD_STREAM } from './queue/config.ts';
import type { Stream } from './queue/queue.ts';
import { Assembler } from './sender/assembly.ts';
import { Sender } from './sender/sender.ts';
import type { SenderOptions } from './sender/sender.ts';
import { createSenderGauges } from './sender/sender-gauges.ts';
import type { SenderGauges } from './sender/sender-gauges.ts';
import { createSenderMetrics } from './sender/telemetry.ts';
import type { SenderMetrics } from './sender/telemetry.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { MastersView } from './web/view.ts';

/** Ledger note under which the names of unnamed destinations are kept. */
const NAMES_NOTE = 'unnamed-destinations';

/** A destination and the stream it is fed from. */
export interface FedDestination {
  readonly stream: Stream;
  readonly settings: DestinationSettings;
}

export interface DestinationsOptions {
  readonly queue: CommandQueue;
  readonly kubernetes: Kubernetes;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** `--storage.agent.path`. */
  readonly storagePath: string;
  readonly collectMetadata: SenderOptions['collectMetadata'];
  /** Tells the series where they go now, before the senders of new destinations start. */
  readonly onDestinations: (settings: Settings, destinations: readonly FedDestination[]) => void;
}

export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #senders = new Map<string, Sender>();
  readonly #streams = new Map<string, Stream>();
  /** Bytes on disk that each may use. */
  readonly #quotas = new Map<string, number>();
  readonly #senderMetrics: SenderMetrics;
  readonly #senderGauges: SenderGauges;
  readonly #cpuBusyShare = createBusyMeter(systemClock);
  readonly #masters: Masters;
  /** Names whose senders have the settings of a document: one that is about to end included, for it still sends. */
  readonly #announced = new Set<string>();
  /** Ends when what was begun last has ended. */
  #turn: Promise<void> = Promise.resolve();
  #settings: Settings | undefined;
  #isStopped = false;

  constructor(options: DestinationsOptions) {
    const { metrics, logger, kubernetes, storagePath } = options;
    this.#options = options;
    this.#senderMetrics = createSenderMetrics(metrics);
    this.#senderGauges = createSenderGauges(metrics);
    const mastersMetrics = createMastersMetrics(metrics);
    this.#masters = new Masters({
      folder: `${storagePath}/masters`,
      disk: systemDisk,
      clock: systemClock,
      logger: logger.child({ stage: 'destinations' }),
      metrics: mastersMetrics,
      kubernetes,
      onChange: () => void this.#applyAnnounced(),
    });
    metrics.beforeExposition(() => {
      mastersMetrics.show(this.#masters.state(), this.#masters.sources(), systemClock.nowMs());
      for (const sender of this.#senders.values()) sender.observeMetrics();
    });
  }

  get senders(): ReadonlyMap<string, Sender> {
    return this.#senders;
  }

  /** Bytes on disk that a destination may use; 0 for one that is not there. */
  quotaBytes(name: string): number {
    return this.#quotas.get(name) ?? 0;
  }

  mastersView(): MastersView {
    return { masters: this.#masters.state(), sources: this.#masters.sources(), keepError: this.#masters.keepError };
  }

  stream(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  /** Senders follow the configuration: new ones start, changed ones take over their settings, those of removed entries stop. */
  apply(settings: Settings): Promise<void> {
    return this.#next(async () => {
      const names = await this.#nameEntries(settings.destinations);
      this.#masters.apply(settings.masters, { server: settings.kubernetes, namespacePattern: settings.routing?.owner.namespace, configured: new Set([...names, HELD_STREAM]) });
      this.#settings = settings;
      await this.#putInForce(settings, names);
    });
  }

  /** What documents announce has changed; a failure leaves the rest of the set in force and is tried again with the next change. */
  async #applyAnnounced(): Promise<void> {
    try {
      await this.#next(async () => {
        if (this.#settings === undefined) return;
        await this.#putInForce(this.#settings, await this.#nameEntries(this.#settings.destinations));
      });
    } catch (error) {
      this.#options.logger.error('announced destinations could not be put in force', { error: errorText(error) });
    }
  }

  #next(act: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(() => (this.#isStopped ? undefined : act()));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #putInForce(settings: Settings, names: readonly string[]): Promise<void> {
    const announced = this.#masters.destinations();
    const wanted = new Map([...settings.destinations.map((destination, i) => [names[i]!, destination] as const), ...announced]);
    const removed = [...this.#senders.keys()].filter((name) => !wanted.has(name));
    const share = evenShare(settings);
    for (const [name, { maxBytes = share, overflow, priority }] of wanted) {
      this.#quotas.set(name, maxBytes);
      this.#streams.set(name, this.#options.queue.stream(name, { maxBytes, policy: overflow, priority }));
    }
    this.#options.onDestinations(settings, [...wanted].map(([name, own]) => ({ stream: this.#streams.get(name)!, settings: own })));
    for (const [name, own] of wanted) this.#applyOne(name, own, announced.has(name));
    await Promise.all(removed.map((name) => this.#remove(name)));
    for (const name of this.#options.queue.names()) if (!wanted.has(name) && name !== HELD_STREAM) this.#options.queue.retire(name);
  }

  #applyOne(name: string, settings: DestinationSettings, isAnnounced: boolean): void {
    if (isAnnounced) this.#announced.add(name);
    else this.#announced.delete(name);
    const known = this.#senders.get(name);
    if (known !== undefined) return known.update(settings);
    const { logger, version, collectMetadata } = this.#options;
    const sender = new Sender({
      name,
      settings,
      stream: this.#streams.get(name)!,
      clock: systemClock,
      random: systemRandom,
      logger: logger.child({ stage: 'sender', destination: name }),
      metrics: this.#senderMetrics,
      gauges: this.#senderGauges,
      cpuBusyShare: this.#cpuBusyShare,
      maxBytes: () => this.quotaBytes(name),
      version,
      createClient: (http, { roundRobinDns, connectionMaxAgeMs }) =>
        createHttpClient(http, {
          clock: systemClock,
          userAgent: `Tributary/${version}`,
          connectionMaxAgeMs,
          refuseAddress: (host, address) => (this.#announced.has(name) ? this.#masters.refuseAddress(host, address) : undefined),
          ...(roundRobinDns && { roundRobinDns: systemRandom }),
        }),
      createAssembler: (limits) => new Assembler(limits),
      collectMetadata,
    });
    this.#senders.set(name, sender);
    sender.start();
  }

  /** The stream stays on disk: a destination that comes back goes on where it was. */
  async #remove(name: string): Promise<void> {
    const sender = this.#senders.get(name)!;
    this.#senders.delete(name);
    await sender.stop(0);
    sender.removeMetrics();
    this.#announced.delete(name);
    this.#options.logger.warn('destination removed, its queue stays on disk', { destination: name });
  }

  async #nameEntries(destinations: readonly DestinationSettings[]): Promise<readonly string[]> {
    const { queue, logger } = this.#options;
    const named = nameEntries(destinations, queue.note(NAMES_NOTE), queue.names());
    if (queue.note(NAMES_NOTE) !== named.note) await queue.setNote(NAMES_NOTE, named.note);
    for (const name of named.inherited) logger.info('an unnamed remote_write changed its URL and keeps its queue', { destination: name });
    for (const name of named.parked) {
      logger.warn('an unnamed remote_write vanished: its queue stays on disk; give remote_write entries names', { destination: name });
    }
    return named.names;
  }

  /** No document changes anything any more. */
  async stopMasters(): Promise<void> {
    this.#isStopped = true;
    await this.#masters.stop();
    await this.#turn;
  }

  /** Senders have until `deadlineMs` to deliver; what is left stays on disk. */
  async stopSenders(deadlineMs: number): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.stop(deadlineMs)));
  }
}

/** What every destination without a quota of its own gets of the whole; room for the most masters is set aside, so that it does not shrink when one arrives. */
export function evenShare({ destinations, masters, queue }: Pick<Settings, 'destinations' | 'masters' | 'queue'>): number {
  const announced = masters === undefined ? [] : Array.from({ length: masters.maxMasters }, () => masters.limits.values.max_bytes);
  const quotas = [...destinations.map(({ maxBytes }) => maxBytes), ...announced];
  const named = quotas.reduce<number>((sum, maxBytes) => sum + (maxBytes ?? 0), 0);
  const others = quotas.filter((maxBytes) => maxBytes === undefined).length;
  return Math.floor((queue.maxBytes - named) / Math.max(1, others));
}
