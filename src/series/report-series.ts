// The report series of one target (`up`, `scrape_*`): ids of their own without a key, present in every scrape.

import type { LabelMap } from '../model/labels.ts';
import type { FanOut } from './fan-out.ts';
import type { Incoming } from './outlet.ts';
import type { PageSamples } from './page-samples.ts';
import { type ReportFacts, reportNames, reportValues } from './report.ts';
import type { Scratch } from './scratch.ts';
import { REPORT, TRACKED } from './tracking.ts';
import type { Tracking } from './tracking.ts';

export interface ReportSeriesOptions {
  readonly hasExtras: boolean;
  readonly ids: Tracking;
  readonly fanOut: FanOut;
  /** A place in the cache. */
  readonly addId: () => number;
  /** The labels of a report series as they are now, noted for its id. */
  readonly incoming: (id: number, name: string) => { readonly labels: LabelMap } & Omit<Incoming, 'provenance'>;
}

export class ReportSeries {
  /** They may have other labels, or go elsewhere. */
  isDoubted = false;
  readonly #options: ReportSeriesOptions;
  readonly #ids: readonly number[];
  #wereSent = false;

  constructor(options: ReportSeriesOptions) {
    this.#options = options;
    this.#ids = reportNames(options.hasExtras).map((name) => this.#add(name));
  }

  get size(): number {
    return this.#ids.length;
  }

  #add(name: string): number {
    const { ids, fanOut, addId, incoming } = this.#options;
    const id = addId();
    ids.begin(id, REPORT);
    fanOut.takeInReport(id, incoming(id, name));
    return id;
  }

  put(page: PageSamples, scratch: Scratch, facts: ReportFacts): void {
    const values = reportValues(facts);
    for (const [i, id] of this.#ids.entries()) {
      page.putReport(id, values[i]!, scratch);
      this.#options.ids.tracked[id] = TRACKED;
    }
  }

  /** At the end of a scrape, before it is handed on: they follow the series of the page. */
  settle(): void {
    const { ids, fanOut, hasExtras, incoming } = this.#options;
    if (fanOut.settleHealth() || this.isDoubted) {
      for (const [i, name] of reportNames(hasExtras).entries()) {
        const id = this.#ids[i]!;
        const before = ids.labelHash(id);
        fanOut.moveReport(id, incoming(id, name), before, this.#wereSent);
      }
    }
    this.isDoubted = false;
    this.#wereSent = true;
  }
}
