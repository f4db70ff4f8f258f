// What is known about a kind of receiver before it has answered anything: which messages and codecs to try, what its 400 means, whether it takes
// samples in any order, and how much at once. A profile is configured by name, or found from the URL's path and the answers.
// Source: the receivers' own write paths and handlers.

import type { ProfileName } from './config.ts';

export type Codec = 'zstd' | 'snappy';

/** Remote write 1.0 is `prometheus.WriteRequest`, 2.0 is `io.prometheus.write.v2.Request`. */
export type Message = '1.0' | '2.0';

/**
 * What 400 on a readable body means.
 * `partial`: the good part was stored (Cortex, Mimir, M3, InfluxDB), so nothing may be sent again.
 * `rollback`: nothing was stored because of some series in it (Prometheus with remote write 1.0; VictoriaMetrics for what it cannot read or
 * finds too large), so the rest goes in smaller requests.
 */
export type BadRequestMeaning = 'partial' | 'rollback';

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
}

/** A TSDB that has a window for old samples of an hour behind its newest one. Source: Prometheus, Mimir, Cortex, Thanos: head min valid time. */
const HEAD_FLOOR_MS = 3_600_000;

const tsdb = { codecs: ['snappy'], anyOrder: false, floorMs: HEAD_FLOOR_MS, itemsPerBody: 2000, itemsPerSecond: undefined } as const;
const anyOrder = { messages: ['1.0'], codecs: ['snappy'], anyOrder: true, floorMs: undefined, itemsPerSecond: undefined } as const;

/** VictoriaMetrics and vmagent: bodies are bounded by bytes, items do not matter. */
export const victoriametrics: Profile = { ...anyOrder, name: 'victoriametrics', codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: undefined };
/** With 1.0 one bad sample rolls the request back. */
export const prometheus: Profile = { ...tsdb, name: 'prometheus', messages: ['2.0', '1.0'], badRequest: 'rollback' };
export const mimir: Profile = { ...tsdb, name: 'mimir', messages: ['2.0', '1.0'], badRequest: 'partial' };
export const cortex: Profile = { ...tsdb, name: 'cortex', messages: ['1.0'], badRequest: 'partial' };
export const thanos: Profile = { ...tsdb, name: 'thanos', messages: ['2.0', '1.0'], badRequest: 'partial' };
export const m3: Profile = { ...tsdb, name: 'm3', messages: ['1.0'], badRequest: 'partial', floorMs: undefined };
export const promscale: Profile = { ...anyOrder, name: 'promscale', badRequest: 'partial', itemsPerBody: 2000 };
export const influxdb1: Profile = { ...anyOrder, name: 'influxdb1', badRequest: 'partial', itemsPerBody: 5000 };
export const greptimedb: Profile = { ...anyOrder, name: 'greptimedb', messages: ['2.0', '1.0'], codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: 5000 };
export const telegraf: Profile = { ...anyOrder, name: 'telegraf', badRequest: 'rollback', itemsPerBody: 2000 };
/** Anything else: 8,000 items stay below a quarter of the usual burst limits (50,000 at Cortex) and below 10,000 series a request. */
export const generic: Profile = { ...tsdb, name: 'generic', messages: ['1.0'], badRequest: 'partial', itemsPerBody: 8000 };

/**
 * A path that VictoriaMetrics and Prometheus share. zstd is tried first: Prometheus answers 400 or 415 and stores nothing, which proves that it is not
 * VictoriaMetrics (or one before zstd). Until then nothing of what differs is relied on.
 */
export const ambiguous: Profile = { ...prometheus, messages: ['1.0'], codecs: ['zstd', 'snappy'], itemsPerBody: undefined };

export const PROFILES: Readonly<Record<Exclude<ProfileName, 'auto'>, Profile>> = {
  victoriametrics, mimir, cortex, thanos, prometheus, m3, influxdb1, greptimedb, promscale, telegraf, generic,
};

const VM_CLUSTER_PATH = /\/insert\/[^/]+\//;
const SHARED_PATH = /\/api\/v1\/write\/?$/;

/** The profile of a destination. `auto` looks at the path: `/insert/...` is VictoriaMetrics, `.../api/v1/write` is one of two, the rest is generic. */
export function findProfile(name: ProfileName, url: string): Profile {
  if (name !== 'auto') return PROFILES[name];
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  if (VM_CLUSTER_PATH.test(path)) return victoriametrics;
  return SHARED_PATH.test(path) ? ambiguous : generic;
}

/** What an ambiguous path turns out to be once zstd was accepted. */
export function profileAfter(profile: Profile, acceptedCodec: Codec): Profile {
  return profile === ambiguous && acceptedCodec === 'zstd' ? victoriametrics : profile;
}
