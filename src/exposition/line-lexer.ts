// Splits one line of an exposition into tokens, as the lexers of Prometheus do, for lines that are new or unusual; lines whose key is
// known never come here. The two text formats differ in blanks: the text format skips them between tokens, OpenMetrics wants exactly
// one before a value. Token names and the extent of an error's excerpt are Prometheus', because people search for its error texts.

import { goQuote } from './go-text.ts';

export type Token =
  | 'INVALID' | 'EOF' | 'LINEBREAK' | 'COMMENT' | 'MNAME' | 'QSTRING' | 'BOPEN' | 'BCLOSE' | 'LNAME' | 'LVALUE' | 'COMMA' | 'EQUAL'
  | 'TIMESTAMP' | 'VALUE';

export type LexerState = 'init' | 'labels' | 'label value' | 'value' | 'timestamp' | 'exemplar' | 'exemplar value' | 'exemplar timestamp';

const NUL = 0;
const TAB = 9;
const LF = 10;
const BLANK = 32;
const QUOTE = 34;
const HASH = 35;
const COLON = 58;
const BACKSLASH = 92;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;

/** Bytes that may begin a label name: letters and `_`. */
function beginsName(byte: number): boolean {
  return (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || byte === 95;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

export class LineLexer {
  readonly #openMetrics: boolean;
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the next byte to read. */
  at = 0;
  /** Bytes from here on are not there yet, or never will be. */
  limit = 0;
  lineStart = 0;
  tokenStart = 0;
  state: LexerState = 'init';
  /** True when a quoted text ran into `limit`: with more bytes the token may be a good one. */
  unfinished = false;

  constructor(openMetrics: boolean) {
    this.#openMetrics = openMetrics;
  }

  /** Begins at `at` of a line that began at `lineStart`. */
  begin(bytes: Uint8Array, lineStart: number, at: number, limit: number, state: LexerState): void {
    this.bytes = bytes;
    this.lineStart = lineStart;
    this.at = at;
    this.tokenStart = at;
    this.limit = limit;
    this.state = state;
    this.unfinished = false;
  }

  next(): Token {
    if (!this.#openMetrics) this.#skipBlanks();
    // At the end the excerpt of an error still begins with the token before, as in Prometheus.
    if (this.at >= this.limit) return 'EOF';
    this.tokenStart = this.at;
    switch (this.state) {
      case 'init': return this.#init();
      case 'labels': return this.#labels();
      case 'label value': return this.#quoted('LVALUE', 'labels', { nul: true, lineBreak: !this.#openMetrics });
      case 'value': return this.#value();
      case 'timestamp': return this.#openMetrics ? this.#afterValue('timestamp') : this.#textTimestamp();
      case 'exemplar': return this.#exemplar();
      case 'exemplar value': return this.#exemplarValue();
      case 'exemplar timestamp': return this.#afterValue('exemplar timestamp');
    }
  }

  /** The bytes of the last token. */
  tokenText(from: number = this.tokenStart): string {
    return latin1(this.bytes, from, this.at);
  }

  /** `expected ..., got "x" ("TOKEN") while parsing: "line so far"`. */
  unexpected(what: string, token: Token): string {
    const end = Math.min(this.limit, this.at + 1);
    const got = goQuote(this.bytes.subarray(this.tokenStart, end));
    return `${what}, got ${got} ("${token}") while parsing: ${goQuote(this.bytes.subarray(this.lineStart, end))}`;
  }

  /** `problem while parsing: "line up to the last token"`. */
  problem(text: string): string {
    return `${text} while parsing: ${goQuote(this.bytes.subarray(this.lineStart, this.at))}`;
  }

  #peek(): number {
    return this.at < this.limit ? this.bytes[this.at]! : NUL;
  }

  #skipBlanks(): void {
    while (this.at < this.limit && (this.bytes[this.at] === BLANK || this.bytes[this.at] === TAB)) this.at++;
  }

  #one(token: Token, state: LexerState): Token {
    this.at++;
    this.state = state;
    return token;
  }

  #init(): Token {
    const byte = this.#peek();
    if (byte === BRACE_OPEN) return this.#one('BOPEN', 'labels');
    if (beginsName(byte) || byte === COLON) return this.#name('MNAME', 'value', true);
    return 'INVALID';
  }

  #name(token: Token, state: LexerState, colons: boolean): Token {
    const { bytes, limit } = this;
    let at = this.at;
    for (; at < limit; at++) {
      const byte = bytes[at]!;
      if (!beginsName(byte) && !isDigit(byte) && !(colons && byte === COLON)) break;
    }
    this.at = at;
    this.state = state;
    return token;
  }

  #labels(): Token {
    const byte = this.#peek();
    if (beginsName(byte)) return this.#name('LNAME', 'labels', false);
    if (byte === 61) return this.#one('EQUAL', 'label value');
    if (byte === 44) return this.#one('COMMA', 'labels');
    if (byte === BRACE_CLOSE) return this.#one('BCLOSE', 'value');
    return this.#quoted('QSTRING', 'labels', { nul: false, lineBreak: true });
  }

  /** A text in double quotes. A backslash takes the next byte with it, which may not be a line break. */
  #quoted(token: Token, state: LexerState, allowed: { readonly nul: boolean; readonly lineBreak: boolean }): Token {
    if (this.#peek() !== QUOTE) return 'INVALID';
    const { bytes, limit } = this;
    let at = this.at + 1;
    // Most bytes of a text are neither a quote, nor below it, nor a backslash.
    for (; at < limit; at++) {
      const byte = bytes[at]!;
      if (byte > QUOTE && byte !== BACKSLASH) continue;
      this.at = at;
      if (byte === QUOTE) return this.#one(token, state);
      if (byte === NUL && !allowed.nul) return 'INVALID';
      if (byte === LF && !allowed.lineBreak) return 'INVALID';
      if (byte !== BACKSLASH) continue;
      this.at = ++at;
      if (this.#peek() === LF) return 'INVALID';
    }
    this.at = limit;
    this.unfinished = true;
    return 'INVALID';
  }

  #value(): Token {
    const byte = this.#peek();
    if (byte === BRACE_OPEN) return this.#one('BOPEN', 'labels');
    return this.#openMetrics ? this.#word('VALUE', 'timestamp') : this.#run('VALUE', 'timestamp');
  }

  /** Bytes up to a blank, tab, line break, brace or NUL: a value of the text format. */
  #run(token: Token, state: LexerState): Token {
    const from = this.at;
    for (; this.at < this.limit; this.at++) {
      const byte = this.bytes[this.at]!;
      if (byte === BLANK || byte === TAB || byte === LF || byte === BRACE_OPEN || byte === NUL) break;
    }
    if (this.at === from) return 'INVALID';
    this.state = state;
    return token;
  }

  /** One blank and the bytes up to the next blank, line break or NUL: a number of OpenMetrics. The token includes the blank. */
  #word(token: Token, state: LexerState): Token {
    if (this.#peek() !== BLANK) return 'INVALID';
    const from = ++this.at;
    for (; this.at < this.limit; this.at++) {
      const byte = this.bytes[this.at]!;
      if (byte === BLANK || byte === LF || byte === NUL) break;
    }
    if (this.at === from) return 'INVALID';
    this.state = state;
    return token;
  }

  #textTimestamp(): Token {
    if (this.#peek() === LF) return this.#one('LINEBREAK', 'init');
    const from = this.at;
    while (isDigit(this.#peek())) this.at++;
    return this.at === from ? 'INVALID' : 'TIMESTAMP';
  }

  #afterValue(state: LexerState): Token {
    if (this.#peek() === LF) return this.#one('LINEBREAK', 'init');
    if (state === 'timestamp' && this.#beginsExemplar()) {
      this.at += 4;
      this.state = 'exemplar';
      return 'COMMENT';
    }
    return this.#word('TIMESTAMP', state);
  }

  #beginsExemplar(): boolean {
    const { bytes, at } = this;
    if (at + 4 > this.limit) return false;
    return bytes[at] === BLANK && bytes[at + 1] === HASH && bytes[at + 2] === BLANK && bytes[at + 3] === BRACE_OPEN;
  }

  #exemplar(): Token {
    const byte = this.#peek();
    if (beginsName(byte)) return this.#name('LNAME', 'exemplar', false);
    if (byte === 61) return this.#one('EQUAL', 'exemplar value');
    if (byte === 44) return this.#one('COMMA', 'exemplar');
    if (byte === BRACE_CLOSE) return this.#one('BCLOSE', 'exemplar value');
    return this.#quoted('QSTRING', 'exemplar', { nul: false, lineBreak: false });
  }

  #exemplarValue(): Token {
    if (this.#peek() === QUOTE) return this.#quoted('LVALUE', 'exemplar', { nul: false, lineBreak: false });
    return this.#word('VALUE', 'exemplar timestamp');
  }
}

/** The bytes as a string of one character per byte: numbers, whose bytes are ASCII when they are valid. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return asBuffer(bytes).toString('latin1', from, to);
}

/** The bytes as UTF-8. Nearly all are ASCII, for which the cheaper decoder gives the same. */
export function utf8(bytes: Uint8Array, from: number, to: number): string {
  return asBuffer(bytes).toString(isAscii(bytes, from, to) ? 'latin1' : 'utf8', from, to);
}

/** Whether the bytes are ASCII without a backslash: what they say is what they are. */
export function isPlain(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > 0x7f || bytes[i] === BACKSLASH) return false;
  return true;
}

/** Whether every byte is below 0x80; a loop, because a native call costs more than a label is long. */
export function isAscii(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
