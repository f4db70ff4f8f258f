import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { md5LastEightBytes } from '../../../src/relabel/md5.ts';

const expected = (text: string) => createHash('md5').update(text).digest().readBigUInt64BE(8);

test('the digest is that of the crypto library for every length around the blocks', () => {
  for (let length = 0; length < 200; length++) {
    const text = 'aé→\n'.repeat(60).slice(0, length);
    expect([length, md5LastEightBytes(text)]).toEqual([length, expected(text)]);
  }
});

test('a long text is digested in blocks', () => {
  const text = '0123456789'.repeat(10_000);
  expect(md5LastEightBytes(text)).toBe(expected(text));
});
