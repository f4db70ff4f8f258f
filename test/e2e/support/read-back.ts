// What a storage holds, told so that two collectors can be compared although they scraped at different moments: a sample's time becomes the number
// of the scrape it belongs to, or for samples that bring their own time the distance from a common origin.

import { STALE_BITS, valueBits } from '../../support/write-request.ts';
import type { ReceivedSample } from '../../support/receiver.ts';

export interface StoredSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Bits of the double, 16 hexadecimal digits. */
  readonly value: string;
  readonly timestampMs: number;
}

/** Job to series to its samples in order, each as `#<scrape>=<value>` or `@<ms>=<value>`. */
export type Told = Map<string, Map<string, string[]>>;

export interface TellOptions {
  /** Origin of the samples' own times. */
  readonly baseMs: number;
  /** Scrapes of a job to look at; undefined for as many as there are. */
  readonly scrapes: (job: string) => number | undefined;
  /** Jobs whose life has a length that is no rule: runs of equal values count once. */
  readonly isCollapsed: (job: string) => boolean;
  /** Whether the store keeps decimals of about 15 digits, as VictoriaMetrics does. */
  readonly isRounded: boolean;
}

/** The external label; no exporter here has one of that name, since it would win. */
const collectorLabel = 'scraped_by';
/** How far ahead pages date their samples at most, seconds. */
const futureSeconds = 300;
/** What every scraped NaN becomes. */
export const ordinaryNanBits = '7ff8000000000001';

export function tell(samples: readonly StoredSample[], collector: string, options: TellOptions): Told {
  const own = samples.filter(({ labels }) => labels[collectorLabel] === collector);
  const scrapeTimes = findScrapeTimes(own);
  const told: Told = new Map();
  const seen = new Set<string>();
  for (const { labels, value, timestampMs } of own) {
    const job = labels['job'] ?? '';
    const times = scrapeTimes.get(`${job} ${labels['instance']}`) ?? scrapeTimes.get(job) ?? [];
    const number = times.indexOf(timestampMs);
    const limit = options.scrapes(job) ?? Infinity;
    if (number >= limit || (number === -1 && timestampMs < options.baseMs && timestampMs > (times[limit] ?? Infinity))) continue;
    // An agent may send several samples of one series with one time (3.x: of different texts); the first is what storages keep.
    const identity = `${seriesText(labels)} ${timestampMs}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    const text = labels['__name__'] === 'scrape_duration_seconds' && value !== STALE_BITS ? 'present' : valueText(value, options.isRounded);
    const at = number === -1 ? `@${timestampMs - options.baseMs}` : `#${number}`;
    add(told, job, seriesText(labels), options.isCollapsed(job) ? text : `${at}=${text}`, options.isCollapsed(job));
  }
  return told;
}

function add(told: Told, job: string, series: string, text: string, isCollapsed: boolean): void {
  let ofJob = told.get(job);
  if (ofJob === undefined) told.set(job, (ofJob = new Map<string, string[]>()));
  const values = ofJob.get(series);
  if (values === undefined) ofJob.set(series, [text]);
  else if (!isCollapsed || values.at(-1) !== text) values.push(text);
}

/** Times of `up` by job and instance, and by job alone where it has one target. */
function findScrapeTimes(samples: readonly StoredSample[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { labels, value, timestampMs } of samples) {
    // An exporter may bring an `up` of its own, with more labels.
    if (labels['__name__'] !== 'up' || value === STALE_BITS || 'z' in labels) continue;
    for (const key of [labels['job'] ?? '', `${labels['job']} ${labels['instance']}`]) {
      const known = times.get(key);
      if (known === undefined) times.set(key, [timestampMs]);
      else known.push(timestampMs);
    }
  }
  for (const list of times.values()) list.sort((a, b) => a - b);
  return times;
}

/** Without the label that tells the collectors apart. */
export function seriesText(labels: Readonly<Record<string, string>>): string {
  const rest = Object.entries(labels).filter(([name]) => name !== '__name__' && name !== collectorLabel);
  const pairs = rest.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${labels['__name__']}{${pairs.join(',')}}`;
}

function valueText(bits: string, isRounded: boolean): string {
  if (bits === STALE_BITS) return 'stale';
  if (bits.length !== 16) return bits;
  const number = Buffer.from(bits, 'hex').readDoubleBE();
  if (Number.isNaN(number)) return `NaN:${bits}`;
  // The encoder of Prometheus leaves every zero out, and with it the sign: `-0` and `0` say the same.
  return isRounded && Number.isFinite(number) ? number.toPrecision(13) : String(number);
}

export function fromReceiver(samples: readonly ReceivedSample[]): StoredSample[] {
  return [...samples];
}

/** Everything in a VictoriaMetrics, by its export. It keeps staleness markers and no other NaN, and exports them as a bare NaN or as null. */
export async function exportVictoriaMetrics(address: string): Promise<StoredSample[]> {
  await fetch(`http://${address}/internal/force_flush`);
  const query = new URLSearchParams({ 'match[]': '{scraped_by!=""}', end: String(Math.ceil(Date.now() / 1000) + futureSeconds) });
  const response = await fetch(`http://${address}/api/v1/export?${query.toString()}`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  const samples = lines.flatMap((line) => {
    const { metric, values, timestamps } = JSON.parse(line.replace(/(?<=[[,])(?:NaN|[+-]Inf)(?=[,\]])/g, '"$&"')) as { metric: Record<string, string>; values: readonly (number | string | null)[]; timestamps: readonly number[] };
    return values.map((value, i) => ({ labels: metric, value: storedBits(value, STALE_BITS), timestampMs: timestamps[i]! }));
  });
  // A series may come in several lines, in any order.
  return samples.sort((a, b) => a.timestampMs - b.timestampMs);
}

/** `nanBits`: what a NaN in the answer stands for. */
function storedBits(value: number | string | null, nanBits: string): string {
  if (value === null || value === 'NaN') return nanBits;
  if (typeof value === 'number') return valueBits(value);
  if (value.endsWith('Inf')) return valueBits(value.startsWith('-') ? -Infinity : Infinity);
  return valueBits(Number(value));
}

/** Raw samples of a Prometheus server, by an instant query of a range. It keeps staleness markers to itself. */
export async function queryPrometheus(address: string): Promise<StoredSample[]> {
  const query = new URLSearchParams({ query: '{scraped_by!=""}[1h]', time: String(Math.ceil(Date.now() / 1000) + futureSeconds) });
  const response = await fetch(`http://${address}/api/v1/query?${query.toString()}`);
  const { data } = (await response.json()) as { data: { result: readonly { metric: Record<string, string>; values: readonly (readonly [number, string])[] }[] } };
  return data.result.flatMap(({ metric, values }) =>
    values.map(([seconds, value]) => ({ labels: metric, value: storedBits(value, ordinaryNanBits), timestampMs: Math.round(seconds * 1000) })),
  );
}
