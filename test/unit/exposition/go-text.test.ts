import { describe, expect, it } from 'vitest';
import { formatOpenMetricsFloat, goQuote, normaliseFloatLabel, parseExposedFloat, parseTimestampMs } from '../../../src/exposition/go-text.ts';

describe('goQuote prints bytes as %q does', () => {
  it.each([
    ['plain text', Buffer.from('a b'), '"a b"'],
    ['quotes and backslashes', Buffer.from('"\\'), '"\\"\\\\"'],
    ['named control characters', Buffer.from('\x07\b\t\n\v\f\r'), '"\\a\\b\\t\\n\\v\\f\\r"'],
    ['other control characters', Buffer.from('\x00\x7f'), '"\\x00\\x7f"'],
    ['letters beyond ASCII', Buffer.from('üß→'), '"üß→"'],
    ['unprintable characters', Buffer.from('\u00a0\ue000'), '"\\u00a0\\ue000"'],
    ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0xc3]), '"a\\xff\\xc3"'],
    ['the replacement character itself', Buffer.from('\ufffd'), '"\ufffd"'],
  ])('%s', (_, bytes, quoted) => expect(goQuote(bytes)).toBe(quoted));

  it('cuts long texts', () => expect(goQuote(Buffer.alloc(5000, 'a'))).toBe(`"${'a'.repeat(4096)}..."`));
});

describe('floats', () => {
  it.each([['1', 1], ['+1.', 1], ['-.5e1', -5], ['1E+05', 100000], ['inf', Infinity], ['-Infinity', -Infinity], ['1e-400', 0]])('%s is read', (text, value) => {
    expect(parseExposedFloat(text)).toEqual({ value });
  });

  it.each(['', '.', '+', 'e1', '1e', '--1', '0x10', 'infin', '+nan', ' 1', '1 '])('"%s" is refused', (text) => {
    expect(parseExposedFloat(text)).toEqual({ problem: `strconv.ParseFloat: parsing "${text}": invalid syntax` });
  });

  it('timestamps have 64 bits', () => {
    expect(parseTimestampMs('9223372036854775807')).toEqual({ value: 2 ** 63 });
    expect(parseTimestampMs('9223372036854775808')).toEqual({ problem: 'strconv.ParseInt: parsing "9223372036854775808": value out of range' });
  });

  it.each([
    [1, '1.0'], [0, '0.0'], [-0, '0.0'], [-1, '-1.0'], [2.5, '2.5'], [1000, '1000.0'], [999999, '999999.0'], [1e6, '1e+06'], [1234567.5, '1.2345675e+06'],
    [0.0001, '0.0001'], [0.00001, '1e-05'], [1e100, '1e+100'], [Infinity, '+Inf'], [-Infinity, '-Inf'], [NaN, 'NaN'],
  ])('%d is written as OpenMetrics wants it', (value, text) => expect(formatOpenMetricsFloat(value)).toBe(text));

  it.each([['1', '1.0'], ['+Inf', '+Inf'], ['1e3', '1000.0'], ['0x1p-2', '0.25'], ['x', 'x'], ['', ''], ['1e400', '1e400'], ['0x1', '0x1']])(
    'le %s becomes %s', (text, normal) => expect(normaliseFloatLabel(text)).toBe(normal));
});
