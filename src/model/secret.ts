// A secret from the configuration: readable only where it is used, `<secret>` everywhere else (logs, JSON, YAML, inspect).

import { inspect } from 'node:util';

export const SECRET_TEXT = '<secret>';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call it where the value is used, never to store or print it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return SECRET_TEXT;
  }

  toJSON(): string {
    return SECRET_TEXT;
  }

  [inspect.custom](): string {
    return SECRET_TEXT;
  }
}
