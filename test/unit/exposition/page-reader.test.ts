// Rules of the two text formats one by one, with the error texts of Prometheus.

import { describe, expect, it } from 'vitest';
import { createPageReader } from '../../../src/exposition/page-reader.ts';
import type { PageFormat } from '../../../src/exposition/page-reader.ts';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import { CollectingSink, readPage } from './collecting-sink.ts';

/** What the page says, as short text: `name{labels} value @timestamp`, or the error. */
function read(format: PageFormat, page: string | Buffer): string {
  const sink = new CollectingSink();
  const error = readPage(format, sink, [typeof page === 'string' ? Buffer.from(page) : page]);
  if (error !== undefined) return error.message;
  return sink.collected().map(({ labels, value, timestampMs }) => {
    const rest = [...labels].filter(([name]) => name !== '__name__').map(([name, text]) => `${name}=${text}`);
    return `${labels.get('__name__')}{${rest.join()}} ${Object.is(value, -0) ? '-0' : value}${timestampMs === undefined ? '' : ` @${timestampMs}`}`;
  }).join('; ');
}

describe('text format', () => {
  it.each([
    ['no final line break is needed', 'a 1', 'a{} 1'],
    ['blank lines and blanks at line ends are skipped', '\n  \n\ta\t 1 \t\n\n', '\ta{} 1'],
    ['leading blanks become part of a bare name', '  a 1', '  a{} 1'],
    ['leading blanks before braces do not', '  {"a"} 1', 'a{} 1'],
    ['a value may follow the name at once', 'foo+5\nbar.5\n', 'foo{} 5; bar{} 0.5'],
    ['a value may follow the brace at once', 'a{b="c"}1', 'a{b=c} 1'],
    ['blanks stand anywhere between tokens', 'a { b = "c" , d\t= "e" , } 1', 'a{b=c,d=e} 1'],
    ['a comma may be missing', 'a{b="c"d="e"} 1', 'a{b=c,d=e} 1'],
    ['empty braces', 'a{} 1', 'a{} 1'],
    ['escapes in values; others keep the backslash', String.raw`a{b="\\\"\n\x"} 1`, `a{b=\\"\n\\x} 1`],
    ['a raw line break in a value', 'a{b="x\ny"} 1\nc 2', 'a{b=x\ny} 1; c{} 2'],
    ['NUL inside a value', 'a{b="x\0y"} 1', 'a{b=x\0y} 1'],
    ['NUL at a line start ends the page', 'a 1\n\0b 2\nc', 'a{} 1'],
    ['quoted names', '{"a.b","c d"="e"} 1', 'a.b{c d=e} 1'],
    ['the quoted name may stand anywhere', '{l="v","a\\n\\"b"} 1', 'a\n"b{l=v} 1'],
    ['empty label values are kept for the sink', 'a{b=""} 1', 'a{b=} 1'],
    ['timestamps', 'a 1 0\nb 1 1760000000000', 'a{} 1 @0; b{} 1 @1760000000000'],
    ['comments of every kind', '#\n#x\n# HELPless\n#HELP\n#TYPE a b\n# HELP\n# EOF\n# UNIT a b\na 1', 'a{} 1'],
    ['tabs in metadata', '#\t \tTYPE\ta counter\n# HELP  a\na 1', 'a{} 1'],
    ['le of a histogram in OpenMetrics form', '# TYPE h histogram\nh{le="1"} 1\nx{le="1e3",quantile="1"} 2\nx{le="a"} 3\nx{le="+Inf"} 4', 'h{le=1.0} 1; x{le=1000.0,quantile=1} 2; x{le=a} 3; x{le=+Inf} 4'],
    ['quantile of a summary, until the next TYPE', '# TYPE s summary\ns{quantile="0",le="1"} 1\n# TYPE g gauge\ng{quantile="0"} 1', 's{quantile=0.0,le=1} 1; g{quantile=0} 1'],
    ['numbers to the last bit', 'a 0.1\nb 123456789012345678\nc 1e22\nd 1e23\ne -0\nf 5e-324\ng 1e-22\nh 00000000000000000001', 'a{} 0.1; b{} 123456789012345680; c{} 1e+22; d{} 1e+23; e{} -0; f{} 5e-324; g{} 1e-22; h{} 1'],
    ['special numbers', 'a NaN\nb nAn\nc +Inf\nd -inf\ne Infinity\nf 5.\ng .5\nh +1E+2', 'a{} NaN; b{} NaN; c{} Infinity; d{} -Infinity; e{} Infinity; f{} 5; g{} 0.5; h{} 100'],
  ])('%s', (_, page, said) => {
    expect(read('text', page)).toBe(said);
  });

  it.each([
    ['no value', 'a\n', 'expected value after metric, got "\\n" ("INVALID") while parsing: "a\\n"'],
    ['no value behind labels', 'a{b="c"}\n', 'expected value after metric, got "\\n" ("INVALID") while parsing: "a{b=\\"c\\"}\\n"'],
    ['a word', 'a true\n', 'strconv.ParseFloat: parsing "true": invalid syntax while parsing: "a true"'],
    ['hexadecimal', 'a 0x1p-3\n', 'unsupported character in float while parsing: "a 0x1p-3"'],
    ['underscore', 'a 1_2\n', 'unsupported character in float while parsing: "a 1_2"'],
    ['out of range', 'a 1e400\n', 'strconv.ParseFloat: parsing "1e400": value out of range while parsing: "a 1e400"'],
    ['signed NaN', 'a -NaN\n', 'strconv.ParseFloat: parsing "-NaN": invalid syntax while parsing: "a -NaN"'],
    ['CR before LF', 'a 1\r\n', 'strconv.ParseFloat: parsing "1\\r": invalid syntax while parsing: "a 1\\r"'],
    ['negative timestamp', 'a 1 -5\n', 'expected timestamp or new record, got "-" ("INVALID") while parsing: "a 1 -"'],
    ['float timestamp', 'a 1 1.5\n', 'expected next entry after timestamp, got "." ("INVALID") while parsing: "a 1 1."'],
    ['two timestamps', 'a 1 1 2\n', 'expected next entry after timestamp, got "2\\n" ("TIMESTAMP") while parsing: "a 1 1 2\\n"'],
    ['timestamp beyond 64 bits', 'a 1 9223372036854775808\n', 'strconv.ParseInt: parsing "9223372036854775808": value out of range while parsing: "a 1 9223372036854775808"'],
    ['an exemplar', 'a 1 # {} 1\n', 'expected timestamp or new record, got "#" ("INVALID") while parsing: "a 1 #"'],
    ['single quotes', "a{b='c'} 1\n", `expected label value, got "'" ("INVALID") while parsing: "a{b='"`],
    ['leading comma', 'a{,b="c"} 1\n', 'expected label name, got ",b" ("COMMA") while parsing: "a{,b"'],
    ['double comma', 'a{b="c",,} 1\n', 'expected label name, got ",}" ("COMMA") while parsing: "a{b=\\"c\\",,}"'],
    ['no equal sign', 'a{b "c"} 1\n', 'expected equal, got "\\"c\\"}" ("QSTRING") while parsing: "a{b \\"c\\"}"'],
    ['no closing quote', 'a{b="c} 1\n', 'expected label value, got "\\"c} 1\\n\\n" ("INVALID") while parsing: "a{b=\\"c} 1\\n\\n"'],
    ['bare identifier', '{A}0\n', 'expected equal, got "}0" ("BCLOSE") while parsing: "{A}0"'],
    ['two names', 'a{"b"} 1\n', 'metric name already set while parsing: "a{\\"b\\"}"'],
    ['no name', '{a="b"} 1\n', 'metric name not set while parsing: "{a=\\"b\\"} 1"'],
    ['a digit at the start', '1a 1\n', 'expected a valid start token, got "1" ("INVALID") while parsing: "1"'],
    ['TYPE without a name', '# TYPE \n', 'expected metric name after TYPE, got "\\n" ("INVALID") while parsing: "# TYPE \\n"'],
    ['unknown type', '# TYPE a Counter\n', 'invalid metric type "Counter"'],
    ['blank behind the type', '# TYPE a counter \n', 'invalid metric type "counter "'],
    ['two blanks before the type', '# TYPE a  counter\n', 'invalid metric type " counter"'],
    ['NUL between name and brace', 'a\0{b="c"} 1\n', 'expected value after metric, got "\\x00" ("INVALID") while parsing: "a\\x00"'],
    ['a label twice', 'a{b="1",b="2"} 1\n', 'label name "b" is not unique'],
  ])('refuses %s', (_, page, message) => {
    expect(read('text', page)).toBe(message);
  });

  it('refuses bytes that are not UTF-8 in values, HELP texts and names', () => {
    expect(read('text', Buffer.from('a{b="\xff"} 1\n', 'latin1'))).toBe('invalid UTF-8 label value: "\\"\\xff\\""');
    expect(read('text', Buffer.from('# HELP a \xff\n', 'latin1'))).toBe('help text "\\xff" is not a valid utf8 string');
    expect(read('text', Buffer.from('{"a\xff"} 1\n', 'latin1'))).toBe('invalid metric name or label names: {"a\\xff"}');
  });
});

describe('OpenMetrics', () => {
  const om = (page: string) => read('openmetrics', page);

  it.each([
    ['the end mark, with and without its line break', 'a 1\n# EOF', 'a{} 1'],
    ['seconds become milliseconds and are cut', 'a 1 1.0019\nb 1 -1.5\n# EOF\n', 'a{} 1 @1001; b{} 1 @-1500'],
    ['trailing comma', 'a{b="c",} 1\n# EOF\n', 'a{b=c} 1'],
    ['exemplars on any line', 'a 1 # {} 2\nb 1 5 # {c="d",} 2 3\n# EOF\n', 'a{} 1; b{} 1 @5000'],
    ['le of a histogram, not of a gaugehistogram', '# TYPE h histogram\nh{le="1"} 1\n# TYPE g gaugehistogram\ng{le="1"} 1\n# EOF\n', 'h{le=1.0} 1; g{le=1} 1'],
    ['all types, units and texts', '# TYPE a_s stateset\n# UNIT a_s s\n# UNIT a_s \n# HELP a_s \n# TYPE b info\n# TYPE c unknown\na_s 1\n# EOF\n', 'a_s{} 1'],
  ])('%s', (_, page, said) => {
    expect(om(page)).toBe(said);
  });

  it.each([
    ['an empty page', '', 'data does not end with # EOF'],
    ['a page without an end', 'a 1\n', 'data does not end with # EOF'],
    ['a cut line', 'a 1', 'data does not end with # EOF'],
    ['data after the end', '# EOF\na 1\n', 'unexpected data after # EOF'],
    ['data in the line of the end', '# EOF \n', 'unexpected data after # EOF'],
    ['blank lines', '\n# EOF\n', 'expected a valid start token, got "\\n" ("INVALID") while parsing: "\\n"'],
    ['comments', '# a\n# EOF\n', 'expected a valid start token, got "# a" ("INVALID") while parsing: "# a"'],
    ['a blank in front', ' a 1\n# EOF\n', 'expected a valid start token, got " " ("INVALID") while parsing: " "'],
    ['two blanks', 'a  1\n# EOF\n', 'expected value after metric, got "  " ("INVALID") while parsing: "a  "'],
    ['a tab', 'a\t1\n# EOF\n', 'expected value after metric, got "\\t" ("INVALID") while parsing: "a\\t"'],
    ['untyped', '# TYPE a untyped\n# EOF\n', 'invalid metric type "untyped"'],
    ['a type without a blank', '# TYPE a\n# EOF\n', 'expected text in TYPE'],
    ['a wrong unit', '# UNIT a_bytes seconds\n# EOF\n', 'unit "seconds" not a suffix of metric "a_bytes"'],
    ['a missing comma', 'a{b="c"d="e"} 1\n# EOF\n', 'expected comma or brace close, got "d=" ("LNAME") while parsing: "a{b=\\"c\\"d="'],
    ['a raw line break in a value', 'a{b="\n"} 1\n# EOF\n', 'expected label value, got "\\"\\n" ("INVALID") while parsing: "a{b=\\"\\n"'],
    ['a timestamp that is no number', 'a 1 NaN\n# EOF\n', 'invalid timestamp NaN'],
    ['an endless timestamp', 'a 1 -Inf\n# EOF\n', 'invalid timestamp -Inf'],
    ['an exemplar without a value', 'a 1 # {}\n# EOF\n', 'expected value after exemplar labels, got "\\n" ("INVALID") while parsing: "a 1 # {}\\n"'],
    ['an exemplar at no time', 'a 1 # {} 1 NaN\n# EOF\n', 'invalid exemplar timestamp NaN'],
    ['a quoted name in an exemplar', 'a 1 # {"b"} 1\n# EOF\n', 'expected label name, got "} " ("BCLOSE") while parsing: "a 1 # {\\"b\\"} "'],
  ])('refuses %s', (_, page, message) => {
    expect(om(page)).toBe(message);
  });

  it('tells HELP texts with escapes, types and units', () => {
    const sink = new CollectingSink();
    readPage('openmetrics', sink, [Buffer.from('# HELP a \\"x\\"\\n\\\\\n# TYPE a counter\n# UNIT a_s s\n# EOF\n')]);
    expect(sink.metadataCalls).toEqual([['a', undefined, '"x"\n\\', undefined], ['a', 'counter', undefined, undefined], ['a_s', undefined, undefined, 's']]);
  });
});

describe('known keys', () => {
  /** Reads two pages with one sink: the keys of the first are expected on the second. */
  function second(first: string, page: string): string {
    const sink = new CollectingSink();
    readPage('text', sink, [Buffer.from(first)]);
    const error = readPage('text', sink, [Buffer.from(page)]);
    return error?.message ?? sink.collected().map((s) => `${[...s.labels.values()].join()} ${s.value}${s.timestampMs === undefined ? '' : ` @${s.timestampMs}`}`).join('; ');
  }

  it.each([
    ['a key with a blank may go on with braces', 'foo 1\n', 'foo {a="b"} 1\n', 'foo,b 1'],
    ['a key without a blank may be the beginning of another name', 'foo+5\n', 'foo1 7\n', 'foo1 7'],
    ['more blanks than before', 'foo 1\n', 'foo  2 \n', 'foo 2'],
    ['a timestamp that came', 'foo 1\n', 'foo 2 3\n', 'foo 2 @3'],
    ['a value that is no plain number', 'foo 1\n', 'foo NaN\n', 'foo NaN'],
    ['a key with a raw line break', 'foo{a="\n"} 1\n', 'foo{a="\n"} 2\n', 'foo,\n 2'],
    ['a bad value', 'foo 1\n', 'foo 1x\n', 'strconv.ParseFloat: parsing "1x": invalid syntax while parsing: "foo 1x"'],
    ['a lone sign', 'foo 1\n', 'foo -\n', 'strconv.ParseFloat: parsing "-": invalid syntax while parsing: "foo -"'],
    ['an exponent without digits', 'foo 1\n', 'foo 1e+\n', 'strconv.ParseFloat: parsing "1e+": invalid syntax while parsing: "foo 1e+"'],
    ['no value', 'foo 1\n', 'foo \n', 'expected value after metric, got "\\n" ("INVALID") while parsing: "foo \\n"'],
  ])('%s', (_, first, page, said) => {
    expect(second(first, page)).toBe(said);
  });
});

describe('the reader', () => {
  it('tells the number of the bad line, raw line breaks included', () => {
    const sink = new CollectingSink();
    const error = readPage('text', sink, [Buffer.from('# HELP a b\na{b="\n\n"} 1\n\nc 1\nd\n')]) as Error & { line: number };
    expect(error).toBeInstanceOf(ScrapeError);
    expect(error.line).toBe(7);
  });

  it('takes nothing more after a refusal until reset, and then a new page', () => {
    const sink = new CollectingSink();
    const reader = createPageReader('text', sink);
    expect(() => reader.feed(Buffer.from('a\n'))).toThrow(ScrapeError);
    expect(() => reader.feed(Buffer.from('a 1\n'))).toThrow(/reset/);
    expect(() => reader.finish()).toThrow(/reset/);
    reader.reset();
    reader.feed(Buffer.from('a 1\n'));
    reader.finish();
    expect(sink.samples).toEqual([{ id: 0, value: 1, timestampMs: undefined }]);
  });

  it('refuses a line over the limit, in one chunk and in many', () => {
    const page = Buffer.from(`a{b="${'x'.repeat(200)}"} 1\n`);
    const limit = { lineBytesMax: 100 };
    expect(readPage('text', new CollectingSink(), [page], limit)?.message).toBe('line of more than 100 bytes');
    expect(readPage('text', new CollectingSink(), [...page].map((b) => Buffer.of(b)), limit)?.message).toBe('line of more than 100 bytes');
  });

  it('forgets the type of the last page', () => {
    const sink = new CollectingSink();
    const reader = createPageReader('text', sink);
    reader.feed(Buffer.from('# TYPE a histogram\n'));
    reader.finish();
    reader.reset();
    reader.feed(Buffer.from('a{le="1"} 1\n'));
    expect(sink.collected()[0]?.labels.get('le')).toBe('1');
  });
});
