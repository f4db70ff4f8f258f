// Upper and lower case as Go's strings.ToUpper and strings.ToLower have them: every code point maps to exactly one, wherever
// it stands. JavaScript maps whole texts (`ß` becomes `SS`, a final `Σ` becomes `ς`), so single code points are mapped, and
// a result of several code points is replaced by the simple mapping of UnicodeData.txt: mostly the character itself.
// Go 1.26 knows Unicode 15; letters that got their other case later stay as they are, whatever Node knows.

/** Letters with a case since Unicode 16 and 17. */
const YOUNGER_THAN_GO =
  /[\u019b\u0264\u1c89\u1c8a\ua7cb-\ua7cf\ua7d2-\ua7d5\ua7da-\ua7dc\u{10d50}-\u{10d85}\u{16ea0}-\u{16ed3}]/u;
const ASCII = /^[\0-\x7f]*$/;

export function toLowerCase(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  let result = '';
  for (const c of text) result += lowerOf(c);
  return result;
}

export function toUpperCase(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  let result = '';
  for (const c of text) result += upperOf(c);
  return result;
}

/** The only lower case of several code points: `İ` is `i` with a dot above; its simple mapping is `i`. */
function lowerOf(c: string): string {
  if (c === '\u0130') return 'i';
  return YOUNGER_THAN_GO.test(c) ? c : c.toLowerCase();
}

function upperOf(c: string): string {
  if (YOUNGER_THAN_GO.test(c)) return c;
  const upper = c.toUpperCase();
  if (isOne(upper)) return upper;
  return greekIotaUpper(c.charCodeAt(0)) ?? c;
}

function isOne(text: string): boolean {
  return text.length === 1 || (text.length === 2 && text.codePointAt(0)! > 0xffff);
}

/**
 * Greek letters with an iota below: in whole texts the iota becomes a letter of its own, the simple mapping is the letter with the
 * iota beside it. Three rows of sixteen, small letters first, and three single letters.
 */
function greekIotaUpper(code: number): string | undefined {
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCharCode(code | 8);
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCharCode(code + 9);
  return undefined;
}
