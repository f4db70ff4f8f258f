// What is wrong or worth knowing right now, by subject: said once in the log when it changes, and listed for people until it is over.

import type { Logger } from '../telemetry/logger.ts';

export class Notices {
  readonly #logger: Logger;
  readonly #current = new Map<string, { readonly text: string; readonly isProblem: boolean }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Something that a person should look at. */
  warn(subject: string, text: string): void {
    if (this.#set(subject, text, true)) this.#logger.warn(text);
  }

  info(subject: string, text: string): void {
    if (this.#set(subject, text, false)) this.#logger.info(text);
  }

  /** It is over; `text` says so, where something was said before. */
  over(subject: string, text: string): void {
    if (this.#current.delete(subject)) this.#logger.info(text);
  }

  /** Subjects that begin like this are over without a word: what they speak of is gone. */
  forget(prefix: string): void {
    for (const subject of [...this.#current.keys()]) if (subject.startsWith(prefix)) this.#current.delete(subject);
  }

  has(subject: string): boolean {
    return this.#current.has(subject);
  }

  problems(): string[] {
    return [...this.#current.values()].filter(({ isProblem }) => isProblem).map(({ text }) => text);
  }

  #set(subject: string, text: string, isProblem: boolean): boolean {
    if (this.#current.get(subject)?.text === text) return false;
    this.#current.set(subject, { text, isProblem });
    return true;
  }
}
