// Who wants to know of changes, and what is to be told in this turn of the event loop.

export class ChangeBundle {
  readonly #listeners = new Set<(entries: readonly number[]) => void>();
  /** Called before listeners are, as some changes are only known then; it may add entries. */
  readonly #complete: () => void;
  readonly #count: (entries: number) => void;
  #entries = new Set<number>();
  #isDue = false;

  constructor(complete: () => void, count: (entries: number) => void) {
    this.#complete = complete;
    this.#count = count;
  }

  listen(listener: (entries: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  add(entry: number): void {
    this.#entries.add(entry);
    this.schedule();
  }

  /** Something may have changed. */
  schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#complete();
    this.#isDue = false;
    const entries = [...this.#entries];
    this.#entries = new Set();
    if (entries.length === 0) return;
    this.#count(entries.length);
    for (const listener of this.#listeners) listener(entries);
  }
}
