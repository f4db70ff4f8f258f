import { describe, expect, test } from 'vitest';
import { parseSize, printSize } from '../../../src/config/size.ts';

describe('a size', () => {
  test.each([
    ['0', 0], ['1B', 1], ['1KB', 1024], ['1KiB', 1024], ['10MB', 10 * 1024 ** 2], ['1.5MB', 1.5 * 1024 ** 2], ['.5GiB', 0.5 * 1024 ** 3], ['2TB', 2 * 1024 ** 4],
    ['1MB512KB', 1.5 * 1024 ** 2], ['-1B', -1], ['+1B', 1], ['1EB', 1024 ** 6],
  ])('%s has %d bytes', (text, bytes) => expect(parseSize(text)).toEqual({ ok: true, bytes }));

  test.each([
    ['', 'units: invalid '], ['x', 'units: invalid x'], ['100', 'units: unknown unit  in 100'], ['1 KB', 'units: unknown unit  KB in 1 KB'],
    ['1kb', 'units: unknown unit kb in 1kb'], ['1KiB1KB', 'units: unknown unit KiB in 1KiB1KB'], ['8EB', 'units: overflow parsing unit'], ['.B', 'units: invalid .B'],
  ])('%j is refused: %s', (text, problem) => expect(parseSize(text)).toEqual({ ok: false, text: problem }));

  test.each([[0, '0B'], [1023, '1023B'], [1024, '1KiB'], [10 * 1024 ** 2, '10MiB'], [-1, '-1B']])('%d prints as %s', (bytes, text) => {
    expect(printSize(bytes)).toBe(text);
    expect(parseSize(text)).toEqual({ ok: true, bytes });
  });
});
