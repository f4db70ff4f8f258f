// The verdict on one collector, from what its receivers hold: the labels of every sample say whose it is, its value says on which page it was. Nothing may be
// where the reference does not have it, nothing may be missing, health series go where the target's series go, and a series that leaves a master is marked there.

import { STALE_BITS } from '../../support/write-request.ts';
import type { Version } from './member-cluster.ts';
import type { Line, Page } from './member-exporters.ts';
import { destinationsOf, hasDestination, isUnowned, versionsAt, type Rules } from './owner-reference.ts';
import { seriesText, type StoredSample } from './read-back.ts';

export interface Evidence {
  readonly rules: Rules;
  readonly versions: readonly Version[];
  /** Of this collector, in the order in which they were served. */
  readonly pages: readonly Page[];
  /** By destination. */
  readonly held: ReadonlyMap<string, readonly StoredSample[]>;
  readonly intervalMs: number;
  /** A page that need not have been taken: its scrape may have been cut off. */
  readonly isOptional: (page: Page) => boolean;
}

export interface Verdict {
  /** Samples at a receiver that the reference does not have there, health series included. */
  readonly leaks: readonly string[];
  /** Samples that nobody served, under other labels than they were served with, or with hidden labels. */
  readonly altered: readonly string[];
  readonly missing: readonly string[];
  /** Series that left a destination without a staleness marker there. */
  readonly unmarked: readonly string[];
  /** Samples whose owner had no destination, at least and at most: moments of change may be counted or not. */
  readonly unowned: { readonly least: number; readonly most: number };
  readonly figures: {
    readonly pages: number;
    /** On them. */
    readonly lines: number;
    /** For which exactly one answer was right: not near a change of their owner. */
    readonly exact: number;
    /** At receivers, copies to several counted each. */
    readonly samples: number;
  };
}

interface Answer {
  readonly allowed: ReadonlySet<string>;
  readonly required: readonly string[];
}

interface Found {
  readonly destination: string;
  readonly sample: StoredSample;
}

const isReport = (name: string) => name === 'up' || name.startsWith('scrape_');
const nothing = { namespace: '', pod: '' };

export function judge(evidence: Evidence): Verdict {
  return new Judgement(evidence).verdict();
}

class Judgement {
  readonly #evidence: Evidence;
  readonly #leaks: string[] = [];
  readonly #altered: string[] = [];
  readonly #missing: string[] = [];
  readonly #unmarked: string[] = [];
  /** By value: where it was served, and what arrived of it. */
  readonly #served = new Map<number, { readonly page: Page; readonly line: Line; readonly found: Found[] }>();
  /** By target and time of a scrape: where its health series are, by name. */
  readonly #health = new Map<string, Map<string, Map<string, number>>>();
  /** By destination and series: times of everything that is there, markers included. */
  readonly #times = new Map<string, Set<number>>();
  /** By job and instance: pages in order. */
  readonly #byTarget = new Map<string, Page[]>();
  #unownedLeast = 0;
  #unownedMost = 0;
  #exact = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    for (const page of evidence.pages) for (const line of page.lines) this.#served.set(line.value, { page, line, found: [] });
    for (const page of evidence.pages) this.#byTarget.set(targetKey(page), [...(this.#byTarget.get(targetKey(page)) ?? []), page]);
  }

  verdict(): Verdict {
    for (const [destination, samples] of this.#evidence.held) for (const sample of samples) this.#take(destination, sample);
    for (const pages of this.#byTarget.values()) this.#judgeTarget(pages);
    const samples = [...this.#served.values()].reduce((sum, { found }) => sum + found.length, 0);
    return {
      leaks: this.#leaks, altered: this.#altered, missing: this.#missing, unmarked: this.#unmarked,
      unowned: { least: this.#unownedLeast, most: this.#unownedMost },
      figures: { pages: this.#evidence.pages.length, lines: this.#served.size, exact: this.#exact, samples },
    };
  }

  #take(destination: string, sample: StoredSample): void {
    const { labels, value, timestampMs } = sample;
    const name = labels['__name__'] ?? '';
    this.#timesOf(destination, sample).add(timestampMs);
    const hidden = Object.keys(labels).filter((label) => label.startsWith('__') && label !== '__name__');
    if (hidden.length > 0) this.#altered.push(`${destination}: ${hidden.join()} was sent with ${seriesText(labels)}`);
    if (value === STALE_BITS) return;
    const number = Buffer.from(value, 'hex').readDoubleBE();
    if (isReport(name)) return this.#takeHealth(destination, sample, number);
    const served = this.#served.get(number);
    if (served === undefined || !isAsServed(served, labels)) return void this.#altered.push(`${destination}: ${seriesText(labels)} ${number}, served as ${JSON.stringify(served?.line)}`);
    served.found.push({ destination, sample });
  }

  #takeHealth(destination: string, { labels, timestampMs }: StoredSample, value: number): void {
    const key = `${labels['job']} ${labels['instance']} ${timestampMs}`;
    const where = this.#health.get(key) ?? new Map<string, Map<string, number>>();
    const values = where.get(destination) ?? new Map<string, number>();
    this.#health.set(key, where.set(destination, values.set(labels['__name__']!, value)));
  }

  #timesOf(destination: string, { labels }: StoredSample): Set<number> {
    const key = `${destination} ${seriesText(labels)}`;
    const times = this.#times.get(key) ?? new Set<number>();
    this.#times.set(key, times);
    return times;
  }

  /** The pages of one target, in order. */
  #judgeTarget(pages: readonly Page[]): void {
    const failed = this.#failedScrapes(pages[0]!);
    const lost = pages.filter((page) => !this.#isTaken(page) && !this.#evidence.isOptional(page));
    // A scrape that the collector itself calls failed is no loss in silence.
    if (lost.length > failed) this.#missing.push(`${lost.length} pages of ${targetKey(pages[0]!)}, with ${failed} failed scrapes`);
    let before: readonly Page[] = [];
    for (const page of pages) {
      if (!this.#isTaken(page)) {
        this.#doubtUnowned(page);
        continue;
      }
      for (const line of page.lines) this.#judgeLine(page, line);
      this.#judgeHealth(page, before);
      if (before.length > 0) this.#judgeMarkers(before[0]!, page);
      before = [page];
    }
    this.#judgeStrangers(pages);
  }

  #isTaken({ lines }: Page): boolean {
    return lines.some(({ value }) => this.#served.get(value)!.found.length > 0);
  }

  /** Time of the scrape: the first line has none of its own. */
  #timeOf({ lines }: Page): number | undefined {
    return this.#served.get(lines[0]!.value)!.found[0]?.sample.timestampMs;
  }

  #failedScrapes(page: Page): number {
    const prefix = `${targetKey(page)} `;
    return [...this.#health].filter(([key, where]) => key.startsWith(prefix) && [...where.values()].some((values) => values.get('up') === 0)).length;
  }

  #judgeLine(page: Page, line: Line): void {
    const { found } = this.#served.get(line.value)!;
    const { allowed, required } = this.#answer(page, line);
    const arrived = new Set(found.map(({ destination }) => destination));
    for (const one of arrived) if (!allowed.has(one)) this.#leaks.push(`${one} has ${textOf(page, line)}, expected at ${[...allowed].join()}`);
    for (const one of required) if (!arrived.has(one)) this.#missing.push(`${one} has no ${textOf(page, line)}`);
    if (required.length === allowed.size) this.#exact++;
  }

  #answer(page: Page, line: { readonly namespace: string; readonly pod: string }): Answer {
    const { rules, versions, intervalMs } = this.#evidence;
    const window = versionsAt(versions, rules.collector, page.servedMs, intervalMs);
    const answers = window.map((version) => destinationsOf(rules, version, page, line));
    if ('value' in line) this.#countUnowned(window, page, line);
    const required = answers[0]!.filter((one) => answers.every((answer) => answer.includes(one)));
    // A pod that exporters show before the API server does: its samples wait for it.
    const key = `${line.namespace}/${line.pod}`;
    const later = line.pod !== '' && !window.at(-1)!.newest.has(key) ? versions.find(({ newest }) => newest.has(key)) : undefined;
    return { allowed: new Set([...answers.flat(), ...(later === undefined ? [] : destinationsOf(rules, later, page, line))]), required };
  }

  #countUnowned(window: readonly Version[], page: Page, line: { readonly namespace: string; readonly pod: string }): void {
    const { rules } = this.#evidence;
    if (window.every((version) => isUnowned(rules, version, page, line))) this.#unownedLeast++;
    if (window.some((version) => isUnowned(rules, version, page, line))) this.#unownedMost++;
  }

  /** A page of which nothing arrived failed, or had nothing that anybody owns: then it was counted. */
  #doubtUnowned(page: Page): void {
    const { rules, versions, intervalMs } = this.#evidence;
    const window = versionsAt(versions, rules.collector, page.servedMs, intervalMs);
    for (const line of page.lines) if (window.some((version) => isUnowned(rules, version, page, line))) this.#unownedMost++;
  }

  /** `before`: what the page before had says where the target was known when this one was handed on. */
  #judgeHealth(page: Page, before: readonly Page[]): void {
    const timeMs = this.#timeOf(page);
    if (timeMs === undefined) return;
    const where = this.#health.get(`${targetKey(page)} ${timeMs}`) ?? new Map<string, Map<string, number>>();
    const required = new Set(page.lines.flatMap((line) => this.#answer(page, { namespace: line.namespace, pod: line.pod }).required));
    for (const one of required) if (!isWhole(where.get(one), page)) this.#missing.push(`${one} has no whole health of ${targetKey(page)} at ${timeMs}: ${JSON.stringify([...(where.get(one) ?? [])])}`);
    const allowed = this.#reachable([...before, page]);
    for (const one of where.keys()) if (!allowed.has(one)) this.#leaks.push(`${one} has health of ${targetKey(page)} at ${timeMs}, expected at ${[...allowed].join()}`);
  }

  #reachable(pages: readonly Page[]): Set<string> {
    return new Set(pages.flatMap((page) => page.lines.flatMap((line) => [...this.#answer(page, { namespace: line.namespace, pod: line.pod }).allowed])));
  }

  /** Health at moments without a page goes only to those who ever get something of the target. */
  #judgeStrangers(pages: readonly Page[]): void {
    const prefix = `${targetKey(pages[0]!)} `;
    const allowed = new Set([...this.#reachable(pages), ...pages.flatMap((page) => [...this.#answer(page, nothing).allowed])]);
    for (const [key, where] of this.#health) {
      if (!key.startsWith(prefix)) continue;
      for (const one of where.keys()) if (!allowed.has(one)) this.#leaks.push(`${one} has health of ${key}, expected at ${[...allowed].join()}`);
    }
  }

  /** What was at a destination goes on there or is marked, with the next page. Samples with times of their own have no markers, as in Prometheus. */
  #judgeMarkers(before: Page, page: Page): void {
    const timeMs = this.#timeOf(page);
    if (timeMs === undefined) return;
    const { rules, versions, intervalMs } = this.#evidence;
    const hasThird = versionsAt(versions, rules.collector, page.servedMs, intervalMs).every((version) => hasDestination(rules, version, 'c'));
    for (const line of before.lines) {
      if (line.hasTime) continue;
      for (const { destination, sample } of this.#served.get(line.value)!.found) {
        if (destination === 'master-c' && !hasThird) continue;
        if (!this.#timesOf(destination, sample).has(timeMs)) this.#unmarked.push(`${destination}: ${textOf(before, line)} ends before ${timeMs} without a marker`);
      }
    }
  }
}

const reportNames = ['up', 'scrape_duration_seconds', 'scrape_samples_scraped', 'scrape_samples_post_metric_relabeling', 'scrape_series_added'];

/** All health series of a scrape that brought this page. */
function isWhole(values: ReadonlyMap<string, number> | undefined, { lines }: Page): boolean {
  return values !== undefined && reportNames.every((name) => values.has(name)) && values.get('up') === 1 && values.get('scrape_samples_scraped') === lines.length;
}

function targetKey({ job, instance }: Page): string {
  return `${job} ${instance}`;
}

function textOf({ job, servedMs }: Page, { metric, namespace, pod, value }: Line): string {
  return `${metric} of ${namespace}/${pod} by ${job}, ${value} at ${servedMs}`;
}

/** Whose the sample is stands in its labels as it stood on the page; without honor_labels a target's own labels push those aside. */
function isAsServed({ page, line }: { readonly page: Page; readonly line: Line }, labels: Readonly<Record<string, string>>): boolean {
  const isPushed = page.job === 'dcgm-exporter' || page.job === 'kubernetes-pods';
  const [namespace, pod] = isPushed ? [labels['exported_namespace'], labels['exported_pod']] : [labels['namespace'], labels['pod']];
  const isOfTarget = !isPushed || labels['namespace'] === page.namespace;
  return isOfTarget && labels['__name__'] === line.metric && labels['job'] === page.job && labels['scraped_by'] === page.collector && (namespace ?? '') === line.namespace && (pod ?? '') === line.pod;
}
