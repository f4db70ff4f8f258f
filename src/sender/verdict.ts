// One answer in, one verdict out: the only place that decides whether samples are kept. The table is read from the top, the rows of the
// receiver first; the first row that fits decides. Messages of receivers are shown to people and never interpreted (remote write specification).
// Source of the rows: the receivers' write handlers, see docs/receivers.md.

import type { HttpErrorClass } from '../io/http/error.ts';
import type { Message, Profile, Protocol } from '../destinations/profile.ts';
import type { Answer } from './link.ts';

/**
 * `done`: stored. `deduplicated`: taken care of, by another replica or by an earlier try; all of it, or what the written counts leave. `retry`: the same bytes again, `fast` with the configured backoff,
 * `slow` with a long one, `park` where a person has to change something first. `protocol`: the same samples in the next message or codec; `isPlain`:
 * the receiver said that it does not know this one. `halve`: too large, send the halves. `bisect`: something in it is refused, send
 * the halves to find it. `verify`: as bisect, but the body may be stored already. `reject`: refused for good, counted; `extent` tells how
 * much of the body that is.
 */
export type Verdict =
  | { readonly action: 'done' }
  | { readonly action: 'deduplicated'; readonly extent: 'all' | 'unwritten' }
  | { readonly action: 'retry'; readonly pace: 'fast' | 'slow' | 'park'; readonly reason: RetryReason }
  | { readonly action: 'protocol'; readonly isPlain: boolean }
  | { readonly action: 'halve'; readonly reason: RejectReason }
  | { readonly action: 'bisect'; readonly reason: RejectReason }
  | { readonly action: 'verify'; readonly reason: RejectReason }
  | { readonly action: 'reject'; readonly reason: RejectReason; readonly extent: RejectedExtent };

/** `all`: nothing of it was stored, or nobody knows. `unwritten`: what the answer's written counts leave. `some`: at least one, the rest was stored. */
export type RejectedExtent = 'all' | 'unwritten' | 'some';

/** Label values of `tributary_remote_write_retries_total`. */
export type RetryReason = 'network' | 'timeout' | 'tls' | 'configuration' | 'rate_limit' | 'server_error' | 'refused' | 'unexpected';
/**
 * Label values of `tributary_remote_write_rejected_samples_total`, besides `expired` and `unreadable`. `not_written`: accepted, and fewer written than
 * sent. `rate_limit`, `server_error`: refused again and again while others passed.
 */
export type RejectReason = 'bad_request' | 'conflict' | 'too_large' | 'unprocessable' | 'not_written' | 'rate_limit' | 'server_error';

export type Outcome = { readonly status: number } | { readonly error: HttpErrorClass };

export interface VerdictContext extends Protocol {
  readonly profile: Profile;
  /** The receiver has accepted a body in this message and codec before. */
  readonly isProven: boolean;
  /** There is another message or codec to try with this body. */
  readonly hasFallback: boolean;
  /** Bytes before compression. */
  readonly rawBytes: number;
  /** An earlier try may have stored it: no answer came, or a proxy answered instead. */
  readonly mayBeStored: boolean;
  /** What a sample is old for is remembered: repeating what is stored is refused. */
  readonly refusesRepeats: boolean;
}

/** What was written matters in 2.0 only. */
type Facts = VerdictContext & { readonly isCounted: boolean };

interface Row {
  readonly status: number | readonly [first: number, last: number];
  readonly when?: (facts: Facts) => boolean;
  readonly verdict: Verdict;
}

const retry = (pace: 'fast' | 'slow' | 'park', reason: RetryReason): Verdict => ({ action: 'retry', pace, reason });
const reject = (reason: RejectReason, extent: RejectedExtent): Verdict => ({ action: 'reject', reason, extent });
const each = (statuses: readonly number[], verdict: Verdict): Row[] => statuses.map((status) => ({ status, verdict }));

/** A body from half of the known limit on: our count of bytes and theirs may differ, and the limit may be set lower. */
const isNearLimit = ({ profile, rawBytes }: Facts) => profile.bodyBytesMax !== undefined && rawBytes >= profile.bodyBytesMax / 2;
const isCounted2 = ({ message, isCounted }: Facts) => message === '2.0' && isCounted;
const rollsBack = ({ profile }: Facts) => profile.badRequest === 'rollback';
const storesRest = ({ profile }: Facts) => profile.badRequest === 'partial';

/**
 * Something in the body is refused. What the profile says decides, unless written counts tell it exactly. After a try without an answer it may just
 * be that everything is stored.
 */
function refused(status: number, reason: RejectReason): Row[] {
  return [
    { status, when: (facts) => isCounted2(facts) && facts.mayBeStored && facts.refusesRepeats, verdict: { action: 'deduplicated', extent: 'unwritten' } },
    { status, when: isCounted2, verdict: reject(reason, 'unwritten') },
    { status, when: (facts) => facts.mayBeStored && facts.refusesRepeats && rollsBack(facts), verdict: { action: 'verify', reason } },
    { status, when: ({ mayBeStored, refusesRepeats }) => mayBeStored && refusesRepeats, verdict: { action: 'deduplicated', extent: 'all' } },
    { status, when: rollsBack, verdict: { action: 'bisect', reason } },
    { status, when: storesRest, verdict: reject(reason, 'some') },
    { status, verdict: reject(reason, 'all') },
  ];
}

const COMMON: readonly Row[] = [
  // A receiver of 1.0 that does not look at the type reads a 2.0 body as an empty one and is content (VictoriaMetrics, old Mimir, Thanos, Telegraf).
  { status: [200, 299], when: ({ message, isCounted, hasFallback }) => message === '2.0' && !isCounted && hasFallback, verdict: { action: 'protocol', isPlain: true } },
  // As Mimir and Cortex say it, perhaps behind a gateway: deduplicated there, nothing to send again.
  { status: 202, verdict: { action: 'deduplicated', extent: 'all' } },
  { status: [200, 299], verdict: { action: 'done' } },

  { status: 415, when: ({ hasFallback }) => hasFallback, verdict: { action: 'protocol', isPlain: true } },
  // Mimir and old VictoriaMetrics read every body as snappy and answer 400 to zstd, receivers of 1.0 may answer 400 to 2.0. Proxies use 400 for other
  // things too, so this is a question and not yet an answer.
  { status: 400, when: ({ codec, hasFallback }) => codec !== 'snappy' && hasFallback, verdict: { action: 'protocol', isPlain: false } },
  {
    status: 400, when: ({ message, isCounted, isProven, hasFallback }) => message === '2.0' && !isCounted && !isProven && hasFallback,
    verdict: { action: 'protocol', isPlain: false },
  },

  // Thanos Receive, Influx, Telegraf, nginx (1 MB by default) and other proxies; VictoriaMetrics, Cortex, Prometheus and Mimir say 400.
  { status: 413, verdict: { action: 'halve', reason: 'too_large' } },
  { status: 400, when: isNearLimit, verdict: { action: 'halve', reason: 'too_large' } },

  ...refused(400, 'bad_request'),
  // Receivers that validate the content (Vector's source, gateways).
  ...refused(422, 'unprocessable'),
  // Thanos: duplicate, out of order or too old samples; the rest of the request is stored.
  ...refused(409, 'conflict'),

  // Rate limits: Mimir, Cortex, Thanos, M3, GreptimeDB; Mimir can be told to use 529.
  ...each([429, 529], retry('fast', 'rate_limit')),
  // A slow body through a proxy (vmauth since 1.148), or a receiver that saw us hang up.
  ...each([408, 499], retry('fast', 'timeout')),

  // Credentials, path or tenant, method, an ending receiver, Mimir's sign of a wrong configuration: someone will put it right, and until then the samples
  // wait on disk. 415 comes here when nothing else is left to try.
  ...each([401, 403, 404, 405, 410, 415, 501], retry('park', 'refused')),
  { status: [500, 599], verdict: retry('fast', 'server_error') },
  { status: [400, 499], verdict: retry('slow', 'refused') },

  // Redirects that may not be followed and codes that do not exist.
  { status: [0, 999], verdict: retry('slow', 'unexpected') },
];

/** For the replica that is not elected, whatever the message. */
const otherReplica: readonly Row[] = [{ status: 202, verdict: { action: 'deduplicated', extent: 'all' } }];

/** What is different at one receiver; everything else is as above. */
const OWN: Partial<Readonly<Record<Profile['name'], readonly Row[]>>> = {
  mimir: otherReplica,
  cortex: otherReplica,
  // It says so while it shuts down, behind the same address it will be back.
  telegraf: [{ status: 410, verdict: retry('slow', 'refused') }],
  // 400 is about the request as such (version header, body); no series of it is ever the reason.
  promscale: [{ status: 400, when: ({ message, hasFallback }) => message === '2.0' && hasFallback, verdict: { action: 'protocol', isPlain: true } }],
};

const NETWORK: Readonly<Record<HttpErrorClass, Verdict>> = {
  dns: retry('fast', 'network'),
  refused: retry('fast', 'network'),
  unreachable: retry('fast', 'network'),
  connection: retry('fast', 'network'),
  timeout: retry('fast', 'timeout'),
  // A certificate or a version on which the two sides do not agree: names, issuers and expiry do not change within seconds.
  tls: retry('park', 'tls'),
  // An unreadable secret file, a URL that cannot be used.
  configuration: retry('park', 'configuration'),
};

/** The verdict on an answer that is not `aborted`. */
export function findVerdict({ outcome, written }: { readonly outcome: Outcome; readonly written: Answer['written'] }, context: VerdictContext): Verdict {
  if ('error' in outcome) return NETWORK[outcome.error];
  const facts = { ...context, isCounted: written !== undefined };
  const fits = ({ status, when }: Row) =>
    (typeof status === 'number' ? outcome.status === status : outcome.status >= status[0] && outcome.status <= status[1]) && when?.(facts) !== false;
  return OWN[context.profile.name]?.find(fits)?.verdict ?? COMMON.find(fits)?.verdict ?? retry('slow', 'unexpected');
}

/** After this a body may be stored although nobody said so: the connection broke or the time was up, or a proxy answered for the receiver. */
export function mayHaveStored({ outcome, sentBody }: Pick<Answer, 'outcome' | 'sentBody'>): boolean {
  if (outcome === 'aborted') return false;
  if ('error' in outcome) return sentBody && (outcome.error === 'timeout' || outcome.error === 'connection');
  return outcome.status === 502 || outcome.status === 504;
}

/** What of a 2.0 body the answer does not count as written; nothing where there is nothing to go by. */
export function unwritten(
  sent: { readonly message: Message; readonly samples: number; readonly exemplars: number }, written: Answer['written'],
): { readonly samples: number; readonly exemplars: number } {
  if (sent.message !== '2.0' || written === undefined) return { samples: 0, exemplars: 0 };
  const { samples = 0, histograms = 0, exemplars = 0 } = written;
  return { samples: Math.max(0, sent.samples - samples - histograms), exemplars: Math.max(0, sent.exemplars - exemplars) };
}
