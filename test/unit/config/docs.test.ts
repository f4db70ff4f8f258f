import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { jsonSchema, renderConfigDocs } from '../../../src/config/docs.ts';
import type { Keys } from '../../../src/config/schema.ts';
import { topKeys } from '../../../src/config/top.ts';

function* allKeys(keys: Keys, seen: Set<Keys> = new Set()): Generator<readonly [name: string, key: Keys[string]]> {
  if (seen.has(keys)) return;
  seen.add(keys);
  for (const [name, declared] of Object.entries(keys)) {
    yield [name, declared];
    if (declared.type.keys !== undefined) yield* allKeys(declared.type.keys, seen);
  }
}

describe('the documents that are made from declarations', () => {
  const text = renderConfigDocs();

  test('docs/config.md is what the declarations say', () => expect(readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8')).toBe(text));

  test('every key is there with a sentence', () => {
    for (const [name, declared] of allKeys(topKeys)) {
      expect(text).toContain(`| \`${name}\` |`);
      expect(`${name}: ${declared.doc}`).toMatch(/[.!]$/);
    }
  });

  test('the JSON Schema knows every key and no other', () => {
    const schema = JSON.stringify(jsonSchema());
    for (const [name] of allKeys(topKeys)) expect(schema).toContain(`"${name}":{`);
    expect(jsonSchema()).toMatchObject({ additionalProperties: false, properties: { tributary: { properties: { queue: { additionalProperties: false } } } } });
  });
});
