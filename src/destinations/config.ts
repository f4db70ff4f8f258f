// A destination: one remote_write entry together with its block under tributary.destinations.

import { compact, filled } from '../config/build.ts';
import { block, defaultBlock, fail, key, optional, remark } from '../config/schema.ts';
import type { AnyBlock, Block, Keys, Type, Values } from '../config/schema.ts';
import { printSize } from '../config/size.ts';
import { bool, choice, duration, float, int, listOf, mapOf, secret, size, text, url } from '../config/types.ts';
import { urlParts } from '../config/url.ts';
import { buildHttpClient, checkHttpClient, httpClientKeys } from '../io/http/config.ts';
import type { HttpClientSettings, Sigv4Settings } from '../io/http/config.ts';
import { SEGMENT_BYTES_MIN } from '../queue/config.ts';
import type { OverflowPolicy } from '../queue/queue.ts';
import { buildRelabel, relabelBlock } from '../relabel/config.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { buildPace, paceBlock, paceKeys } from './pace-config.ts';
import type { PaceSettings } from './pace-config.ts';
import { findProfile } from './profile.ts';

export type { PacePeriod, PaceSettings } from './pace-config.ts';

const profileNames = [
  'auto', 'victoriametrics', 'mimir', 'cortex', 'thanos', 'prometheus', 'm3', 'influxdb1', 'greptimedb', 'promscale', 'telegraf', 'generic',
] as const;
export type ProfileName = (typeof profileNames)[number];

/** `live_first` sends fresh samples before the backlog, `oldest_first` everything in order; `auto` is live_first where the receiver takes any order. */
export type LaneOrder = 'auto' | 'live_first' | 'oldest_first';

export interface BackfillSettings {
  /** Share of the pace that the backlog gets even when live data needs all of it. */
  readonly share: number;
  /** After an outage the backlog begins within this time, at random. Milliseconds. */
  readonly startJitterMs: number;
}

export interface DestinationSettings {
  /** Identity of queue, metrics and pages. Undefined for an entry without a name: the ledger gives it one. */
  readonly name?: string;
  readonly url: string;
  readonly remoteTimeoutMs: number;
  /** Only an explicit value: it is tried first. Otherwise the profile decides. */
  readonly protobufMessage?: 'prometheus.WriteRequest' | 'io.prometheus.write.v2.Request';
  readonly writeRelabel: readonly RelabelSettings[];
  readonly sendExemplars: boolean;
  readonly sendNativeHistograms: boolean;
  readonly roundRobinDns: boolean;
  readonly http: HttpClientSettings;
  /** Only explicit values; what is absent comes from the profile. */
  readonly queue: {
    readonly maxSamplesPerSend?: number;
    readonly batchSendDeadlineMs?: number;
    readonly minBackoffMs: number;
    readonly maxBackoffMs: number;
    /** 0 = no limit. */
    readonly sampleAgeLimitMs: number;
  };
  readonly metadata: { readonly send: boolean; readonly sendIntervalMs: number; readonly maxSamplesPerSend: number };
  /** From tributary.destinations.<name>. */
  readonly profile: ProfileName;
  /** Failover addresses, in order of preference after `url`; paths and credentials are those of the entry where they name none. */
  readonly endpoints: readonly string[];
  /** A connection is given up at this age, so that a changed address is found. Milliseconds, 0 = never. */
  readonly connectionMaxAgeMs: number;
  /** Whose series `owner` in a route means. */
  readonly owner?: string;
  /** Set on every series for this destination, after write_relabel_configs. */
  readonly replicaLabel?: { readonly name: string; readonly value: string };
  readonly maxBytes?: number;
  readonly overflow: OverflowPolicy;
  readonly priority: number;
  /** Older samples are dropped and counted. Milliseconds, 0 = none. */
  readonly maxAgeMs: number;
  readonly lanes: LaneOrder;
  /** The receiver's window for out-of-order samples. Milliseconds, 0 = none. */
  readonly outOfOrderWindowMs: number;
  readonly backfill: BackfillSettings;
  readonly pace: PaceSettings;
  /** Most requests under way at a time. */
  readonly maxConcurrency: number;
  /** Samples ahead of the receiver's clock are held back until their time has come. */
  readonly clockGuard: boolean;
  /** The live lane closes a body this long after its first record. Default 1 s. With `auto` it is where the delay begins. */
  readonly maxDelayMs: number;
  /** `max_delay: auto`: longer while the link is too thin for what is scraped. */
  readonly maxDelayAuto: boolean;
}

const writeRequest1 = 'prometheus.WriteRequest';
const writeRequest2 = 'io.prometheus.write.v2.Request';
const protobufMessages = ['', writeRequest1, writeRequest2] as const;
const protobufMessage = choice(protobufMessages, (value) => {
  return `invalid protobuf_message value: unknown type for remote write protobuf message ${value}, supported: ${writeRequest1}, ${writeRequest2}`;
});

const sigv4Keys = {
  region: optional(text, 'AWS region.', { defaultText: 'AWS_REGION' }),
  access_key: optional(text, 'Access key id.', { defaultText: 'AWS_ACCESS_KEY_ID' }),
  secret_key: optional(secret, 'Secret access key.', { defaultText: 'AWS_SECRET_ACCESS_KEY' }),
  profile: optional(text, 'Profile of the shared credentials file.'),
  role_arn: optional(text, 'Role to take on.'),
  external_id: optional(text, 'External id for that role.'),
  use_fips_sts_endpoint: key(bool, false, 'Take the role on at the FIPS endpoint.'),
};

const sigv4Block = block(sigv4Keys, {
  check(at) {
    if ((filled(at.values.access_key) === undefined) !== (filled(at.values.secret_key) === undefined)) {
      fail(at, undefined, 'must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config');
    }
  },
});

const noShards = 'there are no shards: one request is under way at a time';

export const queueConfigKeys = {
  capacity: key(int, 10_000, 'Samples buffered per shard.', { limit: 'above 0', noEffect: 'samples wait on disk: see tributary.queue' }),
  max_shards: key(int, 50, 'Most shards.', { limit: 'above 0', noEffect: noShards }),
  min_shards: key(int, 1, 'Fewest shards.', { limit: 'above 0, at most max_shards', noEffect: noShards }),
  max_samples_per_send: key(int, 2000, 'Most samples of a request; when written it wins over the profile.', { limit: 'above 0', defaultText: 'that of the profile' }),
  batch_send_deadline: key(duration, 5000, 'Longest wait for a full request; when written it wins over `max_delay`.', { unit: 'duration', defaultText: 'max_delay' }),
  min_backoff: key(duration, 30, 'First pause after a failure.', { unit: 'duration' }),
  max_backoff: key(duration, 5000, 'Longest pause after failures.', { unit: 'duration', limit: 'at least min_backoff' }),
  retry_on_http_429: key(bool, false, 'Retry when the receiver answers 429.', { noEffect: '429 is always retried' }),
  sample_age_limit: key(duration, 0, 'Samples older than this are dropped and counted instead of sent.', { unit: 'duration', defaultText: 'no limit' }),
};

/** Only what is written is printed: an absent key leaves the choice to the profile. */
const queueConfigBlock = block(queueConfigKeys, { printExplicitOnly: true });

/** Called by the entry, because Prometheus checks the values also when the block is null (and all of them are zero). */
function checkQueueConfig(at: Block<typeof queueConfigKeys>): void {
  const { values } = at;
  const positive = (name: 'capacity' | 'max_shards' | 'min_shards' | 'max_samples_per_send') => {
    if (values[name] <= 0) fail(at, name, `remote write queue ${name} must be positive`);
  };
  positive('capacity');
  positive('max_shards');
  positive('min_shards');
  if (values.min_shards > values.max_shards) fail(at, 'min_shards', 'remote write queue min_shards must not be greater than max_shards');
  positive('max_samples_per_send');
  if (values.max_backoff < values.min_backoff) fail(at, 'max_backoff', 'remote write queue max_backoff must not be less than min_backoff');
}

export const metadataConfigKeys = {
  send: key(bool, true, 'Send TYPE, HELP and UNIT.'),
  send_interval: key(duration, 60_000, 'How often.', { unit: 'duration' }),
  max_samples_per_send: key(int, 2000, 'Most metrics of a request.'),
};

/** Headers that the sender sets itself. In lower case. */
const reservedHeaders = new Set([
  'host', 'content-encoding', 'content-length', 'content-type', 'user-agent', 'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization',
  'www-authenticate', 'accept-encoding', 'x-prometheus-remote-write-version', 'x-prometheus-remote-read-version', 'x-amz-date', 'x-amz-security-token',
  'x-amz-content-sha256',
]);

function checkHeader(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (lower === 'authorization') return 'authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter';
  return reservedHeaders.has(lower) ? `${name} is a reserved header. It must not be changed` : undefined;
}

export const remoteWriteKeys = {
  url: optional(url, 'Where samples are sent.', { limit: 'required' }),
  name: key(text, '', 'Identity of the queue, in metrics and on pages; a queue without a name follows its place in this file.', { limit: 'unique' }),
  remote_timeout: key(duration, 30_000, 'Time that a request may take.', { unit: 'duration' }),
  protobuf_message: optional(protobufMessage, 'Message that is tried first; the receiver may make it the other one.', { defaultText: 'that of the profile' }),
  headers: key(mapOf(text, checkHeader), new Map<string, string>(), 'Further headers.'),
  write_relabel_configs: key(listOf(relabelBlock, 'empty or null relabeling rule in remote write config'), [], 'Rules for what is sent; a sample they drop is not sent here.'),
  send_exemplars: key(bool, false, 'Send exemplars.'),
  send_native_histograms: key(bool, false, 'Send histograms of `tributary.roce` as native ones instead of classic ones. Native histograms are not scraped yet; pushed ones are always sent.'),
  round_robin_dns: key(bool, false, 'Each new connection goes to a random one of the addresses of the name.'),
  sigv4: optional(sigv4Block, 'AWS signature.'),
  queue_config: key(queueConfigBlock, defaultBlock(queueConfigKeys), 'How requests are cut and repeated.'),
  metadata_config: key(block(metadataConfigKeys), defaultBlock(metadataConfigKeys), 'Sending of metadata.'),
  ...httpClientKeys,
  enable_http2: key(bool, false, 'Allow HTTP/2.', { noEffect: 'HTTP/1.1 is used' }),
};
export type RemoteWriteBlock = Block<typeof remoteWriteKeys>;

const absentAuth: Readonly<Record<string, string>> = { azuread: 'azuread', google_iam: 'google_iam' };

export const remoteWriteBlock = block(remoteWriteKeys, {
  check: checkRemoteWrite,
  refused: (name) => (Object.hasOwn(absentAuth, name) ? `${name} is not supported yet, expected one of basic_auth, authorization, oauth2, sigv4` : undefined),
});

function checkRemoteWrite(at: RemoteWriteBlock): void {
  const { values } = at;
  if (values.url === undefined && !at.bad.has('url')) fail(at, 'url', 'url for remote_write is empty, expected a URL');
  const parts = urlParts(values.url ?? '');
  if (values.url !== undefined && (!/^https?$/.test(parts.scheme) || parts.host === '')) {
    remark(at, 'url', 'warning', 'the URL has no http or https address: nothing can be sent to it');
  }
  if (values.sigv4 !== undefined) checkSingleAuth(at);
  checkQueueConfig(values.queue_config);
  checkHttpClient(at);
}

function checkSingleAuth(at: RemoteWriteBlock): void {
  const { values } = at;
  const bearer = filled(values.bearer_token) ?? filled(values.bearer_token_file);
  const configured: string[] = [];
  if (values.basic_auth !== undefined) configured.push('basic_auth');
  if (values.authorization !== undefined || bearer !== undefined) configured.push('authorization');
  if (values.oauth2 !== undefined) configured.push('oauth2');
  if (configured.length === 0) return;
  const list = [...configured, 'sigv4'].join(' ');
  fail(at, 'sigv4', `at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured. Currently configured: [${list}]`);
}

/** A duration, or `auto`. */
const delay: Type<number | 'auto'> = {
  ...duration,
  name: 'duration or `auto`',
  print: (value) => (value === 'auto' ? value : duration.print(value)),
  read(node, path, context) {
    return node.kind === 'scalar' && node.text === 'auto' ? 'auto' : duration.read(node, path, context);
  },
};

const replicaLabelKeys = {
  name: key(text, '', 'Name of the label, such as `__replica__` for Mimir and Cortex.', { limit: 'required' }),
  value: key(text, '', 'Its value, different for each replica; `$NAME` and `${NAME}` are taken from the environment.', { limit: 'required' }),
};

const replicaLabelBlock = block(replicaLabelKeys, {
  check(at) {
    if (at.values.name === '' && !at.bad.has('name')) fail(at, 'name', 'name is empty, expected the name of a label');
    if (at.values.value === '' && !at.bad.has('value')) fail(at, 'value', 'value is empty, expected a value that differs between replicas, such as ${HOSTNAME}');
  },
});

export const destinationKeys = {
  owner: optional(text, 'The owner whose series `owner` in a route sends here; several destinations may have one owner.'),
  replica_label: optional(replicaLabelBlock, 'A label that every series gets for this destination alone, to tell the replicas of a pair apart. It is set after `write_relabel_configs`.'),
  profile: key(choice(profileNames, (value) => `unknown profile ${JSON.stringify(value)}`), 'auto', 'What is known about the receiver; `auto` finds it out.'),
  endpoints: key(listOf(url, 'empty or null endpoint'), [], 'Further URLs of the same storage, used in order while `url` cannot be reached; `url` is asked again after 1 to 10 minutes. One without a path takes path and query of `url`; credentials and TLS settings are those of the entry.', { limit: 'http or https' }),
  connection_max_age: key(duration, 300_000, 'A connection is given up at this age and its name resolved again.', { unit: 'duration', limit: '0 = never, else 1s or more' }),
  max_bytes: optional(size, 'Guaranteed quota of this destination in the queue.', { unit: 'bytes', limit: 'the sum fits tributary.queue.max_bytes', defaultText: 'an even share' }),
  overflow: key(choice(['drop_oldest', 'drop_newest', 'block'] as const, (value) => `unknown overflow policy ${JSON.stringify(value)}`), 'drop_oldest', 'What happens at the quota: `drop_oldest` and `drop_newest` drop and count, `block` stops scraping.'),
  priority: key(int, 0, 'When free space is short, destinations of lower priority give up their oldest data first.'),
  max_age: key(duration, 0, 'Samples older than this are dropped and counted instead of sent.', { unit: 'duration', defaultText: 'no limit' }),
  lanes: key(choice(['auto', 'live_first', 'oldest_first'] as const, (value) => `unknown lanes ${JSON.stringify(value)}`), 'auto', 'After an outage: `live_first` sends fresh samples before the backlog, `oldest_first` keeps the order; `auto` is live_first where the receiver takes any order.'),
  out_of_order_window: key(duration, 0, 'How far behind its newest sample the receiver takes older ones.', { unit: 'duration' }),
  backfill_share: key(float, 0.05, 'Share of the pace that the backlog gets even when live data needs all of it.', { limit: '0.01 to 1' }),
  backfill_start_jitter: key(duration, 300_000, 'After a long outage the backlog begins within a twelfth of it, at random and at most after this time: many collectors come back at once.', { unit: 'duration', limit: '0 to 1h' }),
  pace: key(paceBlock, defaultBlock(paceKeys), 'Ceilings of the rate; what is not written is learned from the receiver.'),
  max_concurrency: key(int, 8, 'Most requests under way at a time; only receivers that take any order get more than one.', { limit: '1 to 64' }),
  clock_guard: key(bool, true, 'Hold samples back that lie more than 2 minutes ahead of the receiver\'s clock, until their time has come.'),
  max_delay: key(delay, 1000, 'How long the live lane waits for more samples; longer saves bytes and never risks data. `auto` begins with 1s and lengthens while the link is too thin.', { unit: 'duration', limit: '0 to 10m' }),
};
export type DestinationBlock = Block<typeof destinationKeys>;

const maxDelayMsMax = 600_000;

export const destinationsMap = mapOf(block(destinationKeys, { nullIsDefault: true, check: checkDestination }));

function checkDestination(at: DestinationBlock): void {
  checkLimits(at);
  checkEndpoints(at, at.values.endpoints);
  checkLanes(at);
}

/** The keys of a destination that are a matter of this collector alone: what it may use, and how it delivers. */
export const limitKeys = pick(destinationKeys, [
  'connection_max_age', 'max_bytes', 'overflow', 'priority', 'max_age', 'backfill_share', 'backfill_start_jitter', 'pace', 'max_concurrency', 'clock_guard', 'max_delay',
]);
export type LimitsBlock = Block<typeof limitKeys>;

function pick<K extends Keys, N extends keyof K & string>(keys: K, names: readonly N[]): Pick<K, N> {
  return Object.fromEntries(names.map((name) => [name, keys[name]])) as Pick<K, N>;
}

/** Checks the keys of `limitKeys`. */
export function checkLimits(at: LimitsBlock): void {
  const { values } = at;
  const range = (name: 'connection_max_age' | 'backfill_start_jitter' | 'backfill_share' | 'max_concurrency', fits: (value: number) => boolean, expected: string) => {
    if (!fits(values[name])) fail(at, name, `${name} is out of range, expected ${expected}`);
  };
  if (values.max_delay !== 'auto' && values.max_delay > maxDelayMsMax) fail(at, 'max_delay', 'max_delay is out of range, expected 0 to 10m');
  if (values.max_bytes !== undefined && values.max_bytes < SEGMENT_BYTES_MIN) {
    fail(at, 'max_bytes', `max_bytes is ${printSize(values.max_bytes)}, expected at least the smallest segment, ${printSize(SEGMENT_BYTES_MIN)}`);
  }
  range('connection_max_age', (ms) => ms === 0 || ms >= 1000, '0 or 1s and more');
  range('backfill_start_jitter', (ms) => ms <= 3_600_000, '0 to 1h');
  range('backfill_share', (share) => share >= 0.01 && share <= 1, '0.01 to 1');
  range('max_concurrency', (count) => count >= 1 && count <= 64, '1 to 64');
}

export function checkEndpoints(at: AnyBlock, endpoints: readonly string[]): void {
  endpoints.forEach((endpoint, i) => {
    const { scheme, host } = urlParts(endpoint);
    if (!/^https?$/.test(scheme) || host === '') fail(at, 'endpoints', `endpoint ${i + 1} has no http or https address, expected a URL as in remote_write`);
  });
}

type LanesBlock = Omit<DestinationBlock, 'values'> & { readonly values: Pick<DestinationBlock['values'], 'lanes' | 'profile' | 'out_of_order_window'> };

/** Where the receiver is known not to take old samples after new ones, the backlog would be refused. */
export function checkLanes(at: LanesBlock): void {
  const { lanes, profile, out_of_order_window: windowMs } = at.values;
  if (lanes !== 'live_first' || profile === 'auto' || windowMs > 0 || findProfile(profile, '').anyOrder) return;
  fail(at, 'lanes', `live_first does not go with profile ${profile}, which refuses older samples after newer ones, expected oldest_first or an out_of_order_window`);
}

/** The settings of one remote_write entry and its block under tributary.destinations. */
export function buildDestination(entry: RemoteWriteBlock, own: DestinationBlock | undefined): DestinationSettings {
  const { values } = entry;
  const http = buildHttpClient(values);
  const headers = [...values.headers].map(([name, value]) => ({ name, values: [value], secrets: [], files: [] }));
  return compact({
    name: filled(values.name),
    url: values.url ?? '',
    remoteTimeoutMs: values.remote_timeout,
    protobufMessage: values.protobuf_message === '' ? undefined : values.protobuf_message,
    writeRelabel: values.write_relabel_configs.map(buildRelabel),
    sendExemplars: values.send_exemplars,
    sendNativeHistograms: values.send_native_histograms,
    roundRobinDns: values.round_robin_dns,
    http: compact({ ...http, sigv4: values.sigv4 === undefined ? undefined : buildSigv4(values.sigv4.values), headers: [...http.headers, ...headers] }),
    queue: buildQueueConfig(values.queue_config),
    metadata: {
      send: values.metadata_config.values.send,
      // As with other times and limits 0 is the default: a set cannot be sent all the time, nor in requests that hold nothing.
      sendIntervalMs: positive(values.metadata_config.values.send_interval, metadataConfigKeys.send_interval.default),
      maxSamplesPerSend: positive(values.metadata_config.values.max_samples_per_send, metadataConfigKeys.max_samples_per_send.default),
    },
    profile: own?.values.profile ?? 'auto',
    owner: filled(own?.values.owner),
    replicaLabel: own?.values.replica_label?.values,
    maxBytes: own?.values.max_bytes,
    endpoints: own?.values.endpoints ?? [],
    connectionMaxAgeMs: own?.values.connection_max_age ?? destinationKeys.connection_max_age.default,
    overflow: own?.values.overflow ?? 'drop_oldest',
    priority: own?.values.priority ?? 0,
    maxAgeMs: own?.values.max_age ?? 0,
    lanes: own?.values.lanes ?? 'auto',
    outOfOrderWindowMs: own?.values.out_of_order_window ?? 0,
    backfill: {
      share: own?.values.backfill_share ?? destinationKeys.backfill_share.default,
      startJitterMs: own?.values.backfill_start_jitter ?? destinationKeys.backfill_start_jitter.default,
    },
    pace: buildPace(own?.values.pace.values),
    maxConcurrency: own?.values.max_concurrency ?? destinationKeys.max_concurrency.default,
    clockGuard: own?.values.clock_guard ?? true,
    ...buildDelay(own?.values.max_delay ?? 1000),
  });
}

function buildDelay(written: number | 'auto'): { maxDelayMs: number; maxDelayAuto: boolean } {
  return written === 'auto' ? { maxDelayMs: 1000, maxDelayAuto: true } : { maxDelayMs: written, maxDelayAuto: false };
}

function positive(value: number, otherwise: number): number {
  return value > 0 ? value : otherwise;
}

function buildSigv4(values: Values<typeof sigv4Keys>): Sigv4Settings {
  return compact({
    region: filled(values.region),
    accessKey: filled(values.access_key),
    secretKey: filled(values.secret_key),
    profile: filled(values.profile),
    roleArn: filled(values.role_arn),
    externalId: filled(values.external_id),
    useFipsStsEndpoint: values.use_fips_sts_endpoint,
  });
}

function buildQueueConfig({ values, explicit }: Block<typeof queueConfigKeys>): DestinationSettings['queue'] {
  return compact({
    maxSamplesPerSend: explicit.has('max_samples_per_send') ? values.max_samples_per_send : undefined,
    batchSendDeadlineMs: explicit.has('batch_send_deadline') ? values.batch_send_deadline : undefined,
    minBackoffMs: values.min_backoff,
    maxBackoffMs: values.max_backoff,
    sampleAgeLimitMs: values.sample_age_limit,
  });
}
