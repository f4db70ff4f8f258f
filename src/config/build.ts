// Small helpers of the places that check blocks and turn them into settings.

import type { Secret } from '../model/secret.ts';
import { fail } from './schema.ts';
import type { AnyBlock } from './schema.ts';

/** Whether an optional text or secret holds anything: Go does not tell an empty string from an absent one. */
export function isSet(value: string | Secret | undefined): boolean {
  return filled(value) !== undefined;
}

/** The value, or undefined when it is empty. */
export function filled<T extends string | Secret>(value: T | undefined): T | undefined {
  if (value === undefined) return undefined;
  const plain: string | Secret = value;
  return (typeof plain === 'string' ? plain : plain.reveal()) === '' ? undefined : value;
}

/** Reports `text` when more than one of the keys holds something. */
export function atMostOne(at: AnyBlock, names: readonly string[], text: string): void {
  const set = names.filter((name) => at.bad.has(name) || isSet((at.values as Record<string, string | Secret | undefined>)[name]));
  if (set.length > 1) fail(at, set.at(-1), text);
}

/** `_ref` keys name a secret of a secret manager; Prometheus has none built in and fails when the client is built. */
export function refuseReferences(at: AnyBlock, names: readonly string[]): void {
  for (const name of names) {
    if (!isSet((at.values as Record<string, string | undefined>)[name])) continue;
    fail(at, name, `${name} needs a secret manager, which does not exist in this version, expected the value itself or a file`);
  }
}

/** Properties that may be absent, from properties that may be undefined. */
export type Compact<T> = { [P in keyof T as undefined extends T[P] ? never : P]: T[P] } & { [P in keyof T as undefined extends T[P] ? P : never]?: Exclude<T[P], undefined> };

/** Leaves out what is undefined. */
export function compact<T extends object>(value: T): Compact<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Compact<T>;
}
