// The receive endpoint: what others push with remote write joins the line behind scraping, and is answered when it is safe on disk.
//
//     request -> body (limits, codec) -> read (wire) -> admit (labels) -> distribute (routes, rules) -> queue -> answer
//
// A request that cannot be read is refused as a whole. Of one that can, good series are taken and bad ones are refused with 400, as Prometheus does: a sender repeats nothing
// after that. When a stream cannot take its part now, the answer is 503 and the sender comes again; what other streams took already comes twice then, with equal
// values. See docs/receive.md.

import type { IncomingHttpHeaders } from 'node:http';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { readRequest, type PushedRequest } from '../wire/read-request.ts';
import type { WireMetadata } from '../wire/write-request.ts';
import { admit, type Admitted } from './admit.ts';
import { expandBody, formatOf, readBody, Refusal } from './body.ts';
import type { Batch, SeriesSource } from './distribute.ts';
import { FamilyMemory } from './families.ts';
import { createReceiveMetrics, type ReceiveMetrics } from './receive-metrics.ts';

const CLIENT = '__meta_receive_client';
/** Requests that are read or worked on at a time: each may hold a body of the largest size. */
const REQUESTS_MAX = 16;
/** When a sender should come again, seconds. */
const RETRY_AFTER_SECONDS = 5;

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
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export function createReceiver({ append, metrics: registry, logger }: ReceiverOptions): Receiver {
  const metrics = createReceiveMetrics(registry);
  const families = new FamilyMemory();
  let running = 0;

  async function take(request: PushRequest): Promise<PushAnswer> {
    const format = formatOf(request.headers);
    const wire = await readBody(request.body, request.headers);
    metrics.bytes(wire.length);
    const pushed = parse(expandBody(wire, format.codec), format.message);
    const admitted = admit(pushed);
    families.note(pushed);
    const isSafe = await append({ series: admitted.series, failed: admitted.refused.samples }, sourceOf(request.client));
    if (!isSafe) throw new Refusal(503, 'queue', 'the queue cannot take it now');
    count(metrics, admitted);
    return answerTo(admitted);
  }

  return {
    async push(request) {
      if (running >= REQUESTS_MAX) return refuse(new Refusal(429, 'busy', `${running} requests are under way`), metrics);
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

function parse(bytes: Uint8Array, message: '1.0' | '2.0'): PushedRequest {
  try {
    return readRequest(bytes, message);
  } catch (error) {
    throw new Refusal(400, 'damaged', errorText(error));
  }
}

function refuse({ status, reason, message }: Refusal, metrics: ReceiveMetrics): PushAnswer {
  metrics.refused(reason);
  const again = status === 429 || status === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {};
  // The rest of a body that was not read to its end is not waited for.
  const close = reason === 'too_large' || reason === 'busy' ? { Connection: 'close' } : {};
  return { status, text: `${message}\n`, headers: { ...written({ samples: 0, histograms: 0, exemplars: 0 }), ...again, ...close } };
}

function count(metrics: ReceiveMetrics, { written: { samples, histograms, exemplars }, refused }: Admitted): void {
  metrics.taken(samples, histograms, exemplars);
  metrics.invalid(refused.items);
}

function answerTo({ written: counts, refused }: Admitted): PushAnswer {
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
