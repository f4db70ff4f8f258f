// Metrics of the sender: our own, and the prometheus_remote_storage_* names that dashboards and alerts use. Families are declared once
// per process; every destination holds its children and removes them when it goes.

import type { Counter, Family, Gauge, Metrics } from '../telemetry/metrics.ts';
import type { StreamState } from '../queue/queue.ts';
import type { RejectReason, RetryReason } from './verdict.ts';

const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300];
const OWN = ['destination'];
const PEER = ['remote_name', 'url'];
const KINDS = ['samples', 'exemplars', 'histograms', 'metadata'] as const;
const PENDING_KINDS = ['samples', 'exemplars', 'histograms'] as const;

/** Label values of `tributary_remote_write_rejected_samples_total`. */
export type LossLabel = RejectReason | 'expired' | 'unreadable';

export interface SentItems {
  readonly samples: number;
  readonly exemplars: number;
  readonly metadata: number;
}

export interface SenderMetrics {
  destination(name: string, shownUrl: string, maxSamplesPerSend: number): DestinationMetrics;
}

export interface DestinationMetrics {
  /** An attempt begins. */
  attempted(items: SentItems): void;
  /** An attempt ended; `code` is the status or the class of the network error. */
  answered(code: string, seconds: number): void;
  delivered(items: SentItems, wireBytes: number, rawBytes: number, newestMs: number | undefined): void;
  retried(reason: RetryReason, items: SentItems): void;
  rejected(reason: LossLabel, items: SentItems): void;
  /** Kept aside on disk. */
  quarantined(reason: RejectReason, items: SentItems): void;
  /** Accepted without being stored again. */
  deduplicated(items: SentItems): void;
  /** A body of which the receiver refused it does not say how much. */
  partlyRefused(reason: RejectReason, items: SentItems): void;
  split(): void;
  codecFellBack(): void;
  /** Before each exposition. */
  observe(state: StreamState): void;
  remove(): void;
}

export function createSenderMetrics(metrics: Metrics): SenderMetrics {
  const families = { ...ownFamilies(metrics), ...peerFamilies(metrics) };
  const unlabelled = unlabelledFamilies(metrics);
  return {
    destination(name, shownUrl, maxSamplesPerSend) {
      const used = new Map<string, { family: Family<unknown>; values: readonly string[] }>();
      const child = <T>(key: string, family: Family<T>, ...values: string[]): T => {
        used.set(`${key}\u0000${values.join('\u0000')}`, { family, values });
        return family.with(...values);
      };
      return createDestination({ families, unlabelled, child, name, peer: [name, shownUrl], maxSamplesPerSend, removeAll: () => removeAll(used) });
    },
  };
}

function removeAll(used: ReadonlyMap<string, { family: Family<unknown>; values: readonly string[] }>): void {
  for (const { family, values } of used.values()) family.remove(...values);
}

function ownFamilies(m: Metrics) {
  const prefix = 'tributary_remote_write';
  return {
    requests: m.counters(`${prefix}_requests_total`, 'Requests by the status they got, or by the class of the network error.', [...OWN, 'code']),
    sentBytes: m.counters(`${prefix}_sent_bytes_total`, 'Compressed bytes of bodies that were accepted.', OWN),
    sentRawBytes: m.counters(`${prefix}_sent_raw_bytes_total`, 'Bytes before compression of bodies that were accepted.', OWN),
    sentSamples: m.counters(`${prefix}_sent_samples_total`, 'Samples that were accepted.', OWN),
    retries: m.counters(`${prefix}_retries_total`, 'Requests that have to be repeated, by reason.', [...OWN, 'reason']),
    rejected: m.counters(`${prefix}_rejected_samples_total`, 'Samples given up, by reason.', [...OWN, 'reason']),
    quarantined: m.counters(`${prefix}_quarantined_samples_total`, 'Samples that the receiver refused while it took others, kept aside on disk, by reason.', [...OWN, 'reason']),
    deduplicated: m.counters(`${prefix}_deduplicated_samples_total`, 'Samples that the receiver had from another replica or from an earlier try.', OWN),
    partlyRefused: m.counters(`${prefix}_partly_refused_samples_total`, 'Samples of bodies of which the receiver stored an unknown part; of each body one counts as rejected.', [...OWN, 'reason']),
    splits: m.counters(`${prefix}_splits_total`, 'Bodies cut because they were too large or something in them was refused.', OWN),
    fallbacks: m.counters(`${prefix}_codec_fallbacks_total`, 'Bodies refused in one message or codec and accepted in another.', OWN),
    duration: m.histograms(`${prefix}_request_duration_seconds`, 'Time from the start of a request to its answer.', OWN, DURATION_BUCKETS),
    highestSent: m.gauges(`${prefix}_newest_sent_timestamp_seconds`, 'Timestamp of the newest sample that was accepted.', OWN),
  };
}

function peerFamilies(m: Metrics) {
  const prefix = 'prometheus_remote_storage';
  const perKind = (suffix: string, help: string) =>
    Object.fromEntries(KINDS.map((kind) => [kind, m.counters(`${prefix}_${kind}${suffix}_total`, `${help} (${kind}).`, PEER)])) as Record<Kind, Family<Counter>>;
  return {
    sent: perKind('', 'Items in requests to the remote storage'),
    failed: perKind('_failed', 'Items given up because the remote storage refused them'),
    retried: perKind('_retried', 'Items in requests that have to be repeated'),
    dropped: Object.fromEntries(
      PENDING_KINDS.map((kind) => [kind, m.counters(`${prefix}_${kind}_dropped_total`, `Items not sent, by reason (${kind}).`, [...PEER, 'reason'])]),
    ) as Record<PendingKind, Family<Counter>>,
    pending: Object.fromEntries(
      PENDING_KINDS.map((kind) => [kind, m.gauges(`${prefix}_${kind}_pending`, `Items that wait for a verdict (${kind}).`, PEER)]),
    ) as Record<PendingKind, Family<Gauge>>,
    bytes: m.counters(`${prefix}_bytes_total`, 'Compressed bytes of bodies with samples that were accepted.', PEER),
    metadataBytes: m.counters(`${prefix}_metadata_bytes_total`, 'Compressed bytes of bodies with metadata that were accepted.', PEER),
    enqueueRetries: m.counters(`${prefix}_enqueue_retries_total`, 'Always 0: appending to the queue on disk does not wait for the sender.', PEER),
    batchDuration: m.histograms(`${prefix}_sent_batch_duration_seconds`, 'Time from the start of a request to its answer.', PEER, DURATION_BUCKETS),
    highest: m.gauges(`${prefix}_queue_highest_timestamp_seconds`, 'Timestamp of the newest sample in the queue.', PEER),
    highestSentPeer: m.gauges(`${prefix}_queue_highest_sent_timestamp_seconds`, 'Timestamp of the newest sample that was accepted.', PEER),
    shards: m.gauges(`${prefix}_shards`, 'Always 1: one request at a time.', PEER),
    shardsMax: m.gauges(`${prefix}_shards_max`, 'Always 1.', PEER),
    shardsMin: m.gauges(`${prefix}_shards_min`, 'Always 1.', PEER),
    shardsDesired: m.gauges(`${prefix}_shards_desired`, 'Always 1.', PEER),
    shardCapacity: m.gauges(`${prefix}_shard_capacity`, 'Always 0: what waits is on disk.', PEER),
    maxSamplesPerSend: m.gauges(`${prefix}_max_samples_per_send`, 'Most items in one request; 0 where only bytes count.', PEER),
  };
}

/** Without labels, fed from the destination that took in most, as each of them gets a share of the same samples. */
function unlabelledFamilies(m: Metrics) {
  const samplesIn = m.counter('prometheus_remote_storage_samples_in_total', 'Samples that came in for remote storage, as the destination with most of them counts.');
  m.counter('prometheus_remote_storage_exemplars_in_total', 'Always 0: exemplars are counted when they are sent.');
  m.counter('prometheus_remote_storage_histograms_in_total', 'Always 0: native histograms are not scraped.');
  const highest = m.gauge('prometheus_remote_storage_highest_timestamp_in_seconds', 'Timestamp of the newest sample that came in.');
  let countedIn = 0;
  let newestMs = 0;
  return {
    observe(appendedHere: number, streamNewestMs: number | undefined): void {
      if (appendedHere > countedIn) samplesIn.inc(appendedHere - countedIn);
      countedIn = Math.max(countedIn, appendedHere);
      newestMs = Math.max(newestMs, streamNewestMs ?? 0);
      highest.set(newestMs / 1000);
    },
  };
}

type Kind = (typeof KINDS)[number];
type PendingKind = (typeof PENDING_KINDS)[number];

interface DestinationParts {
  readonly families: ReturnType<typeof ownFamilies> & ReturnType<typeof peerFamilies>;
  readonly unlabelled: ReturnType<typeof unlabelledFamilies>;
  readonly child: <T>(key: string, family: Family<T>, ...values: string[]) => T;
  readonly name: string;
  readonly peer: readonly [string, string];
  readonly maxSamplesPerSend: number;
  readonly removeAll: () => void;
}

function createDestination({ families: f, unlabelled, child, name, peer, maxSamplesPerSend, removeAll: remove }: DestinationParts): DestinationMetrics {
  const own = <T>(key: string, family: Family<T>, ...values: string[]) => child(key, family, name, ...values);
  const peers = <T>(key: string, family: Family<T>, ...values: string[]) => child(key, family, ...peer, ...values);
  const perKind = (key: string, map: Readonly<Record<Kind, Family<Counter>>>) =>
    Object.fromEntries(KINDS.map((kind) => [kind, fromZero(peers(`${key} ${kind}`, map[kind]))])) as Record<Kind, Counter>;
  const sent = perKind('sent', f.sent);
  const failed = perKind('failed', f.failed);
  const retried = perKind('retried', f.retried);
  const [pending] = PENDING_KINDS.map((kind) => {
    const gauge = peers(`pending ${kind}`, f.pending[kind]);
    gauge.set(0);
    return gauge;
  });
  const [tooOld, tooOldExemplars] = PENDING_KINDS.map((kind) => fromZero(peers(`dropped ${kind}`, f.dropped[kind], 'too_old')));
  const cells = {
    sentBytes: fromZero(own('sentBytes', f.sentBytes)),
    sentRawBytes: fromZero(own('sentRawBytes', f.sentRawBytes)),
    sentSamples: fromZero(own('sentSamples', f.sentSamples)),
    deduplicated: fromZero(own('deduplicated', f.deduplicated)),
    splits: fromZero(own('splits', f.splits)),
    fallbacks: fromZero(own('fallbacks', f.fallbacks)),
    duration: own('duration', f.duration),
    bytes: fromZero(peers('bytes', f.bytes)),
    metadataBytes: fromZero(peers('metadataBytes', f.metadataBytes)),
    batchDuration: peers('batchDuration', f.batchDuration),
  };
  fromZero(peers('enqueueRetries', f.enqueueRetries));
  for (const key of ['shards', 'shardsMax', 'shardsMin', 'shardsDesired'] as const) peers(key, f[key]).set(1);
  peers('shardCapacity', f.shardCapacity).set(0);
  peers('maxSamplesPerSend', f.maxSamplesPerSend).set(maxSamplesPerSend);
  let appendedBefore: number | undefined;
  let newestSentMs = Number.NEGATIVE_INFINITY;
  return {
    attempted: (items) => addItems(sent, items),
    answered(code, seconds) {
      own('requests', f.requests, code).inc();
      cells.duration.observe(seconds);
      cells.batchDuration.observe(seconds);
    },
    delivered(items, wireBytes, rawBytes, newestMs) {
      cells.sentBytes.inc(wireBytes);
      cells.sentRawBytes.inc(rawBytes);
      cells.sentSamples.inc(items.samples);
      (items.metadata > 0 ? cells.metadataBytes : cells.bytes).inc(wireBytes);
      if (newestMs === undefined || newestMs <= newestSentMs) return;
      newestSentMs = newestMs;
      own('highestSent', f.highestSent).set(newestMs / 1000);
      peers('highestSentPeer', f.highestSentPeer).set(newestMs / 1000);
    },
    retried(reason, items) {
      own('retries', f.retries, reason).inc();
      addItems(retried, items);
    },
    rejected(reason, items) {
      own('rejected', f.rejected, reason).inc(items.samples);
      if (reason !== 'expired') return addItems(failed, items);
      tooOld!.inc(items.samples);
      tooOldExemplars!.inc(items.exemplars);
    },
    quarantined(reason, items) {
      own('quarantined', f.quarantined, reason).inc(items.samples);
      addItems(failed, items);
    },
    deduplicated: (items) => cells.deduplicated.inc(items.samples),
    partlyRefused: (reason, items) => own('partlyRefused', f.partlyRefused, reason).inc(items.samples),
    split: () => cells.splits.inc(),
    codecFellBack: () => cells.fallbacks.inc(),
    observe(state) {
      appendedBefore ??= state.counters.appended;
      pending!.set(state.counters.pending);
      if (state.newestMs !== undefined) peers('highest', f.highest).set(state.newestMs / 1000);
      unlabelled.observe(state.counters.appended - appendedBefore, state.newestMs);
    },
    remove,
  };
}

/** Shows the counter from the start: `increase()` misses the step from absent to 1. */
function fromZero(counter: Counter): Counter {
  counter.inc(0);
  return counter;
}

function addItems(cells: Readonly<Record<Kind, Counter>>, items: SentItems): void {
  if (items.samples > 0) cells.samples.inc(items.samples);
  if (items.exemplars > 0) cells.exemplars.inc(items.exemplars);
  if (items.metadata > 0) cells.metadata.inc(items.metadata);
}
