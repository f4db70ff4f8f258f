// How much comes from whom: series, samples and bytes a second, by job, namespace and owner. A target's figures are those of its last scrape over the time since the one before, so
// that they hold for any interval; sums are made when somebody asks.
//
// Of a scrape only samples and bytes are counted. What of it belongs to a namespace or an owner follows from their series (shares.ts): each has one sample in a scrape that is
// accepted, and its part of the bytes.

import type { Share } from './shares.ts';
import type { JobMeter } from './volume-metrics.ts';

/** What a scrape handed on. */
export interface ScrapeVolume {
  readonly timestampMs: number;
  /** After metric rules, before routes and write rules; report series and staleness markers with them. */
  readonly samples: number;
  /** Records given to the queue, compressed, once per destination. */
  readonly bytes: number;
  /** It had a page whose samples count. */
  readonly accepted: boolean;
}

/** Of one target. */
export class TargetVolume {
  readonly job: string;
  readonly #meter: JobMeter;
  #intervalMs: number;
  #lastMs: number | undefined;
  samplesPerSecond = 0;
  bytesPerSecond = 0;
  /** Samples a second of each of its series. */
  scrapesPerSecond = 0;

  /** `intervalMs`: between scrapes, until it is seen. */
  constructor(job: string, intervalMs: number, meter: JobMeter) {
    this.job = job;
    this.#intervalMs = intervalMs;
    this.#meter = meter;
  }

  note({ timestampMs, samples, bytes, accepted }: ScrapeVolume): void {
    const sinceMs = timestampMs - (this.#lastMs ?? -Infinity);
    if (sinceMs > 0 && sinceMs < Infinity) this.#intervalMs = sinceMs;
    this.#lastMs = timestampMs;
    const perSecond = 1000 / this.#intervalMs;
    this.samplesPerSecond = samples * perSecond;
    this.bytesPerSecond = bytes * perSecond;
    this.scrapesPerSecond = accepted ? perSecond : 0;
    this.#meter.count(samples, bytes);
  }
}

export interface MeasuredTarget {
  readonly volume: TargetVolume;
  /** All its series, each in one of these. */
  shares(): readonly Share[];
}

export interface VolumeRow {
  /** Job, namespace or owner; '' for series about no namespace, and of nobody. */
  readonly name: string;
  /** That have such series. */
  readonly targets: number;
  /** Known from pages, without those that metric rules drop and without report series. */
  readonly series: number;
  readonly samplesPerSecond: number;
  readonly bytesPerSecond: number;
}

/** The largest first. */
export interface VolumeState {
  readonly jobs: readonly VolumeRow[];
  readonly namespaces: readonly VolumeRow[];
  readonly owners: readonly VolumeRow[];
}

export function sumVolumes(targets: Iterable<MeasuredTarget>): VolumeState {
  const jobs = new Sums();
  const namespaces = new Sums();
  const owners = new Sums();
  for (const target of targets) {
    const { volume } = target;
    const shares = target.shares();
    const series = shares.reduce((sum, share) => sum + share.series, 0);
    jobs.add(volume.job, target, { series, samplesPerSecond: volume.samplesPerSecond, bytesPerSecond: volume.bytesPerSecond });
    for (const share of shares) {
      const part = { series: share.series, samplesPerSecond: share.series * volume.scrapesPerSecond, bytesPerSecond: (volume.bytesPerSecond * share.series) / series };
      namespaces.add(share.namespace, target, part);
      owners.add(share.owner, target, part);
    }
  }
  return { jobs: jobs.rows(), namespaces: namespaces.rows(), owners: owners.rows() };
}

type Amount = Omit<VolumeRow, 'name' | 'targets'>;

interface Sum {
  readonly row: { -readonly [Key in keyof VolumeRow]: VolumeRow[Key] };
  /** Counted last: a target may add several times, one after the other. */
  last: MeasuredTarget | undefined;
}

class Sums {
  readonly #sums = new Map<string, Sum>();

  add(name: string, target: MeasuredTarget, { series, samplesPerSecond, bytesPerSecond }: Amount): void {
    let sum = this.#sums.get(name);
    if (sum === undefined) this.#sums.set(name, (sum = { row: { name, targets: 0, series: 0, samplesPerSecond: 0, bytesPerSecond: 0 }, last: undefined }));
    const { row } = sum;
    if (sum.last !== target) row.targets++;
    sum.last = target;
    row.series += series;
    row.samplesPerSecond += samplesPerSecond;
    row.bytesPerSecond += bytesPerSecond;
  }

  rows(): VolumeRow[] {
    const rows = [...this.#sums.values()].map(({ row }) => row);
    return rows.sort((a, b) => b.samplesPerSecond - a.samplesPerSecond || b.series - a.series || (a.name < b.name ? -1 : 1));
  }
}
