// Rows in the order in which they fall due: all of them wait equally long, so the first that was put in is the first to come out. A row may have become something
// else meanwhile; then its due time in the table is another one, or its state.

/** Taken places that are cut off at once. */
const CUT = 1024;

export class RowQueue {
  #rows: number[] = [];
  #duesMs: number[] = [];
  #start = 0;

  get isEmpty(): boolean {
    return this.#start === this.#rows.length;
  }

  get length(): number {
    return this.#rows.length - this.#start;
  }

  /** Infinity when empty. */
  get dueMs(): number {
    return this.isEmpty ? Infinity : this.#duesMs[this.#start]!;
  }

  push(at: number, dueMs: number): void {
    this.#rows.push(at);
    this.#duesMs.push(dueMs);
  }

  /** The first one; the queue is not empty. */
  take(): { readonly at: number; readonly dueMs: number } {
    const taken = { at: this.#rows[this.#start]!, dueMs: this.#duesMs[this.#start]! };
    this.#start++;
    if (this.#start >= CUT && this.#start * 2 >= this.#rows.length) this.retain(() => true);
    return taken;
  }

  /** Cuts off what was taken and what nobody waits for. */
  retain(isWanted: (at: number, dueMs: number) => boolean): void {
    const kept: number[] = [];
    for (let i = this.#start; i < this.#rows.length; i++) if (isWanted(this.#rows[i]!, this.#duesMs[i]!)) kept.push(i);
    this.#rows = kept.map((i) => this.#rows[i]!);
    this.#duesMs = kept.map((i) => this.#duesMs[i]!);
    this.#start = 0;
  }
}
