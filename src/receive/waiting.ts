// Series whose pod is not known yet: they wait on disk, in the stream where those of pages wait (series/held-stream.ts), and are decided about there as if another process had left
// them. As long as samples of a series wait its next ones wait behind them, and what comes after that stands behind them in every body.

import type { HeldSeries } from '../series/held-pieces.ts';
import { encodeHeld } from '../series/held-pieces.ts';
import type { HeldJournal } from '../series/held-stream.ts';
import type { LabelMap } from '../model/labels.ts';
import { ByteWriter, encodeLabels } from '../wire/labels.ts';

/** Series that are known to wait: some 200 bytes each. As many as may wait of all targets. */
const SERIES_MAX = 50_000;
/** Series of a record on disk: it is placed in one turn, some 30 ms. */
const RECORD_SERIES_MAX = 2000;

/** `follows`: it goes, and has waited until now. */
export type Verdict = 'goes' | 'waits' | 'follows';

const encoded = new ByteWriter(4096);

export class WaitingSeries {
  readonly #journal: HeldJournal | undefined;
  /** The record with the newest samples of a series, by source and labels. */
  readonly #records = new Map<string, number>();

  /** Without a journal nobody waits. */
  constructor(journal: HeldJournal | undefined) {
    this.#journal = journal;
  }

  /** `labels` are final. */
  judge(source: string, labels: LabelMap, isUnresolved: boolean): Verdict {
    if (this.#journal === undefined || (!isUnresolved && this.#records.size === 0)) return 'goes';
    const key = keyOf(source, labels);
    const sequence = this.#records.get(key);
    if (sequence !== undefined && this.#journal.holds(sequence)) return 'waits';
    if (isUnresolved) return 'waits';
    return this.#records.delete(key) ? 'follows' : 'goes';
  }

  /** Writes them to disk. Returns those that there is no room for. */
  keep<T extends HeldSeries>(source: string, series: readonly T[]): readonly T[] {
    if (this.#records.size + series.length > SERIES_MAX) this.#sweep();
    const some = series.slice(0, Math.max(0, SERIES_MAX - this.#records.size));
    for (let i = 0; i < some.length; i += RECORD_SERIES_MAX) {
      const part = some.slice(i, i + RECORD_SERIES_MAX);
      const sequence = this.#journal?.leave(encodeHeld(part));
      if (sequence === undefined) return series.slice(i);
      for (const { labels } of part) this.#records.set(keyOf(source, labels), sequence);
    }
    return series.slice(some.length);
  }

  /** Resolves to whether what was kept is safe. */
  flush(): Promise<boolean> {
    return this.#journal?.flush() ?? Promise.resolve(true);
  }

  #sweep(): void {
    for (const [key, sequence] of this.#records) if (this.#journal?.holds(sequence) !== true) this.#records.delete(key);
  }
}

function keyOf(source: string, labels: LabelMap): string {
  encoded.length = 0;
  encodeLabels(labels, encoded);
  return `${source}\u0000${encoded.bytes.toString('latin1', 0, encoded.length)}`;
}
