// The program in a simulation: the real queue, one real sender and assembler per destination, on the seams of one life. Opens what the life before
// left on the disk.

import type { DestinationSettings } from '../../../src/destinations/config.ts';
import type { Random } from '../../../src/io/random.ts';
import type { QueueSettings } from '../../../src/queue/config.ts';
import { openQueue, type Queue, type Stream, type StreamOptions } from '../../../src/queue/queue.ts';
import { Assembler } from '../../../src/sender/assembly.ts';
import { createSenderGauges } from '../../../src/sender/sender-gauges.ts';
import { Sender, type SenderOptions } from '../../../src/sender/sender.ts';
import { createSenderMetrics } from '../../../src/sender/telemetry.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { type Logger, silentLogger } from '../../../src/telemetry/logger.ts';
import type { SimulatedDisk } from './disk.ts';
import type { Life } from './life.ts';
import type { SimulatedNetwork } from './network.ts';
import type { SimulatedStores } from './stores.ts';

export const QUEUE_PATH = '/queue';

export interface DestinationPlan {
  readonly name: string;
  settings: DestinationSettings;
  readonly stream: StreamOptions;
}

export interface ProgramOptions {
  readonly life: Life;
  readonly lifeNumber: number;
  readonly disk: SimulatedDisk;
  readonly stores: SimulatedStores;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly queue: QueueSettings;
  /** Recent records in memory, bytes. */
  readonly recentBytesMax: number;
  readonly destinations: readonly DestinationPlan[];
  readonly logger?: Logger;
}

type Bodies = ReturnType<Assembler['bodies']>;

export class Program {
  readonly queue: Queue;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly senders: ReadonlyMap<string, Sender>;
  readonly #metrics: ReturnType<typeof createMetrics>;
  /** Assemblies that are not through: they hold memory outside the heap of JavaScript. */
  readonly #bodies: Set<Bodies>;

  private constructor(parts: Pick<Program, 'queue' | 'streams' | 'senders'>, metrics: ReturnType<typeof createMetrics>, bodies: Set<Bodies>) {
    this.queue = parts.queue;
    this.streams = parts.streams;
    this.senders = parts.senders;
    this.#metrics = metrics;
    this.#bodies = bodies;
  }

  static async open(options: ProgramOptions): Promise<Program> {
    const { life, disk, stores, logger = silentLogger } = options;
    const metrics = createMetrics();
    const queue = await openQueue({
      path: QUEUE_PATH, settings: options.queue, disk: life.disk(disk), clock: life.clock, logger, metrics,
      recentBytesMax: options.recentBytesMax, openStore: life.openStore(stores, disk),
    });
    const streams = new Map(options.destinations.map(({ name, stream }) => [name, queue.stream(name, stream)]));
    const bodies = new Set<Bodies>();
    const senders = new Map<string, Sender>();
    const shared = { metrics: createSenderMetrics(metrics), gauges: createSenderGauges(metrics) };
    for (const { name, settings, stream } of options.destinations) {
      const sender = new Sender(senderOptions(options, shared, { name, settings, stream: streams.get(name)!, quota: stream.maxBytes, bodies }));
      senders.set(name, sender);
      sender.start();
    }
    return new Program({ queue, streams, senders }, metrics, bodies);
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all([...this.senders.values()].map((sender) => sender.stop(deadlineMs)));
    await this.queue.close();
  }

  /** Gives back what a dead process held outside the heap of JavaScript. */
  bury(): void {
    for (const bodies of this.#bodies) bodies.return(undefined);
    this.#bodies.clear();
  }

  /** Value of a metric of our own without labels. */
  async metric(name: string): Promise<number> {
    const line = (await this.#metrics.text()).split('\n').find((text) => text.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }
}

interface Part {
  readonly name: string;
  readonly settings: DestinationSettings;
  readonly stream: Stream;
  readonly quota: number;
  readonly bodies: Set<Bodies>;
}

function senderOptions(options: ProgramOptions, shared: Pick<SenderOptions, 'metrics' | 'gauges'>, part: Part): SenderOptions {
  const { life, lifeNumber, network, random, logger = silentLogger } = options;
  return {
    ...shared,
    name: part.name, settings: part.settings, stream: part.stream, clock: life.clock, random, logger, version: '0.0.0',
    createClient: (http) => network.client(life, lifeNumber, http),
    createAssembler: (limits) => {
      const assembler = new Assembler(limits);
      return { bodies: (records) => tracked(assembler.bodies(records), part.bodies) };
    },
    collectMetadata: () => [],
    cpuBusyShare: () => 0.2,
    maxBytes: () => part.quota,
  };
}

function* tracked(bodies: Bodies, all: Set<Bodies>): Bodies {
  all.add(bodies);
  try {
    yield* bodies;
  } finally {
    all.delete(bodies);
  }
}
