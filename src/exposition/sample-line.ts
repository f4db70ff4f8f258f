// Reads one sample line with the lexer: its key, value, timestamp and exemplar, and on demand its labels. One object per reader is used
// again for every line. Problems are thrown as ScrapeError with Prometheus' texts. Source: Prometheus model/textparse.

import { isUtf8 } from 'node:buffer';
import { ScrapeError } from '../model/scrape-error.ts';
import { METRIC_NAME } from '../model/labels.ts';
import { goQuote, normaliseFloatLabel, parseExposedFloat, parseTimestampMs } from './go-text.ts';
import type { FloatResult } from './go-text.ts';
import { LineLexer, isAscii, isPlain, latin1, utf8 } from './line-lexer.ts';
import type { Token } from './line-lexer.ts';
import type { MetricType, ParsedExemplar } from './sink.ts';

const LF = 10;
const QUOTE = 34;
const UNSET = -1;

export class SampleLine {
  readonly lexer: LineLexer;
  readonly #openMetrics: boolean;
  /** Offset of the first byte of the value. */
  keyEnd = 0;
  value = 0;
  timestampMs: number | undefined = undefined;
  exemplar: ParsedExemplar | undefined = undefined;
  #nameStart = UNSET;
  #nameEnd = UNSET;
  /** Four offsets per label: start and end of its name, start and end of its value, without quotes. */
  #labels: number[] = [];
  /** Entries of `#labels` that count: cutting the array would give its memory back with every line. */
  #labelCount = 0;
  /** Metric name of the last line. */
  #metricBefore = '';
  /** Label names of the last line, by their place. */
  #namesBefore: string[] = [];

  constructor(openMetrics: boolean) {
    this.#openMetrics = openMetrics;
    this.lexer = new LineLexer(openMetrics);
  }

  /** Reads a whole line. Returns the offset behind it. */
  read(bytes: Uint8Array, lineStart: number, limit: number): number {
    this.lexer.begin(bytes, lineStart, lineStart, limit, 'init');
    this.#nameStart = UNSET;
    this.#nameEnd = UNSET;
    this.#labelCount = 0;
    const token = this.#readKey();
    if (this.#nameStart === UNSET) fail(this.lexer.problem('metric name not set'));
    return this.#readRest(token);
  }

  /** Reads on behind a key that is known already. Returns the offset behind the line. */
  readAfterKey(bytes: Uint8Array, lineStart: number, keyEnd: number, limit: number): number {
    const at = this.#openMetrics ? keyEnd - 1 : keyEnd;
    this.lexer.begin(bytes, lineStart, at, limit, 'value');
    return this.#readRest(this.lexer.next());
  }

  /** The labels of the line that was read last, `__name__` included. `type` is that of the last TYPE line. */
  labels(type: MetricType | undefined): Map<string, string> {
    const { bytes } = this.lexer;
    const labels = new Map<string, string>();
    labels.set(METRIC_NAME, this.#metricName());
    for (let i = 0; i < this.#labelCount; i += 4) {
      const name = this.#labelName(i);
      if (labels.has(name)) throw new ScrapeError('labels', `label name ${goQuote(Buffer.from(name))} is not unique`);
      const value = quotedText(bytes, this.#labels[i + 2]!, this.#labels[i + 3]!);
      labels.set(name, isFloatLabel(type, name) ? normaliseFloatLabel(value) : value);
    }
    return labels;
  }

  #metricName(): string {
    if (!isText(this.lexer.bytes, this.#nameStart, this.#nameEnd, this.#metricBefore)) {
      this.#metricBefore = unescape(this.#name(this.#nameStart, this.#nameEnd));
    }
    return this.#metricBefore;
  }

  /** Lines of a family repeat their label names in order: the string of the line before is used again where its bytes are the same. */
  #labelName(i: number): string {
    const start = this.#labels[i]!;
    const end = this.#labels[i + 1]!;
    const before = this.#namesBefore[i >>> 2];
    if (before !== undefined && isText(this.lexer.bytes, start, end, before)) return before;
    return (this.#namesBefore[i >>> 2] = unescape(this.#name(start, end)));
  }

  /** Names are not checked by the parsers of Prometheus but later; decoding them would hide bad bytes, so they are found here. */
  #name(start: number, end: number): string {
    const { bytes } = this.lexer;
    if (!isAscii(bytes, start, end) && !isUtf8(bytes.subarray(start, end))) {
      throw new ScrapeError('labels', `invalid metric name or label names: {${goQuote(bytes.subarray(start, end))}}`);
    }
    return utf8(bytes, start, end);
  }

  #readKey(): Token {
    const { lexer } = this;
    const first = lexer.next();
    if (first === 'BOPEN') {
      this.#readBraces();
      return lexer.next();
    }
    if (first !== 'MNAME') fail(lexer.unexpected('expected a valid start token', first));
    // Blanks in front of a bare name belong to it: Prometheus counts the name from the line's start.
    this.#nameStart = lexer.lineStart;
    this.#nameEnd = lexer.at;
    const second = lexer.next();
    if (second !== 'BOPEN') return second;
    this.#readBraces();
    return lexer.next();
  }

  #readBraces(): void {
    const { lexer } = this;
    let token = lexer.next();
    while (token !== 'BCLOSE') {
      const start = lexer.tokenStart;
      const end = lexer.at;
      if (token !== 'LNAME' && token !== 'QSTRING') fail(lexer.unexpected('expected label name', token));
      const quoted = token === 'QSTRING';
      token = lexer.next();
      if (quoted && (token === 'COMMA' || token === 'BCLOSE')) {
        this.#setName(start + 1, end - 1);
        if (token === 'COMMA') token = lexer.next();
        continue;
      }
      this.#readLabelValue(token, quoted ? start + 1 : start, quoted ? end - 1 : end);
      token = this.#afterLabel();
    }
  }

  #setName(start: number, end: number): void {
    if (this.#nameStart !== UNSET) fail(this.lexer.problem('metric name already set'));
    this.#nameStart = start;
    this.#nameEnd = end;
  }

  #readLabelValue(token: Token, nameStart: number, nameEnd: number): void {
    const { lexer } = this;
    if (token !== 'EQUAL') fail(lexer.unexpected('expected equal', token));
    const value = lexer.next();
    if (value !== 'LVALUE') fail(lexer.unexpected('expected label value', value));
    if (!isAscii(lexer.bytes, lexer.tokenStart, lexer.at)) checkUtf8(lexer.bytes.subarray(lexer.tokenStart, lexer.at));
    const labels = this.#labels;
    labels[this.#labelCount++] = nameStart;
    labels[this.#labelCount++] = nameEnd;
    labels[this.#labelCount++] = lexer.tokenStart + 1;
    labels[this.#labelCount++] = lexer.at - 1;
  }

  /** The text format lets a comma be missing between two labels, OpenMetrics does not. */
  #afterLabel(): Token {
    const token = this.lexer.next();
    if (token === 'COMMA') return this.lexer.next();
    if (this.#openMetrics && token !== 'BCLOSE') fail(this.lexer.unexpected('expected comma or brace close', token));
    return token;
  }

  #readRest(token: Token): number {
    this.timestampMs = undefined;
    this.exemplar = undefined;
    this.value = this.#float(token, 'metric');
    this.keyEnd = this.lexer.tokenStart + (this.#openMetrics ? 1 : 0);
    const next = this.lexer.next();
    if (this.#openMetrics) this.#openMetricsEnd(next);
    else this.#textEnd(next);
    return this.lexer.at;
  }

  #textEnd(token: Token): void {
    const { lexer } = this;
    if (token === 'LINEBREAK') return;
    if (token !== 'TIMESTAMP') fail(lexer.unexpected('expected timestamp or new record', token));
    this.timestampMs = this.#checked(parseTimestampMs(lexer.tokenText()));
    const end = lexer.next();
    if (end !== 'LINEBREAK') fail(lexer.unexpected('expected next entry after timestamp', end));
  }

  #openMetricsEnd(token: Token): void {
    const { lexer } = this;
    if (token === 'LINEBREAK') return;
    if (token === 'EOF') fail('data does not end with # EOF');
    if (token === 'COMMENT') return this.#readExemplar();
    // Recorded from Prometheus 3.14: a blank at the line's end right behind the value ends the sample, which counts as scraped; the
    // page is refused at the line break that is left over.
    if (token === 'INVALID' && lexer.at === lexer.tokenStart + 1 && lexer.bytes[lexer.at] === LF && lexer.at < lexer.limit) return;
    if (token !== 'TIMESTAMP') fail(lexer.unexpected('expected timestamp or # symbol', token));
    this.timestampMs = this.#seconds('invalid timestamp');
    const end = lexer.next();
    if (end === 'COMMENT') return this.#readExemplar();
    if (end !== 'LINEBREAK') fail(lexer.unexpected('expected next entry after timestamp', end));
  }

  #readExemplar(): void {
    const { lexer } = this;
    const labels = this.#exemplarLabels();
    const value = this.#float(lexer.next(), 'exemplar labels');
    const token = lexer.next();
    if (token === 'EOF') fail('data does not end with # EOF');
    if (token !== 'LINEBREAK' && token !== 'TIMESTAMP') fail(lexer.unexpected('expected timestamp or comment', token));
    const timestampMs = token === 'TIMESTAMP' ? this.#seconds('invalid exemplar timestamp') : undefined;
    this.exemplar = { labels, value, timestampMs };
    if (token === 'LINEBREAK') return;
    const end = lexer.next();
    if (end !== 'LINEBREAK') fail(lexer.unexpected('expected next entry after exemplar timestamp', end));
  }

  /** Escapes in an exemplar's labels stay as they are written, as in Prometheus. */
  #exemplarLabels(): Map<string, string> {
    const { lexer } = this;
    const labels = new Map<string, string>();
    const from = this.#labelCount;
    let token = lexer.next();
    while (token !== 'BCLOSE') {
      if (token !== 'LNAME' && token !== 'QSTRING') fail(lexer.unexpected('expected label name', token));
      const quoted = lexer.bytes[lexer.tokenStart] === QUOTE ? 1 : 0;
      const [start, end] = [lexer.tokenStart + quoted, lexer.at - quoted];
      token = lexer.next();
      if (token === 'COMMA' || token === 'BCLOSE') fail(lexer.unexpected('expected label name', token));
      this.#readLabelValue(token, start, end);
      labels.set(utf8(lexer.bytes, start, end), utf8(lexer.bytes, lexer.tokenStart + 1, lexer.at - 1));
      token = this.#afterLabel();
    }
    this.#labelCount = from;
    return labels;
  }

  #float(token: Token, after: string): number {
    const { lexer } = this;
    if (token !== 'VALUE') fail(lexer.unexpected(`expected value after ${after}`, token));
    return this.#checked(parseExposedFloat(lexer.tokenText(lexer.tokenStart + (this.#openMetrics ? 1 : 0))));
  }

  /** Seconds with a fraction; milliseconds are cut, not rounded. */
  #seconds(problem: string): number {
    const seconds = this.#checked(parseExposedFloat(this.lexer.tokenText(this.lexer.tokenStart + 1)));
    if (Number.isNaN(seconds)) fail(`${problem} NaN`);
    if (!Number.isFinite(seconds)) fail(`${problem} ${seconds > 0 ? '+Inf' : '-Inf'}`);
    // Adding 0 turns -0 into 0: a timestamp is an integer.
    return Math.trunc(seconds * 1000) + 0;
  }

  #checked(result: FloatResult): number {
    if ('problem' in result) fail(this.lexer.problem(result.problem));
    return result.value;
  }
}

function checkUtf8(quoted: Uint8Array): void {
  if (!isUtf8(quoted)) fail(`invalid UTF-8 label value: ${goQuote(quoted)}`);
}

/** Whether the bytes are the text, which may only be ASCII for that. */
function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i] || bytes[start + i]! > 0x7f) return false;
  return true;
}

function isFloatLabel(type: MetricType | undefined, name: string): boolean {
  return (type === 'histogram' && name === 'le') || (type === 'summary' && name === 'quantile');
}

function quotedText(bytes: Uint8Array, from: number, to: number): string {
  return isPlain(bytes, from, to) ? latin1(bytes, from, to) : unescape(utf8(bytes, from, to));
}

const ESCAPES = /\\([\\"n])/g;

/** `\\`, `\"` and `\n` of a quoted text; any other backslash stays. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(ESCAPES, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

export function fail(message: string): never {
  throw new ScrapeError('parse', message);
}
