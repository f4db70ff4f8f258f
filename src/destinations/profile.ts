// What is known about a kind of receiver before it has answered anything: which codecs to try, and what its 400 means. A profile
// is configured by name, or found from the URL's path. Source: the receivers' own write paths and handlers.

import type { ProfileName } from './config.ts';

export type Codec = 'zstd' | 'snappy';

/**
 * What 400 on a snappy body means.
 * `partial`: the good part was stored (Cortex, Mimir, M3, InfluxDB), so nothing may be sent again.
 * `rollback`: nothing was stored because of some series in it (Prometheus with remote write 1.0; VictoriaMetrics for what it cannot read or
 * finds too large), so the rest goes in smaller requests.
 */
export type BadRequestMeaning = 'partial' | 'rollback';

export interface Profile {
  readonly name: 'victoriametrics' | 'prometheus' | 'generic';
  /** In order of preference. */
  readonly codecs: readonly Codec[];
  readonly badRequest: BadRequestMeaning;
  /** Items in one body; undefined where only bytes count. */
  readonly itemsPerBody: number | undefined;
}

/** VictoriaMetrics and vmagent: 8 MiB before compression is a quarter of their limit, items do not matter. */
export const victoriametrics: Profile = { name: 'victoriametrics', codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: undefined };

/**
 * A path that VictoriaMetrics and Prometheus share. zstd is tried first: Prometheus answers 400 or 415 and stores nothing, which proves that it is not
 * VictoriaMetrics (or one before zstd).
 */
export const prometheus: Profile = { name: 'prometheus', codecs: ['zstd', 'snappy'], badRequest: 'rollback', itemsPerBody: undefined };

/** Anything else. 8,000 items stay below a quarter of the usual burst limits (50,000 at Cortex) and below 10,000 series a request. */
export const generic: Profile = { name: 'generic', codecs: ['snappy'], badRequest: 'partial', itemsPerBody: 8000 };

const VM_CLUSTER_PATH = /\/insert\/[^/]+\//;
const SHARED_PATH = /\/api\/v1\/write\/?$/;

/** The profile of a destination. `auto` looks at the path: `/insert/...` is VictoriaMetrics, `.../api/v1/write` is one of two, the rest is generic. */
export function findProfile(name: ProfileName, url: string): Profile {
  if (name === 'victoriametrics') return victoriametrics;
  if (name === 'generic') return generic;
  const path = URL.canParse(url) ? new URL(url).pathname : '';
  if (VM_CLUSTER_PATH.test(path)) return victoriametrics;
  return SHARED_PATH.test(path) ? prometheus : generic;
}

/** What `prometheus`, found from an ambiguous path, turns out to be once zstd was accepted. */
export function profileAfter(profile: Profile, acceptedCodec: Codec): Profile {
  return profile === prometheus && acceptedCodec === 'zstd' ? victoriametrics : profile;
}
