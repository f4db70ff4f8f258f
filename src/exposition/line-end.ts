// Finds the end of a line that does not lie in one chunk, looking at every byte once: the state goes on where the last chunk ended. A line
// break inside a quoted text is part of the text (in OpenMetrics only in names), so the finder follows braces and quotes. It need not
// judge: a line that is no good is cut somewhere and refused by the lexer.

const LF = 10;
const QUOTE = 34;
const HASH = 35;
const EQUAL = 61;
const BACKSLASH = 92;

type Place = 'line start' | 'outside' | 'comment' | 'braces' | 'after equal' | 'name' | 'name escape' | 'value' | 'value escape';

export class LineEndFinder {
  readonly #openMetrics: boolean;
  #place: Place = 'line start';

  constructor(openMetrics: boolean) {
    this.#openMetrics = openMetrics;
  }

  /** Begins a new line. */
  reset(): void {
    this.#place = 'line start';
  }

  /** Offset behind the line break that ends the line, looking from `at` on; -1 when the bytes end before. */
  find(bytes: Uint8Array, at: number): number {
    let place = this.#place;
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === LF && this.#endsLine(place)) return i + 1;
      if (place !== 'comment') place = nextPlace(place, byte);
    }
    this.#place = place;
    return -1;
  }

  #endsLine(place: Place): boolean {
    if (place === 'name' || place === 'name escape') return false;
    return this.#openMetrics || (place !== 'value' && place !== 'value escape');
  }
}

function nextPlace(place: Place, byte: number): Place {
  switch (place) {
    case 'line start': return byte === HASH ? 'comment' : byte === 32 || byte === 9 ? place : nextPlace('outside', byte);
    case 'outside': return byte === 123 ? 'braces' : place;
    case 'comment': return place;
    case 'braces': return byte === QUOTE ? 'name' : byte === EQUAL ? 'after equal' : byte === 125 ? 'outside' : place;
    case 'after equal': return byte === QUOTE ? 'value' : byte === 32 || byte === 9 ? place : nextPlace('braces', byte);
    case 'name': return byte === QUOTE ? 'braces' : byte === BACKSLASH ? 'name escape' : place;
    case 'name escape': return 'name';
    case 'value': return byte === QUOTE ? 'braces' : byte === BACKSLASH ? 'value escape' : place;
    case 'value escape': return 'value';
  }
}
