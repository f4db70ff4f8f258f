// Which index entries changed, in order. Whoever decided something remembers where the log ended then, and asks later what has come since: nobody has to be
// told, and a target that is scraped once a minute looks once a minute.

import type { OwnerIndex } from '../owners/owners.ts';
import type { Changes } from './route.ts';

/** Changes kept, in entries: more than a large cluster has pods. Who has not looked for longer decides everything again. */
const LOG_MAX = 200_000;

export class ChangeLog {
  #log: number[] = [];
  /** Changes that were forgotten: the log begins behind them. */
  #forgotten = 0;
  readonly #stop: (() => void) | undefined;

  constructor(index: OwnerIndex | undefined) {
    this.#stop = index?.onChange((entries) => this.#note(entries));
  }

  close(): void {
    this.#stop?.();
  }

  get cursor(): number {
    return this.#forgotten + this.#log.length;
  }

  #note(entries: readonly number[]): void {
    for (const entry of entries) this.#log.push(entry);
    if (this.#log.length <= LOG_MAX) return;
    const surplus = this.#log.length - LOG_MAX / 2;
    this.#log = this.#log.slice(surplus);
    this.#forgotten += surplus;
  }

  /** Undefined when nothing changed. */
  since(cursor: number): Changes | undefined {
    if (cursor === this.cursor) return undefined;
    if (cursor < this.#forgotten) return { cursor: this.cursor, changed: 'all' };
    return { cursor: this.cursor, changed: new Set(this.#log.slice(cursor - this.#forgotten)) };
  }
}
