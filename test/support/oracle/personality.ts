// How a receiver behaves: options of the oracle that go together in any combination, and the combinations that are known receivers.
// Source: the receivers' handlers, as of the versions that the profiles of the sender are about.

/** What happens to a request with bad samples. `rollback`: nothing is kept. The others keep the good part. */
export type OnBad =
  | { readonly status: 400; readonly keeps: 'nothing' }
  | { readonly status: 400 | 409; readonly keeps: 'good' }
  /** VictoriaMetrics: the bad ones are thrown away, and nobody is told. */
  | { readonly status: 'silent' };

/** When a TSDB takes a sample. Source: Prometheus, memSeries.appendable. */
export interface OrderRules {
  /** Samples so far behind the tenant's newest one are taken in any order. 0: none. */
  readonly windowMs: number;
  /** Older than the tenant's newest sample by more than this is out of bounds. Prometheus: half a block, an hour. */
  readonly floorMs: number;
  /** Further ahead of the receiver's clock than this is refused. */
  readonly futureMs: number;
}

export interface ItemRate {
  readonly perSecond: number;
  /** A request with more items than this can never succeed. */
  readonly burst: number;
  readonly retryAfter?: 'none' | 'seconds' | 'date';
  /** Doubled with every `Retry-Attempt` up to 96 s, as Mimir does it. Default 6. */
  readonly retryAfterSeconds?: number;
}

/** What goes wrong with one request, whatever is in it. `reset-after-commit` keeps the samples and answers nothing. */
export type Fault =
  | 'reset-before'
  | 'reset-after-commit'
  | { readonly status: number; readonly body?: string; readonly retryAfter?: string; readonly keeps?: boolean; readonly delayMs?: number }
  /** The usual answer, later. */
  | { readonly delayMs: number };

export interface FaultContext {
  readonly nowMs: number;
  /** Of this request, from 0. */
  readonly number: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly wireBytes: number;
}

export interface Personality {
  /** Undefined: samples of any age in any order. */
  readonly order?: OrderRules | undefined;
  /** Samples of these series are bad. `series` as `seriesKey` gives it. */
  readonly badSeries?: ((series: string) => boolean) | undefined;
  /** Default: 400 and the good part is kept. */
  readonly onBad?: OnBad | undefined;
  readonly itemRate?: ItemRate | undefined;
  /** New series above this many refuse the whole request with 429, however often it comes (Mimir, Thanos). */
  readonly seriesMax?: number | undefined;
  /** Bytes of the body as it comes, and once it is expanded. */
  readonly bodyBytesMax?: number | undefined;
  readonly rawBytesMax?: number | undefined;
  /** Default 413. VictoriaMetrics, Cortex: 400. */
  readonly tooLargeStatus?: 400 | 413 | undefined;
  /** Default both. Others are answered with `unknownCodecStatus` (default 415). */
  readonly codecs?: readonly ('zstd' | 'snappy')[] | undefined;
  readonly unknownCodecStatus?: 400 | 415 | undefined;
  /** Default both; 2.0 is answered with 415 where it is not among them. */
  readonly messages?: readonly ('1.0' | '2.0')[] | undefined;
  /** Does not look at the type: 2.0 is read as 1.0, is empty then, and gets a good answer without written counts (VictoriaMetrics, Telegraf). */
  readonly isBlindToMessage?: boolean | undefined;
  /** Default true: 2.0 is answered with the counts that were written. */
  readonly tellsWritten?: boolean | undefined;
  /** 202: another replica is the elected one, nothing is kept. */
  readonly deduplicates?: boolean | undefined;
  /** The `Authorization` header has to be this, or 401. */
  readonly authorization?: string | undefined;
  /** Its clock minus the one that is given; for `Date` and for `futureMs`. */
  readonly skewMs?: number | undefined;
  /** False leaves `Date` out. */
  readonly tellsDate?: boolean | undefined;
  /** Of every answer. */
  readonly delayMs?: number | undefined;
  /** Default 204. */
  readonly goodStatus?: 200 | 204 | undefined;
  /** Asked for each request before anything else. */
  readonly fault?: ((context: FaultContext) => Fault | undefined) | undefined;
}

const HOUR_MS = 3_600_000;
const tenMinutesMs = 600_000;

/** Window 0, floor of an hour, 10 minutes of grace. */
export const TSDB_ORDER: OrderRules = { windowMs: 0, floorMs: HOUR_MS, futureMs: tenMinutesMs };

const partial: OnBad = { status: 400, keeps: 'good' };

/** Spread one of them and add what the case is about. */
export const personalities = {
  /** Rolls a 1.0 request back; with 2.0 the good part is kept, which the oracle knows. */
  prometheus: { order: TSDB_ORDER, onBad: { status: 400, keeps: 'nothing' }, codecs: ['snappy'], rawBytesMax: 32 * 1024 ** 2, tooLargeStatus: 400 },
  mimir: { order: TSDB_ORDER, onBad: partial, codecs: ['snappy'], unknownCodecStatus: 400, goodStatus: 200, rawBytesMax: 100 * 1024 ** 2, tooLargeStatus: 400 },
  cortex: { order: TSDB_ORDER, onBad: partial, codecs: ['snappy'], messages: ['1.0'], goodStatus: 200, rawBytesMax: 100 * 1024 ** 2, tooLargeStatus: 400 },
  thanos: { order: { ...TSDB_ORDER, futureMs: Infinity }, onBad: { status: 409, keeps: 'good' }, codecs: ['snappy'], unknownCodecStatus: 400, goodStatus: 200 },
  victoriametrics: { onBad: { status: 'silent' }, isBlindToMessage: true, rawBytesMax: 32 * 1024 ** 2, tooLargeStatus: 400 },
  telegraf: { isBlindToMessage: true, codecs: ['snappy'], rawBytesMax: 500 * 1024 ** 2 },
  generic: {},
} as const satisfies Record<string, Personality>;
