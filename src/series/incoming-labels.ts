// The labels of a series on their way in: finished, completed by external labels, encoded and hashed, one series at a time in a scratch that all targets share.

import { sameLabels } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';
import { finishLabels, reportLabels } from './final-labels.ts';
import type { LabelPolicy } from './final-labels.ts';
import type { KeyHash } from './hash.ts';
import type { Incoming } from './outlet.ts';
import type { Tracking } from './tracking.ts';

const scratch = new ByteWriter(4096);

export interface IncomingLabelsOptions {
  readonly policy: LabelPolicy;
  /** Global external labels, added where absent. */
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly hash: KeyHash;
  readonly ids: Tracking;
}

export class IncomingLabels {
  #externalLabels: ReadonlyMap<string, string>;
  readonly #options: IncomingLabelsOptions;
  readonly #probe = new Int32Array(2);

  constructor(options: IncomingLabelsOptions) {
    this.#externalLabels = options.externalLabels;
    this.#options = options;
  }

  /** Other external labels. Returns whether they differ. */
  change(externalLabels: ReadonlyMap<string, string>): boolean {
    const before = this.#externalLabels;
    this.#externalLabels = externalLabels;
    return !sameLabels(before, externalLabels);
  }

  /** Makes final labels of exposed ones, in place, and keeps them encoded. False when a rule drops the series. Fails as `finishLabels` does. */
  finish(labels: LabelMap): boolean {
    scratch.length = 0;
    if (!finishLabels(labels, this.#options.policy)) return false;
    this.#complete(labels);
    return true;
  }

  /** The labels of a report series, encoded, too. */
  report(name: string): LabelMap {
    const labels = reportLabels(this.#options.policy.targetLabels, name);
    scratch.length = 0;
    this.#complete(labels);
    return labels;
  }

  #complete(labels: LabelMap): void {
    for (const [name, value] of this.#externalLabels) if (!labels.has(name)) labels.set(name, value);
    encodeLabels(labels, scratch);
  }

  /** The same for labels that are finished. */
  again(id: number, labels: LabelMap): Omit<Incoming, 'provenance'> {
    scratch.length = 0;
    encodeLabels(labels, scratch);
    return this.incoming(id, labels);
  }

  /** Whether a known series has the labels that were encoded last. */
  areThoseOf(id: number): boolean {
    this.#hashScratch();
    return this.#options.ids.hasLabels(id, this.#probe);
  }

  /** Notes the labels that were encoded last as those of a series, and puts them together for the fan-out. */
  incoming(id: number, labels: LabelMap): Omit<Incoming, 'provenance'> {
    this.#hashScratch();
    this.#options.ids.setLabels(id, this.#probe);
    return { labels, encoded: scratch, hash: this.#probe[0]! };
  }

  #hashScratch(): void {
    this.#options.hash(scratch.view, 0, scratch.length, this.#probe);
  }
}
