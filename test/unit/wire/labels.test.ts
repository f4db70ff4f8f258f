// What is remembered of label names and values: little, whatever somebody pushes.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { ByteWriter, decodeLabels, encodeLabels } from '../../../src/wire/labels.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('long names and values are encoded as any other, and not kept', () => {
  const to = new ByteWriter(256 * 1024);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 300; i++) {
    for (const name of [`n${i}`, `${'n'.repeat(20_000)}${i}`]) {
      const value = 'v'.repeat(60_000);
      // What comes twice is what would be kept.
      for (let again = 0; again < 2; again++) {
        to.length = 0;
        encodeLabels(new Map([[name, value]]), to);
      }
      expect(decodeLabels(to.bytes.subarray(0, to.length))).toEqual([[name, value]]);
    }
  }
  collect();
  // 40 MB went through.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
});
