// Reads a page while it arrives and tells a sink what stands on it. This is the hottest loop of the collector: a line whose key the sink
// expects costs one comparison of bytes (the sink's), the digits of its value and one call; no object, string or closure is made for
// it. What is new or unusual (a key not seen, `NaN` with a timestamp, 17 digits, exemplars) goes through the lexer of SampleLine.
//
// Chunks are parsed in place up to their last complete line; only the rest is copied, so memory is bounded by one line. In the text
// format a line break inside a quoted label value does not end the line; LineEndFinder tells where such a line ends.
//
// Why a known key can be trusted without lexing: if a key (from the line's start to the value's first byte) is a prefix of the line, the
// lexer would have passed the same states over it. That holds when the key ends with a blank or `}`; a key such as `foo` of the line
// `foo+5` could be the beginning of another name and is lexed each time. A blank or `{` behind the key means that the key goes on.

import { ScrapeError } from '../model/scrape-error.ts';
import { readOpenMetricsComment, readTextComment } from './comment-line.ts';
import type { CommentLine } from './comment-line.ts';
import { LineEndFinder } from './line-end.ts';
import { SampleLine, fail } from './sample-line.ts';
import type { MetricType, PageSink } from './sink.ts';

export type PageFormat = 'text' | 'openmetrics';

/**
 * Longest line in bytes, 4 MiB. The start of a line that is cut by a chunk's end is kept in memory, so without a limit one target could fill
 * it. Prometheus has none; the longest lines of real exporters are HELP texts and label sets of some kilobytes.
 */
export const LINE_BYTES_MAX = 4 * 1024 * 1024;

/** Kept between scrapes for the lines that chunks cut; what a longer line needed is given back by `reset`. */
const TAIL_BYTES_KEPT = 4096;

export interface PageReaderOptions {
  /** Default LINE_BYTES_MAX. */
  readonly lineBytesMax?: number;
}

/** What `feed` and `finish` throw: the ScrapeError of the line, with the number of that line (from 1) for people. */
export type PageError = ScrapeError & { readonly line: number };

export interface PageReader {
  /** Takes the next bytes of the page. They are not kept. Throws a PageError; the reader takes nothing more until `reset`. */
  feed(chunk: Uint8Array): void;
  /** The page is complete. Throws a PageError when it ends too early. */
  finish(): void;
  /** Begins a new page. */
  reset(): void;
}

/** One reader serves one target: its sink is the target's series cache. */
export function createPageReader(format: PageFormat, sink: PageSink, options: PageReaderOptions = {}): PageReader {
  return new StreamingPageReader(format, sink, options.lineBytesMax ?? LINE_BYTES_MAX);
}

const TAB = 9;
const LF = 10;
const BLANK = 32;
const HASH = 35;
const MINUS = 45;
const POINT = 46;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;

/** Powers of ten that a double holds exactly: one multiplication or division by them rounds once, so the result is the nearest double. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** Up to 15 digits are below 2^53 and exact. */
const EXACT_DIGITS = 15;

class StreamingPageReader implements PageReader {
  readonly #openMetrics: boolean;
  readonly #sink: PageSink;
  readonly #lineBytesMax: number;
  readonly #sample: SampleLine;
  readonly #finder: LineEndFinder;
  /** Start of a line whose end has not come yet. */
  #tail: Uint8Array = Buffer.allocUnsafeSlow(TAIL_BYTES_KEPT);
  #tailBytes = 0;
  /** Lines read so far. */
  #lines = 0;
  /** Keys with line breaks inside exist: they count as several lines. */
  #longKeys = false;
  #type: MetricType | undefined = undefined;
  #ended = false;
  #dead = false;

  constructor(format: PageFormat, sink: PageSink, lineBytesMax: number) {
    this.#openMetrics = format === 'openmetrics';
    this.#sink = sink;
    this.#lineBytesMax = lineBytesMax;
    this.#sample = new SampleLine(this.#openMetrics);
    this.#finder = new LineEndFinder(this.#openMetrics);
  }

  reset(): void {
    if (this.#tail.length > TAIL_BYTES_KEPT) this.#tail = Buffer.allocUnsafeSlow(TAIL_BYTES_KEPT);
    this.#tailBytes = 0;
    this.#lines = 0;
    this.#type = undefined;
    this.#ended = false;
    this.#dead = false;
  }

  feed(chunk: Uint8Array): void {
    this.#alive();
    try {
      this.#take(chunk);
    } catch (error) {
      throw this.#died(error);
    }
  }

  finish(): void {
    this.#alive();
    try {
      this.#finishTail();
      if (this.#openMetrics && !this.#ended) fail('data does not end with # EOF');
    } catch (error) {
      throw this.#died(error);
    }
  }

  #alive(): void {
    if (this.#dead) throw new Error('this page reader has refused its page: call reset() before the next one');
  }

  #died(error: unknown): unknown {
    this.#dead = true;
    return error instanceof ScrapeError ? Object.assign(error, { line: this.#lines + 1 }) : error;
  }

  #take(chunk: Uint8Array): void {
    if (this.#ended) return this.#refuseMore(chunk.length);
    let at = this.#tailBytes > 0 ? this.#completeTail(chunk) : 0;
    const limit = chunk.lastIndexOf(LF) + 1;
    if (limit > at && !this.#ended) at = this.#readLines(chunk, at, limit, false);
    if (this.#ended) return this.#refuseMore(chunk.length - at);
    if (at < chunk.length) this.#keepTail(chunk, at);
  }

  /** Nothing may follow the end mark of OpenMetrics; in the text format a NUL byte ends the page, and what follows is not looked at. */
  #refuseMore(bytes: number): void {
    if (this.#openMetrics && bytes > 0) fail('unexpected data after # EOF');
  }

  /** Adds what the kept line lacks and reads it when it is complete. Returns where the chunk goes on. */
  #completeTail(chunk: Uint8Array): number {
    const end = this.#finder.find(chunk, 0);
    this.#append(chunk, 0, end === -1 ? chunk.length : end);
    if (end === -1) return chunk.length;
    this.#readTail();
    return end;
  }

  #keepTail(chunk: Uint8Array, at: number): void {
    this.#finder.reset();
    const end = this.#finder.find(chunk, at);
    this.#append(chunk, at, end === -1 ? chunk.length : end);
    if (end === -1) return;
    // Lexer and finder disagree about a malformed line only; it is refused here.
    this.#readTail();
    this.#take(chunk.subarray(end));
  }

  #append(chunk: Uint8Array, from: number, to: number): void {
    const bytes = this.#tailBytes + to - from;
    this.#checkLength(bytes);
    if (bytes + 1 > this.#tail.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes + 1, 2 * this.#tail.length));
      larger.set(this.#tail.subarray(0, this.#tailBytes));
      this.#tail = larger;
    }
    this.#tail.set(chunk.subarray(from, to), this.#tailBytes);
    this.#tailBytes = bytes;
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#lineBytesMax) fail(`line of more than ${this.#lineBytesMax} bytes`);
  }

  #readTail(): void {
    const bytes = this.#tailBytes;
    this.#tailBytes = 0;
    this.#readLines(this.#tail, 0, bytes, true);
  }

  /** The text format adds a line break to the page, so a last line without one is complete; in OpenMetrics only the end mark may lack it. */
  #finishTail(): void {
    if (this.#tailBytes === 0) return;
    if (!this.#openMetrics) this.#tail[this.#tailBytes++] = LF;
    this.#readTail();
  }

  /**
   * Reads the lines from `from` on. Behind `limit` no line is complete. Returns where it stopped: `limit`, the start of a line that needs
   * more bytes (never when `complete`), or behind the end mark.
   */
  #readLines(bytes: Uint8Array, from: number, limit: number, complete: boolean): number {
    const sink = this.#sink;
    let lineStart = from;
    while (lineStart < limit) {
      const first = bytes[lineStart]!;
      if (first === HASH && sink.expectComment(bytes, lineStart, limit)) {
        this.#type = sink.commentType ?? this.#type;
        this.#lines++;
        lineStart = sink.keyEnd;
        continue;
      }
      if (first <= HASH) {
        const next = this.#readOther(bytes, lineStart, limit, complete);
        if (next === -1) return lineStart;
        lineStart = next;
        if (this.#ended) return lineStart;
        continue;
      }
      const id = sink.expect(bytes, lineStart, limit);
      if (id === -1) {
        const next = this.#readNewLine(bytes, lineStart, limit, complete);
        if (next === -1) return lineStart;
        lineStart = next;
        continue;
      }
      const keyEnd = sink.keyEnd;
      const last = bytes[keyEnd - 1]!;
      let at = keyEnd;
      let byte = bytes[at]!;
      // Every line here ends with a line break at or before limit - 1, so the runs of digits below end by themselves.
      const negative = byte === MINUS;
      if (negative) byte = bytes[++at]!;
      const digitsFrom = at;
      let mantissa = 0;
      while (byte >= 48 && byte <= 57) {
        mantissa = mantissa * 10 + (byte - 48);
        byte = bytes[++at]!;
      }
      let digits = at - digitsFrom;
      let exponent = 0;
      if (byte === POINT) {
        const pointAt = at;
        byte = bytes[++at]!;
        while (byte >= 48 && byte <= 57) {
          mantissa = mantissa * 10 + (byte - 48);
          byte = bytes[++at]!;
        }
        exponent = pointAt + 1 - at;
        digits -= exponent;
      }
      let exact = digits > 0 && digits <= EXACT_DIGITS && (last === BLANK || last === BRACE_CLOSE);
      if (byte === 101 && exact) {
        byte = bytes[++at]!;
        const down = byte === MINUS;
        if (down || byte === 43) byte = bytes[++at]!;
        const exponentFrom = at;
        let written = 0;
        while (byte >= 48 && byte <= 57) {
          written = written * 10 + (byte - 48);
          byte = bytes[++at]!;
        }
        exponent += down ? -written : written;
        exact = at > exponentFrom && exponent >= -22 && exponent <= 22;
      }
      if (exact) {
        let value = exponent === 0 ? mantissa : exponent < 0 ? mantissa / POWERS_OF_TEN[-exponent]! : mantissa * POWERS_OF_TEN[exponent]!;
        if (negative) value = -value;
        if (byte === LF) {
          sink.sample(id, value, undefined);
          this.#countLine(bytes, lineStart, keyEnd);
          lineStart = at + 1;
          continue;
        }
        if (byte === BLANK && !this.#openMetrics) {
          let timestampMs = 0;
          byte = bytes[++at]!;
          const timestampFrom = at;
          while (byte >= 48 && byte <= 57) {
            timestampMs = timestampMs * 10 + (byte - 48);
            byte = bytes[++at]!;
          }
          if (byte === LF && at > timestampFrom && at - timestampFrom <= EXACT_DIGITS) {
            sink.sample(id, value, timestampMs);
            this.#countLine(bytes, lineStart, keyEnd);
            lineStart = at + 1;
            continue;
          }
        }
      }
      const next = this.#readKnownKey(id, bytes, lineStart, keyEnd, limit, complete);
      if (next === -1) return lineStart;
      lineStart = next;
    }
    return lineStart;
  }

  #countLine(bytes: Uint8Array, lineStart: number, keyEnd: number): void {
    this.#lines++;
    if (!this.#longKeys) return;
    for (let i = lineStart; i < keyEnd; i++) if (bytes[i] === LF) this.#lines++;
  }

  /** A line that begins with a blank, a line break, `#` or a byte that no line begins with. Returns as `#readNewLine`. */
  #readOther(bytes: Uint8Array, lineStart: number, limit: number, complete: boolean): number {
    let at = lineStart;
    if (!this.#openMetrics) {
      while (bytes[at] === BLANK || bytes[at] === TAB) at++;
      if (bytes[at] === 0) return this.#end(limit);
      if (bytes[at] === LF) return this.#skipTo(at);
    }
    if (bytes[at] !== HASH || at >= limit) return this.#readNewLine(bytes, lineStart, limit, complete);
    const found = bytes.indexOf(LF, at);
    const end = found === -1 || found >= limit ? limit : found;
    this.#checkLength(end - lineStart);
    const comment = this.#openMetrics
      ? readOpenMetricsComment(bytes, lineStart, end, end < limit)
      : readTextComment(bytes, lineStart, at, end);
    this.#tell(comment);
    if (comment.kind === 'end') return this.#end(this.#openMetrics ? Math.min(end + 1, limit) : limit);
    if (at === lineStart) this.#sink.learnComment(bytes, lineStart, end + 1, comment.type);
    return this.#skipTo(end);
  }

  #skipTo(lineBreak: number): number {
    this.#lines++;
    return lineBreak + 1;
  }

  #end(at: number): number {
    this.#ended = true;
    return at;
  }

  #tell(comment: CommentLine): void {
    const { kind, family, text, type } = comment;
    if (kind === 'type') {
      this.#type = type;
      this.#sink.metadata(family, type, undefined, undefined);
    }
    if (kind === 'help') this.#sink.metadata(family, undefined, text, undefined);
    if (kind === 'unit') this.#sink.metadata(family, undefined, undefined, text);
  }

  /** A known key with a value, timestamp or exemplar that the fast path does not read, or a key that goes on. */
  #readKnownKey(id: number, bytes: Uint8Array, lineStart: number, keyEnd: number, limit: number, complete: boolean): number {
    const last = bytes[keyEnd - 1]!;
    const byte = bytes[keyEnd]!;
    const sure = (last === BLANK || last === TAB || last === BRACE_CLOSE) && byte !== BLANK && byte !== TAB && byte !== BRACE_OPEN;
    if (!sure) return this.#readNewLine(bytes, lineStart, limit, complete);
    const next = this.#sample.readAfterKey(bytes, lineStart, keyEnd, limit);
    this.#give(id);
    this.#countLine(bytes, lineStart, keyEnd);
    return next;
  }

  /** Reads a line from its first byte. Returns the offset behind it, or -1 when it needs more bytes. */
  #readNewLine(bytes: Uint8Array, lineStart: number, limit: number, complete: boolean): number {
    const sample = this.#sample;
    let next: number;
    try {
      next = sample.read(bytes, lineStart, limit);
    } catch (error) {
      // A quoted text that runs to the limit is no mistake while more bytes may come.
      if (sample.lexer.unfinished && !complete) return -1;
      throw error;
    }
    this.#checkLength(next - lineStart);
    let id = this.#sink.find(bytes, lineStart, sample.keyEnd);
    if (id === -1) id = this.#sink.add(bytes, lineStart, sample.keyEnd, this.#labels());
    this.#longKeys ||= bytes.subarray(lineStart, sample.keyEnd).includes(LF);
    this.#give(id);
    this.#countLine(bytes, lineStart, sample.keyEnd);
    return next;
  }

  /** A line whose labels are refused was read all the same: Prometheus counts it as scraped, so the sink is told, as for a dropped series. */
  #labels(): Map<string, string> {
    try {
      return this.#sample.labels(this.#type);
    } catch (error) {
      this.#sink.sample(-1, this.#sample.value, this.#sample.timestampMs);
      throw error;
    }
  }

  #give(id: number): void {
    const { value, timestampMs, exemplar } = this.#sample;
    this.#sink.sample(id, value, timestampMs);
    if (exemplar !== undefined && id >= 0) this.#sink.exemplar(id, exemplar);
  }
}
