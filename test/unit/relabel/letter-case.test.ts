import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { toLowerCase, toUpperCase } from '../../../src/relabel/letter-case.ts';

test.each([
  ['ß', 'ß'], ['straße', 'STRAßE'], ['ŉ', 'ŉ'], ['ﬁ', 'ﬁ'], ['ǆ', 'Ǆ'], ['ǅ', 'Ǆ'], ['ᾳ', 'ᾼ'], ['ᾀ', 'ᾈ'], ['ᾈ', 'ᾈ'], ['ı', 'I'], ['ſ', 'S'], ['ÿ', 'Ÿ'], ['𐐨', '𐐀'], ['µ', 'Μ'],
])('the upper case of %s is %s', (text, expected) => expect(toUpperCase(text)).toBe(expected));

test.each([
  ['ΟΔΟΣ', 'οδοσ'], ['İ', 'i'], ['ẞ', 'ß'], ['ǅ', 'ǆ'], ['K', 'k'], ['ᾈ', 'ᾀ'], ['Ω', 'ω'], ['𐐀', '𐐨'], ['ABC', 'abc'],
])('the lower case of %s is %s', (text, expected) => expect(toLowerCase(text)).toBe(expected));

test('every code point has the case that Go 1.26 gives it', () => {
  // The digest is that of the lines `code upper lower`, decimal, of every code point with a case, printed by Go.
  const digest = createHash('sha256');
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const text = String.fromCodePoint(code);
    const upper = toUpperCase(text);
    const lower = toLowerCase(text);
    if (upper !== text || lower !== text) digest.update(`${code} ${upper.codePointAt(0)} ${lower.codePointAt(0)}\n`);
  }
  expect(digest.digest('hex')).toBe('3fec45bddbf6060384a2145916712cc8b784fdca90d245256e6df9c37183a348');
});
