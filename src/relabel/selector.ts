// Series selectors, as PromQL and vmagent's `if` have them:
//
//   name{a="b", c!="d", e=~"x.*", f!~"y"}     {__name__=~"a|b"}     {"a metric", "a label"="v"}     {a="b" or c="d", e="f"}
//
// A label that is absent is empty. Regular expressions match whole values. Of `or`, which MetricsQL adds, one side is enough; the
// metric name in front belongs to every side.

import { TributaryError, errorText } from '../model/error.ts';
import { METRIC_NAME } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import { compileRegex } from './regex.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

export interface LabelMatcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/** Alternatives; of one alternative every matcher must hold. */
export type Selector = readonly (readonly LabelMatcher[])[];

/** The value of a label in `source`, undefined or '' when it is absent. */
export type LabelLookup<Source> = (source: Source, name: string) => string | undefined;

interface Cursor {
  readonly text: string;
  at: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const OPERATOR = /=~|!~|!=|=/y;
const BLANKS = /[ \t\r\n]*/y;
const OR = /or(?![a-zA-Z0-9_:])/iy;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Compiles a selector to a test. `lookup` tells how labels are read; without it the test takes a LabelMap. Fails with
 * SELECTOR_INVALID, naming the position in characters from 1.
 */
export function compileSelector(text: string): (labels: LabelMap) => boolean;
export function compileSelector<Source>(text: string, lookup: LabelLookup<Source>): (source: Source) => boolean;
export function compileSelector(text: string, lookup: LabelLookup<LabelMap> = readMap): (source: LabelMap) => boolean {
  const alternatives = parseSelector(text).map((matchers) => matchers.map((matcher) => compileMatcher(matcher, text, lookup)));
  const first = alternatives[0]!;
  if (alternatives.length === 1) return (source) => first.every((holds) => holds(source));
  return (source) => alternatives.some((matchers) => matchers.every((holds) => holds(source)));
}

function readMap(labels: LabelMap, name: string): string | undefined {
  return labels.get(name);
}

function compileMatcher<Source>(matcher: LabelMatcher, text: string, lookup: LabelLookup<Source>): (source: Source) => boolean {
  const { name, operator, value } = matcher;
  if (operator === '=') return (source) => (lookup(source, name) ?? '') === value;
  if (operator === '!=') return (source) => (lookup(source, name) ?? '') !== value;
  const regex = compileValue(value, text);
  if (operator === '=~') return (source) => regex.matches(lookup(source, name) ?? '');
  return (source) => !regex.matches(lookup(source, name) ?? '');
}

function compileValue(value: string, text: string): ReturnType<typeof compileRegex> {
  try {
    return compileRegex(value);
  } catch (error) {
    throw new TributaryError('SELECTOR_INVALID', `series selector ${JSON.stringify(text)}: ${errorText(error)}`, { cause: error });
  }
}

/** Parses a selector without compiling its regular expressions. Fails with SELECTOR_INVALID. */
export function parseSelector(text: string): Selector {
  const cursor: Cursor = { text, at: 0 };
  skipBlanks(cursor);
  const name = take(cursor, NAME);
  skipBlanks(cursor);
  const named: LabelMatcher[] = name === undefined ? [] : [{ name: METRIC_NAME, operator: '=', value: name }];
  if (name !== undefined && cursor.at === text.length) return [named];
  if (text[cursor.at] !== '{') throw invalid(cursor, name === undefined ? 'a metric name or `{`' : '`{` or the end');
  const alternatives = parseBraces(cursor);
  if (cursor.at < text.length) throw invalid(cursor, 'the end');
  return alternatives.map((matchers) => [...named, ...matchers]);
}

function parseBraces(cursor: Cursor): LabelMatcher[][] {
  const alternatives: LabelMatcher[][] = [[]];
  cursor.at++;
  skipBlanks(cursor);
  while (cursor.text[cursor.at] !== '}') {
    alternatives.at(-1)!.push(parseMatcher(cursor));
    const separator = parseSeparator(cursor);
    if (separator === 'or') alternatives.push([]);
  }
  if (alternatives.length > 1 && alternatives.at(-1)!.length === 0) throw invalid(cursor, 'a matcher behind `or`');
  cursor.at++;
  skipBlanks(cursor);
  return alternatives;
}

function parseSeparator(cursor: Cursor): 'comma' | 'or' | 'end' {
  skipBlanks(cursor);
  if (take(cursor, OR) !== undefined) {
    skipBlanks(cursor);
    return 'or';
  }
  if (cursor.text[cursor.at] === '}') return 'end';
  if (cursor.text[cursor.at] !== ',') throw invalid(cursor, '`,`, `or` or `}`');
  cursor.at++;
  skipBlanks(cursor);
  return 'comma';
}

function parseMatcher(cursor: Cursor): LabelMatcher {
  const start = cursor.at;
  const quoted = isQuote(cursor);
  const name = quoted ? parseString(cursor) : take(cursor, NAME);
  if (name === undefined || (!quoted && !LABEL_NAME.test(name))) throw invalid({ text: cursor.text, at: start }, 'a label name');
  skipBlanks(cursor);
  const operator = take(cursor, OPERATOR) as MatchOperator | undefined;
  if (operator === undefined && quoted) return { name: METRIC_NAME, operator: '=', value: name };
  if (operator === undefined) throw invalid(cursor, '`=`, `!=`, `=~` or `!~`');
  skipBlanks(cursor);
  if (!isQuote(cursor)) throw invalid(cursor, 'a value in quotes');
  return { name, operator, value: parseString(cursor) };
}

function isQuote(cursor: Cursor): boolean {
  return cursor.at < cursor.text.length && '"\'`'.includes(cursor.text[cursor.at]!);
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"', "'": "'",
};
const CODE_ESCAPE = /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})/y;

/** A text in quotes with Go's escapes; in backticks there are none. `\x` and octal escapes are bytes of UTF-8. */
function parseString(cursor: Cursor): string {
  const start = cursor.at;
  const quote = cursor.text[cursor.at++]!;
  const bytes: Buffer[] = [];
  for (;;) {
    const c = cursor.text[cursor.at];
    if (c === undefined || (c === '\n' && quote !== '`')) throw invalid({ text: cursor.text, at: start }, `a closing ${quote}`);
    if (c === quote) break;
    if (c === '\\' && quote !== '`') bytes.push(parseEscape(cursor));
    else bytes.push(plainText(cursor, quote));
  }
  cursor.at++;
  const joined = Buffer.concat(bytes);
  const text = joined.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(joined)) throw invalid({ text: cursor.text, at: start }, 'valid UTF-8');
  return text;
}

function plainText(cursor: Cursor, quote: string): Buffer {
  const start = cursor.at;
  while (cursor.at < cursor.text.length) {
    const c = cursor.text[cursor.at]!;
    if (c === quote || (quote !== '`' && (c === '\\' || c === '\n'))) break;
    cursor.at++;
  }
  return Buffer.from(cursor.text.slice(start, cursor.at), 'utf8');
}

function parseEscape(cursor: Cursor): Buffer {
  const start = cursor.at++;
  const simple = SIMPLE_ESCAPES[cursor.text[cursor.at] ?? ''];
  if (simple !== undefined) {
    cursor.at++;
    return Buffer.from(simple);
  }
  CODE_ESCAPE.lastIndex = cursor.at;
  const found = CODE_ESCAPE.exec(cursor.text);
  const encoded = found === null ? undefined : encodeEscape(found);
  if (found === null || encoded === undefined) throw invalid({ text: cursor.text, at: start }, 'a known escape');
  cursor.at += found[0].length;
  return encoded;
}

function encodeEscape(found: RegExpExecArray): Buffer | undefined {
  const [, hexByte, short, long, octalByte] = found;
  if (hexByte !== undefined) return Buffer.from(hexByte, 'hex');
  if (octalByte !== undefined) return Number.parseInt(octalByte, 8) > 255 ? undefined : Buffer.from([Number.parseInt(octalByte, 8)]);
  const codePoint = Number.parseInt(short ?? long!, 16);
  if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return undefined;
  return Buffer.from(String.fromCodePoint(codePoint), 'utf8');
}

function skipBlanks(cursor: Cursor): void {
  take(cursor, BLANKS);
}

/** The text that a sticky pattern finds here, and steps over it. */
function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text);
  if (found === null) return undefined;
  cursor.at += found[0].length;
  return found[0];
}

function invalid(cursor: Cursor, expected: string): TributaryError {
  const found = cursor.at < cursor.text.length ? JSON.stringify(cursor.text.slice(cursor.at, cursor.at + 10)) : 'the end';
  const where = `series selector ${JSON.stringify(cursor.text)}, position ${cursor.at + 1}`;
  return new TributaryError('SELECTOR_INVALID', `${where}: expected ${expected}, found ${found}`);
}
