// What is known about a kind of receiver before it has answered anything: which messages and codecs to try, what its 400 means, whether it takes
// samples in any order, and how much at once. A profile is configured by name, or found from the URL's path and the answers.
// Source: the receivers' own write paths and handlers.

import type { ProfileName } from './config.ts';

export type Codec = 'zstd' | 'snappy';

/** Remote write 1.0 is `prometheus.WriteRequest`, 2.0 is `io.prometheus.write.v2.Request`. */
export type Message = '1.0' | '2.0';

/** A message in a codec: what a request is written in. */
export interface Protocol {
  readonly message: Message;
  readonly codec: Codec;
}

/**
 * What 400 on a readable body means.
 * `partial`: the good part was stored (Cortex, Mimir, Thanos, M3, InfluxDB), so nothing may be sent again.
 * `rollback`: nothing was stored because of some series in it (Prometheus with remote write 1.0; VictoriaMetrics for what it cannot read or
 * finds too large), so the rest goes in smaller requests.
 * `unknown`: nobody knows; the body is given up whole and not sent again.
 */
export type BadRequestMeaning = 'partial' | 'rollback' | 'unknown';

export interface Profile {
  readonly name: Exclude<ProfileName, 'auto'>;
  /** In order of preference; those after the first are fallbacks. `protobuf_message` of the entry wins. */
  readonly messages: readonly Message[];
  /** In order of preference. */
  readonly codecs: readonly Codec[];
  readonly badRequest: BadRequestMeaning;
  /** Samples of a series may come in any order and be of any age: live data may go first, and several requests at once. */
  readonly anyOrder: boolean;
  /**
   * Samples older than the newest one of the tenant by this much are refused, also within a request; undefined where nothing is. Milliseconds. A batch spans at most half of it.
   */
  readonly floorMs: number | undefined;
  /** Items (samples, exemplars, metadata) in one body; undefined where only bytes count. */
  readonly itemsPerBody: number | undefined;
  /** Items a second to begin with; undefined for as fast as it goes. */
  readonly itemsPerSecond: number | undefined;
  /** Body before compression that the receiver refuses as too large, by default and with 400; undefined where it says 413 or has no such limit. */
  readonly bodyBytesMax: number | undefined;
}

/** A TSDB that has a window for old samples of an hour behind its newest one. Source: Prometheus, Mimir, Cortex, Thanos: head min valid time. */
const HEAD_FLOOR_MS = 3_600_000;

const MEBIBYTE = 1024 ** 2;

const common = { messages: ['1.0'], codecs: ['snappy'], itemsPerSecond: undefined, bodyBytesMax: undefined } as const;
const tsdb = { ...common, anyOrder: false, floorMs: HEAD_FLOOR_MS, itemsPerBody: 2000 } as const;
const anyOrder = { ...common, anyOrder: true, floorMs: undefined } as const;

/** VictoriaMetrics and vmagent: bodies are bounded by bytes, items do not matter. Does not look at the type of the message. */
export const victoriametrics: Profile = {
  ...anyOrder, name: 'victoriametrics', codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: undefined, bodyBytesMax: 32 * MEBIBYTE,
};
/** With 1.0 one bad sample rolls the request back. */
export const prometheus: Profile = { ...tsdb, name: 'prometheus', messages: ['2.0', '1.0'], badRequest: 'rollback', bodyBytesMax: 32 * MEBIBYTE };
/** Its own default is 10,000 items a second; 429 should stay rare before it is known. */
export const mimir: Profile = { ...tsdb, name: 'mimir', messages: ['2.0', '1.0'], badRequest: 'partial', itemsPerSecond: 9000, bodyBytesMax: 100 * MEBIBYTE };
/** Its own default is 25,000 items a second. 2.0 is off unless somebody switched it on. */
export const cortex: Profile = { ...tsdb, name: 'cortex', badRequest: 'partial', itemsPerSecond: 20_000, bodyBytesMax: 100 * MEBIBYTE };
export const thanos: Profile = { ...tsdb, name: 'thanos', messages: ['2.0', '1.0'], badRequest: 'partial' };
export const m3: Profile = { ...tsdb, name: 'm3', badRequest: 'partial', floorMs: undefined };
/** 400 is about the version header or the body as a whole. */
export const promscale: Profile = { ...anyOrder, name: 'promscale', badRequest: 'rollback', itemsPerBody: 2000 };
export const influxdb1: Profile = { ...anyOrder, name: 'influxdb1', badRequest: 'partial', itemsPerBody: 5000 };
export const greptimedb: Profile = { ...anyOrder, name: 'greptimedb', messages: ['2.0', '1.0'], codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: 5000 };
export const telegraf: Profile = { ...anyOrder, name: 'telegraf', badRequest: 'rollback', itemsPerBody: 2000 };
/** Anything else: 8,000 items stay below a quarter of the usual burst limits (50,000 at Cortex) and below 10,000 series a request. */
export const generic: Profile = { ...tsdb, name: 'generic', badRequest: 'unknown', itemsPerBody: 8000 };

/**
 * A path that VictoriaMetrics and Prometheus share. zstd is tried first: Prometheus answers 400 or 415 and stores nothing, which proves that it is not
 * VictoriaMetrics (or one before zstd). Until then nothing of what differs is relied on.
 */
export const ambiguous: Profile = { ...prometheus, messages: ['1.0'], codecs: ['zstd', 'snappy'], itemsPerBody: undefined };
/** Promscale's path is so plain that others have it, too: order is kept. */
const plainPath: Profile = { ...promscale, anyOrder: false };

export const PROFILES: Readonly<Record<Exclude<ProfileName, 'auto'>, Profile>> = {
  victoriametrics, mimir, cortex, thanos, prometheus, m3, influxdb1, greptimedb, promscale, telegraf, generic,
};

/**
 * Paths of the receivers; the first that fits decides. `/push` is that of Mimir and Cortex, and an alias at VictoriaMetrics: the strictest of
 * the three is assumed.
 */
const PATHS: readonly { readonly path: RegExp; readonly profile: Profile }[] = [
  { path: /\/insert\/[^/]+\//, profile: victoriametrics },
  { path: /\/api\/v1\/prom\/remote\/write\/?$/, profile: m3 },
  { path: /\/api\/v1\/prom\/write\/?$/, profile: influxdb1 },
  { path: /\/api\/v1\/receive\/?$/, profile: thanos },
  { path: /\/api\/(?:v1|prom)\/push\/?$/, profile: mimir },
  { path: /\/api\/v1\/write\/?$/, profile: ambiguous },
  { path: /\/v1\/prometheus\/write\/?$/, profile: greptimedb },
  { path: /^\/telegraf\/?$/, profile: telegraf },
  { path: /^\/write\/?$/, profile: plainPath },
];

/** The profile of a destination. `auto` looks at the path; what it does not know is generic. */
export function findProfile(name: ProfileName, url: string): Profile {
  if (name !== 'auto') return PROFILES[name];
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  return PATHS.find((row) => row.path.test(path))?.profile ?? generic;
}

/** What an ambiguous path turns out to be once zstd was accepted. */
export function profileAfter(profile: Profile, acceptedCodec: Codec): Profile {
  return profile === ambiguous && acceptedCodec === 'zstd' ? victoriametrics : profile;
}

/**
 * What to try, in order. An explicit message (`protobuf_message`) comes first, and 1.0 is always the last resort. 2.0 goes in snappy, as its
 * specification says, but for receivers that are known to take it in another codec.
 */
export function protocolsOf(profile: Profile, explicit?: Message): readonly Protocol[] {
  const messages = new Set<Message>([...(explicit === undefined ? [] : [explicit]), ...profile.messages, '1.0']);
  const codec2: Codec = profile.messages.includes('2.0') ? profile.codecs[0]! : 'snappy';
  return [...messages].flatMap((message) => (message === '2.0' ? [codec2] : profile.codecs).map((codec) => ({ message, codec })));
}
