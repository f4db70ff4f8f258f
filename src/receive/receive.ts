// The receive endpoint: what others push with remote write joins the line behind scraping, and is answered when it is safe on disk.
//
//     request -> body (limits, codec) -> read (wire) -> admit (labels) -> distribute (routes, rules) -> queue -> answer
//
// A request that cannot be read is refused as a whole. Of one that can, good series are taken and bad ones are refused with 400, as Prometheus does: a sender repeats nothing
// after that. When a stream cannot take its part now, the answer is 503 and the sender comes again; what other streams took already comes twice then, with equal
// values. See docs/receive.md.

import type { IncomingHttpHeaders } from 'node:http';
import { errorText, TributaryError } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { readRequest, type PushedRequest } from '../wire/read-request.ts';
import type { WireMetadata } from '../wire/write-request.ts';
import { admit, type Admitted } from './admit.ts';
import { BodyRoom, expandBody, formatOf, readBody, Refusal, type Format } from './body.ts';
import type { Batch, SeriesSource } from './distribute.ts';
import { FamilyMemory } from './families.ts';
import { createReceiveMetrics, type ReceiveMetrics } from './receive-metrics.ts';

const CLIENT = '__meta_receive_client';
/** Requests that are read or worked on at a time. A Prometheus that catches up sends 50 at once; what bodies may hold is limited by itself. */
const REQUESTS_MAX = 128;
/** When a sender should come again, seconds: requests under way are done soon, a disk is not. */
const RETRY_AFTER_SECONDS = { busy: 1, queue: 5 };

export interface PushRequest {
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** Who the web server says it is; '' where it asks nobody. */
  readonly client: string;
}

export interface PushAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Receiver {
  push(request: PushRequest): Promise<PushAnswer>;
  /** TYPE, HELP and UNIT that senders told. */
  metadata(): Iterable<WireMetadata>;
}

export interface ReceiverOptions {
  /** Appends to the line; false when it cannot take them now. */
  readonly append: (batch: Batch, source: SeriesSource) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export function createReceiver({ append, nowMs, metrics: registry, logger }: ReceiverOptions): Receiver {
  const metrics = createReceiveMetrics(registry);
  const families = new FamilyMemory();
  const room = new BodyRoom();
  let running = 0;

  async function take({ headers, body, client }: PushRequest): Promise<PushAnswer> {
    const format = formatOf(headers);
    const wire = await readBody(body, headers, room);
    try {
      return await store(wire, format, client);
    } finally {
      room.give(wire.length);
    }
  }

  /** Not asynchronous: what a request says takes many times the room of its body, and is not kept while disks work. */
  function store(wire: Buffer, { codec, message }: Format, client: string): Promise<PushAnswer> {
    metrics.bytes(wire.length);
    const pushed = parse(expandBody(wire, codec), message);
    const { series, written: counts, refused } = admit(pushed, nowMs());
    families.note(pushed);
    return append({ series, failed: refused.samples }, sourceOf(client)).then((isSafe) => {
      if (!isSafe) throw new Refusal(503, 'queue', 'the queue cannot take it now');
      count(metrics, { written: counts, refused });
      return answerTo({ written: counts, refused });
    });
  }

  return {
    async push(request) {
      if (running >= REQUESTS_MAX) return refuse(new Refusal(503, 'busy', `${running} requests are under way`), metrics);
      running++;
      try {
        return await take(request);
      } catch (error) {
        if (error instanceof Refusal) return refuse(error, metrics);
        logger.error('a pushed request failed', { client: request.client, error: errorText(error) });
        return refuse(new Refusal(500, 'internal', errorText(error)), metrics);
      } finally {
        running--;
      }
    },
    metadata: () => families.entries(),
  };
}

/** What is known of a sender is who the web server says it is. */
function sourceOf(client: string): SeriesSource {
  return { key: `receive ${client}`, facts: { job: '', labels: [], provenance: new Map([[CLIENT, client]]), honorLabels: true } };
}

type Outcome = Pick<Admitted, 'written' | 'refused'>;

function parse(bytes: Uint8Array, message: '1.0' | '2.0'): PushedRequest {
  try {
    return readRequest(bytes, message);
  } catch (error) {
    const isTooLarge = error instanceof TributaryError && error.code === 'WRITE_REQUEST_TOO_LARGE';
    throw new Refusal(isTooLarge ? 413 : 400, isTooLarge ? 'too_large' : 'damaged', errorText(error));
  }
}

function refuse({ status, reason, message }: Refusal, metrics: ReceiveMetrics): PushAnswer {
  metrics.refused(reason);
  const again = reason === 'busy' || reason === 'queue' ? { 'Retry-After': String(RETRY_AFTER_SECONDS[reason]) } : {};
  return { status, text: `${message}\n`, headers: { ...written({ samples: 0, histograms: 0, exemplars: 0 }), ...again } };
}

function count(metrics: ReceiveMetrics, { written: { samples, histograms, exemplars }, refused }: Outcome): void {
  metrics.taken(samples, histograms, exemplars);
  metrics.invalid(refused.items);
}

function answerTo({ written: counts, refused }: Outcome): PushAnswer {
  const headers = written(counts);
  if (refused.items === 0) return { status: 204, text: '', headers };
  return { status: 400, text: `${refused.items} samples, histograms and exemplars refused, the rest is taken: ${refused.reason}\n`, headers };
}

/** Source: remote write 2.0, "Required Written Response Headers". They do no harm in 1.0. */
function written({ samples, histograms, exemplars }: Admitted['written']): Record<string, string> {
  return {
    'X-Prometheus-Remote-Write-Samples-Written': String(samples),
    'X-Prometheus-Remote-Write-Histograms-Written': String(histograms),
    'X-Prometheus-Remote-Write-Exemplars-Written': String(exemplars),
  };
}
