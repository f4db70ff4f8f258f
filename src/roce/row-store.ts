// Rows that wait for a reader in the same thread: what the rings are for the native sampler, with the same account. Produced = given + overwritten + waiting.

export class RowStore<T> {
  readonly #rowsMax: number;
  #rows: T[] = [];
  #produced = 0;
  #overwritten = 0;

  /** Keeps at most so many rows; the oldest half goes when one more comes. */
  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  add(row: T): void {
    if (this.#rows.length >= this.#rowsMax) this.#overwritten += this.#rows.splice(0, Math.ceil(this.#rowsMax / 2)).length;
    this.#rows.push(row);
    this.#produced++;
  }

  take(): readonly T[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  get produced(): number {
    return this.#produced;
  }

  get overwritten(): number {
    return this.#overwritten;
  }
}
