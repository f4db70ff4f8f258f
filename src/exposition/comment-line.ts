// Reads a line that begins with `#`: metadata (TYPE, HELP, UNIT), the end mark of OpenMetrics, or a comment, which only the text format
// has. Source: Prometheus model/textparse.

import { isUtf8 } from 'node:buffer';
import { goQuote } from './go-text.ts';
import { utf8 } from './line-lexer.ts';
import { fail } from './sample-line.ts';
import type { MetricType } from './sink.ts';

export interface CommentLine {
  /** `end`: the end mark of OpenMetrics, or a NUL byte where the text format takes it for the end of the page. */
  readonly kind: 'type' | 'help' | 'unit' | 'comment' | 'end';
  readonly family: string;
  readonly text: string;
  readonly type: MetricType | undefined;
}

const COMMENT: CommentLine = { kind: 'comment', family: '', text: '', type: undefined };
const END: CommentLine = { ...COMMENT, kind: 'end' };

const TEXT_TYPES = new Map<string, MetricType>([
  ['counter', 'counter'], ['gauge', 'gauge'], ['histogram', 'histogram'], ['summary', 'summary'], ['untyped', 'unknown'],
]);
const OPEN_METRICS_TYPES = new Map<string, MetricType>([
  ['counter', 'counter'], ['gauge', 'gauge'], ['histogram', 'histogram'], ['gaugehistogram', 'gaugehistogram'],
  ['summary', 'summary'], ['info', 'info'], ['stateset', 'stateset'], ['unknown', 'unknown'],
]);

const NUL = 0;
const TAB = 9;
const BLANK = 32;
const QUOTE = 34;

/** One line: from `start` to `end`, where the line break stands or the bytes end. `hash` is the offset of `#`. */
interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly hash: number;
  readonly end: number;
  readonly hasLineBreak: boolean;
}

export function readTextComment(bytes: Uint8Array, start: number, hash: number, end: number): CommentLine {
  const line: Span = { bytes, start, hash, end, hasLineBreak: true };
  const word = skipBlanks(bytes, hash + 1, end);
  if (bytes[word] === NUL) return END;
  if (word === hash + 1) return bytes.subarray(word, end).includes(NUL) ? END : COMMENT;
  const kind = keyword(bytes, word, end);
  const name = skipBlanks(bytes, word + 4, end);
  if ((kind !== 'type' && kind !== 'help') || name === word + 4) return COMMENT;
  const nameEnd = familyEnd(line, name, kind);
  if (bytes[nameEnd] === NUL) fail(unexpected(line, nameEnd, 'linebreak expected after metadata', 'EOF'));
  // The one byte behind the name is skipped whatever it is.
  return metadata(line, { kind, name, nameEnd, text: Math.min(nameEnd + 1, end) }, false);
}

export function readOpenMetricsComment(bytes: Uint8Array, start: number, end: number, hasLineBreak: boolean): CommentLine {
  const line: Span = { bytes, start, hash: start, end, hasLineBreak };
  const word = start + 2;
  if (bytes[start + 1] !== BLANK) fail(unexpected(line, start, 'expected a valid start token', 'INVALID', start + 1));
  const kind = keyword(bytes, word, end);
  if (kind === 'end') {
    if (end > word + 3) fail('unexpected data after # EOF');
    return END;
  }
  if (kind === 'comment' || bytes[word + 4] !== BLANK || word + 4 >= end) {
    fail(unexpected(line, start, 'expected a valid start token', 'INVALID', word));
  }
  const name = word + 5;
  const nameEnd = familyEnd(line, name, kind);
  if (nameEnd >= end || bytes[nameEnd] !== BLANK || !hasLineBreak) fail(`expected text in ${kind.toUpperCase()}`);
  return metadata(line, { kind, name, nameEnd, text: nameEnd + 1 }, true);
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && (bytes[i] === BLANK || bytes[i] === TAB)) i++;
  return i;
}

function keyword(bytes: Uint8Array, at: number, end: number): CommentLine['kind'] {
  const word = utf8(bytes, at, Math.min(at + 4, end));
  if (word === 'TYPE') return 'type';
  if (word === 'HELP') return 'help';
  if (word === 'UNIT') return 'unit';
  return word.startsWith('EOF') ? 'end' : 'comment';
}

const FAMILY_NAME = /^(?:"(?:\\.|[^\\"\0])*"|[a-zA-Z_:][a-zA-Z0-9_:]*)/s;

/** Offset behind the family's name, which begins at `at`, quotes included. */
function familyEnd(line: Span, at: number, kind: 'type' | 'help' | 'unit'): number {
  const rest = Buffer.from(line.bytes.subarray(at, line.end)).toString('latin1');
  const match = FAMILY_NAME.exec(rest);
  if (match !== null) return at + match[0].length;
  const token = at >= line.end && !line.hasLineBreak ? 'EOF' : 'INVALID';
  return fail(unexpected(line, at, `expected metric name after ${kind.toUpperCase()}`, token));
}

interface Parts {
  readonly kind: 'type' | 'help' | 'unit';
  readonly name: number;
  readonly nameEnd: number;
  readonly text: number;
}

function metadata(line: Span, parts: Parts, openMetrics: boolean): CommentLine {
  const { bytes, end } = line;
  const { kind } = parts;
  const quoted = bytes[parts.name] === QUOTE ? 1 : 0;
  const family = utf8(bytes, parts.name + quoted, parts.nameEnd - quoted);
  const raw = bytes.subarray(parts.text, end);
  const text = utf8(bytes, parts.text, end);
  if (kind === 'type') return { kind, family, text: '', type: metricType(text, raw, openMetrics) };
  if (kind === 'unit') return { kind, family, text: checkedUnit(family, text), type: undefined };
  if (!isUtf8(raw)) fail(`help text ${goQuote(raw)} is not a valid utf8 string`);
  return { kind, family, text: unescapeHelp(text, openMetrics), type: undefined };
}

function metricType(text: string, raw: Uint8Array, openMetrics: boolean): MetricType {
  const type = (openMetrics ? OPEN_METRICS_TYPES : TEXT_TYPES).get(text);
  return type ?? fail(`invalid metric type ${goQuote(raw)}`);
}

function checkedUnit(family: string, unit: string): string {
  if (unit === '' || family.endsWith(`_${unit}`)) return unit;
  return fail(`unit ${goQuote(Buffer.from(unit))} not a suffix of metric ${goQuote(Buffer.from(family))}`);
}

/** The text format knows `\\` and `\n` in a HELP text, OpenMetrics also `\"`. */
function unescapeHelp(text: string, openMetrics: boolean): string {
  if (!text.includes('\\')) return text;
  return text.replace(openMetrics ? /\\([\\n"])/g : /\\([\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

/** The excerpt of what was got goes from `at` through `last`. */
function unexpected(line: Span, at: number, what: string, token: string, last: number = at): string {
  const end = Math.min(last + 1, line.end + (line.hasLineBreak ? 1 : 0));
  const got = goQuote(line.bytes.subarray(Math.min(at, end), end));
  return `${what}, got ${got} ("${token}") while parsing: ${goQuote(line.bytes.subarray(line.start, end))}`;
}
