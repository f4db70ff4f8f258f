import { describe, expect, test } from 'vitest';
import { compileSelector, parseSelector } from '../../../src/relabel/selector.ts';

const labels = new Map([['__name__', 'http_requests_total'], ['job', 'api'], ['empty', ''], ['path', 'a\\b"c'], ['my label', 'x'], ['note', 'é\n']]);

test.each([
  ['http_requests_total', true], ['http_requests', false], ['{}', true], [' { } ', true],
  ['{job="api"}', true], ['{job="web"}', false], ['{job!="web"}', true], ['{job!="api"}', false],
  ['{job=~"a.i"}', true], ['{job=~"a"}', false], ['{job!~"a"}', true], ['{job!~"a.*"}', false],
  ['http_requests_total{job="api",}', true], ['http_requests_total{job="web"}', false], ['http_requests_total {job = "api" , empty = ""}', true],
  ['{__name__=~"http_.*|grpc_.*",job="api"}', true], ['{"http_requests_total"}', true], ['{"http_requests_total", "my label"="x"}', true],
  ['{gone=""}', true], ['{gone!=""}', false], ['{gone=~".*"}', true], ['{gone=~".+"}', false], ['{gone=~"a|"}', true], ['{empty=""}', true], ['{empty!~".+"}', true],
  ['{path="a\\\\b\\"c"}', true], ["{path='a\\\\b\"c'}", true], ['{path=`a\\b"c`}', true],
  ['{note="\\u00e9\\n"}', true], ['{note="\\xc3\\xa9\\012"}', true], ['{note="\\U000000e9\\x0a"}', true], ['{note=~`é\\n`}', true],
  ['{job="web" or job="api"}', true], ['{job="web" or job="db"}', false], ['http_requests_total{job="web", gone="" or job="api"}', true],
  ['grpc{job="web" or job="api"}', false], ['{or="" OR job="web"}', true], ['{order=""}', true],
])('%s on the labels: %s', (text, expected) => {
  expect(compileSelector(text)(labels)).toBe(expected);
});

test('a selector is alternatives of matchers, the metric name in each', () => {
  expect(parseSelector('m{a="1" or b!~"2"}')).toEqual([
    [{ name: '__name__', operator: '=', value: 'm' }, { name: 'a', operator: '=', value: '1' }],
    [{ name: '__name__', operator: '=', value: 'm' }, { name: 'b', operator: '!~', value: '2' }],
  ]);
});

test('labels are read through the lookup that is given', () => {
  const matches = compileSelector<Record<string, string>>('{a="1",b=""}', (source, name) => source[name]);
  expect([matches({ a: '1' }), matches({ a: '2' })]).toEqual([true, false]);
});

describe('a malformed selector is refused with the position', () => {
  test.each([
    ['', 'position 1: expected a metric name or `{`, found the end'],
    ['1a', 'position 1: expected a metric name or `{`, found "1a"'],
    ['a b', 'position 3: expected `{` or the end, found "b"'],
    ['{', 'position 2: expected a label name, found the end'],
    ['{a}', 'position 3: expected `=`, `!=`, `=~` or `!~`, found "}"'],
    ['{a==“b”}', 'position 4: expected a value in quotes'],
    ['{a=b}', 'position 4: expected a value in quotes, found "b}"'],
    ['{a="b}', 'position 4: expected a closing ", found "\\"b}"'],
    ['{a="b"', 'position 7: expected `,`, `or` or `}`, found the end'],
    ['{a="b" c="d"}', 'position 8: expected `,`, `or` or `}`, found "c=\\"d\\"}"'],
    ['{a="b"} x', 'position 9: expected the end, found "x"'],
    ['{,}', 'position 2: expected a label name, found ",}"'],
    ['{a:b="c"}', 'position 2: expected a label name'],
    ['{a="b" or }', 'position 11: expected a matcher behind `or`'],
    ['{a="\\q"}', 'position 5: expected a known escape, found "\\\\q\\"}"'],
    ['{a="\\xff"}', 'position 4: expected valid UTF-8'],
    ['{a="\\ud800"}', 'position 5: expected a known escape'],
    ['{a=~"("}', 'error parsing regexp: missing closing ): `^(?s:()$`'],
  ])('%s', (text, message) => {
    expect(() => compileSelector(text)).toThrow(expect.objectContaining({ code: 'SELECTOR_INVALID', message: expect.stringContaining(message) as string }));
  });
});
