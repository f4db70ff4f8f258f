// One answer in, one verdict out: the only place that decides whether samples are kept. The table is read from the top; the first row that
// fits decides. Messages of receivers are shown to people and never interpreted (remote write specification).

import type { HttpErrorClass } from '../io/http/error.ts';
import type { Codec, Profile } from '../destinations/profile.ts';

/**
 * `done`: stored (or taken care of elsewhere). `retry`: the same bytes again, `fast` with the configured backoff, `slow` where a person has to change
 * something first. `codec`: the same samples with the next codec. `halve`: too large, send the halves. `bisect`: something in it is
 * refused, send the halves to find it. `drop`: refused for good, counted.
 */
export type Verdict =
  | { readonly action: 'done' }
  | { readonly action: 'retry'; readonly pace: 'fast' | 'slow'; readonly reason: RetryReason }
  | { readonly action: 'codec' }
  | { readonly action: 'halve'; readonly reason: DropReason }
  | { readonly action: 'bisect'; readonly reason: DropReason }
  | { readonly action: 'drop'; readonly reason: DropReason };

/** Label values of `tributary_remote_write_retries_total`. */
export type RetryReason = 'network' | 'timeout' | 'tls' | 'configuration' | 'rate_limit' | 'server_error' | 'refused' | 'unexpected';
/** Label values of `tributary_remote_write_rejected_samples_total`, besides `expired`. */
export type DropReason = 'bad_request' | 'conflict' | 'too_large' | 'unprocessable';

export type Outcome = { readonly status: number } | { readonly error: HttpErrorClass };

export interface VerdictContext {
  readonly codec: Codec;
  readonly profile: Profile;
}

interface Row {
  readonly fits: (status: number, context: VerdictContext) => boolean;
  readonly verdict: Verdict;
}

const retry = (pace: 'fast' | 'slow', reason: RetryReason): Verdict => ({ action: 'retry', pace, reason });
const code = (...codes: readonly number[]) => (status: number) => codes.includes(status);
const between = (first: number, last: number) => (status: number) => status >= first && status <= last;

const TABLE: readonly Row[] = [
  // 200 and 204 from everyone; 202 from Mimir and Cortex for the replica that is not elected: deduplicated there, nothing to send again.
  { fits: between(200, 299), verdict: { action: 'done' } },

  // Prometheus and Cortex answer 415 to zstd, Mimir and old VictoriaMetrics 400, because they read the body as snappy. Proxies use 400 for
  // other things too, so this is a question and not yet an answer.
  { fits: (status, { codec }) => codec !== 'snappy' && (status === 400 || status === 415), verdict: { action: 'codec' } },

  // Thanos Receive, Influx, Telegraf, nginx (1 MB by default) and other proxies.
  { fits: code(413), verdict: { action: 'halve', reason: 'too_large' } },

  // Prometheus rolls the request back for one bad sample; VictoriaMetrics says 400 also for what is too large. Elsewhere the good part is stored.
  { fits: (status, { profile }) => status === 400 && profile.badRequest === 'rollback', verdict: { action: 'bisect', reason: 'bad_request' } },
  { fits: code(400), verdict: { action: 'drop', reason: 'bad_request' } },

  // Thanos: duplicate, out of order or too old samples; the rest of the request is stored.
  { fits: code(409), verdict: { action: 'drop', reason: 'conflict' } },

  // Receivers that validate the content (Vector's source, gateways); whether a part was stored follows the profile as for 400.
  { fits: (status, { profile }) => status === 422 && profile.badRequest === 'rollback', verdict: { action: 'bisect', reason: 'unprocessable' } },
  { fits: code(422), verdict: { action: 'drop', reason: 'unprocessable' } },

  // Rate limits: Mimir, Cortex, Thanos, M3, GreptimeDB; Mimir can be told to use 529.
  { fits: code(429, 529), verdict: retry('fast', 'rate_limit') },

  // A slow body through a proxy (vmauth since 1.148), or a receiver that saw us hang up.
  { fits: code(408, 499), verdict: retry('fast', 'timeout') },

  // Mimir's sign of a wrong configuration.
  { fits: code(501), verdict: retry('slow', 'refused') },
  { fits: between(500, 599), verdict: retry('fast', 'server_error') },

  // Credentials (401, 403), path or tenant (404), method (405), ending receiver (410), codec (415 on snappy) and every other 4xx: someone will
  // put it right, and until then the samples wait on disk.
  { fits: between(400, 499), verdict: retry('slow', 'refused') },

  // Redirects that may not be followed and codes that do not exist.
  { fits: () => true, verdict: retry('slow', 'unexpected') },
];

const NETWORK: Readonly<Record<HttpErrorClass, Verdict>> = {
  dns: retry('fast', 'network'),
  refused: retry('fast', 'network'),
  unreachable: retry('fast', 'network'),
  connection: retry('fast', 'network'),
  timeout: retry('fast', 'timeout'),
  // Mostly names and expiry of certificates, which do not change within seconds; but a link that breaks during the handshake looks the same.
  tls: retry('fast', 'tls'),
  // An unreadable secret file, a URL that cannot be used.
  configuration: retry('slow', 'configuration'),
};

export function findVerdict(outcome: Outcome, context: VerdictContext): Verdict {
  if ('error' in outcome) return NETWORK[outcome.error];
  return TABLE.find((row) => row.fits(outcome.status, context))!.verdict;
}
