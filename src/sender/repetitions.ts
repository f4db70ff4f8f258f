// What an earlier process may have sent without knowing the answer. Its last batch was on its way when it ended, and what is read first now may be
// stored already, in part and next to samples that are not. A receiver that refuses old samples refuses such a body as a whole, and nobody could tell
// why. So after a start the records of each image go out one by one, a sample per series and request, until the first of them is accepted: what
// comes before it is stored, what comes after it is not.

import type { QueuedRecord } from '../queue/queue.ts';

export interface RepetitionLimits {
  /** The last record that an earlier process may have sent. */
  readonly lastSequence: number;
  /** The most one batch holds. */
  readonly samples: number;
  readonly bytes: number;
}

export class Repetitions {
  readonly #lastSequence: number;
  #samplesLeft: number;
  #bytesLeft: number;
  /** Images of which a record was accepted whole; `undefined` stands for raw records. */
  readonly #fresh = new Set<number | undefined>();

  constructor(limits: RepetitionLimits) {
    this.#lastSequence = limits.lastSequence;
    this.#samplesLeft = limits.samples;
    this.#bytesLeft = limits.bytes;
  }

  /** The records of a batch that go out together. `isRepetition`: it is one, which may be stored already. */
  cut(records: readonly QueuedRecord[]): { readonly records: readonly QueuedRecord[]; readonly isRepetition: boolean } {
    const [first] = records;
    if (first === undefined || !this.#isDoubtful(first)) {
      const end = records.findIndex((record) => this.#isDoubtful(record));
      return { records: end < 0 ? records : records.slice(0, end), isRepetition: false };
    }
    return { records: [first], isRepetition: true };
  }

  /** The records have their verdicts; `isWhole`: all of their samples were accepted. */
  passed(records: readonly QueuedRecord[], isWhole: boolean): void {
    for (const record of records) {
      if (record.sequence > this.#lastSequence) return;
      this.#samplesLeft -= record.samples;
      this.#bytesLeft -= record.payload.length;
      if (isWhole) this.#fresh.add(record.image?.id);
    }
  }

  #isDoubtful({ sequence, image }: QueuedRecord): boolean {
    return sequence <= this.#lastSequence && this.#samplesLeft > 0 && this.#bytesLeft > 0 && !this.#fresh.has(image?.id);
  }
}
