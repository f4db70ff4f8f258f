// Texts as Go prints them: quoted excerpts for error messages, and floats in the form that OpenMetrics prescribes for `le` and
// `quantile`. Also Go's float grammar, which differs from JavaScript's in both directions. Pure; used off the hot path only.

/** Longest excerpt in an error text, in bytes: a whole page in an error would end up in logs and on the page of targets. */
const EXCERPT_BYTES_MAX = 4096;

const NAMED_ESCAPES = new Map([[7, '\\a'], [8, '\\b'], [9, '\\t'], [10, '\\n'], [11, '\\v'], [12, '\\f'], [13, '\\r'], [34, '\\"'], [92, '\\\\']]);
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** The bytes as Go's `%q` prints them; what is longer than 4096 bytes is cut and ends with `...`. */
export function goQuote(bytes: Uint8Array): string {
  let quoted = '';
  const end = Math.min(bytes.length, EXCERPT_BYTES_MAX);
  for (let i = 0; i < end; ) {
    const size = utf8Size(bytes, i);
    quoted += size === 0 ? `\\x${hex(bytes[i]!, 2)}` : quoteRune(Buffer.from(bytes.subarray(i, i + size)).toString('utf8'));
    i += Math.max(1, size);
  }
  return end < bytes.length ? `"${quoted}..."` : `"${quoted}"`;
}

/** Bytes of the UTF-8 character at `at`, 0 where the bytes are not valid UTF-8. */
function utf8Size(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const text = Buffer.from(bytes.subarray(at, at + size)).toString('utf8');
  return text.codePointAt(0) === 0xfffd && !(first === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) ? 0 : size;
}

function quoteRune(rune: string): string {
  const code = rune.codePointAt(0)!;
  const named = NAMED_ESCAPES.get(code);
  if (named !== undefined) return named;
  if (PRINTABLE.test(rune)) return rune;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const INFINITY = /^([+-]?)inf(?:inity)?$/i;
const NOT_A_NUMBER = /^nan$/i;
const HEXADECIMAL = /^([+-]?)0[xX]_?([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?(?:\.([0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?[pP]([+-]?[0-9]+)$/;

export type FloatResult = { readonly value: number } | { readonly problem: string };

/** A float of an exposition: Go's grammar without hexadecimal forms and underscores. `problem` is Prometheus' text. */
export function parseExposedFloat(text: string): FloatResult {
  if (/[pP_]/.test(text)) return { problem: 'unsupported character in float' };
  return parseDecimal(text);
}

function parseDecimal(text: string): FloatResult {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? { value } : { problem: floatProblem(text, 'value out of range') };
  }
  const infinity = INFINITY.exec(text);
  if (infinity !== null) return { value: infinity[1] === '-' ? -Infinity : Infinity };
  if (NOT_A_NUMBER.test(text)) return { value: NaN };
  return { problem: floatProblem(text, 'invalid syntax') };
}

function floatProblem(text: string, what: string): string {
  return `strconv.ParseFloat: parsing ${goQuote(Buffer.from(text, 'latin1'))}: ${what}`;
}

/** A timestamp of the text format: a signed 64-bit integer written as digits, in milliseconds. `problem` is Go's text. */
export function parseTimestampMs(digits: string): FloatResult {
  if (digits.length > 18 && BigInt(digits) > 0x7fff_ffff_ffff_ffffn) {
    return { problem: `strconv.ParseInt: parsing "${digits}": value out of range` };
  }
  return { value: Number(digits) };
}

/** A value of `le` or `quantile` in OpenMetrics form: `1` becomes `1.0`; what is no number stays. Source: Prometheus textparse. */
export function normaliseFloatLabel(text: string): string {
  const value = parseAnyFloat(text);
  return value === undefined ? text : formatOpenMetricsFloat(value);
}

/** Labels may hold any float that Go reads, hexadecimal ones too. */
function parseAnyFloat(text: string): number | undefined {
  const decimal = parseDecimal(text);
  if ('value' in decimal) return decimal.value;
  const parts = HEXADECIMAL.exec(text);
  if (parts === null || (parts[2] === undefined && parts[3] === undefined)) return undefined;
  const fraction = (parts[3] ?? '').replaceAll('_', '');
  const mantissa = (parts[2] ?? '').replaceAll('_', '') + fraction;
  // 13 hexadecimal digits are exact in a double; longer ones do not occur in bucket bounds.
  if (mantissa.replace(/^0+/, '').length > 13) return undefined;
  const value = Number.parseInt(mantissa, 16) * 2 ** (Number(parts[4]) - 4 * fraction.length);
  return Number.isFinite(value) ? (parts[1] === '-' ? -value : value) : undefined;
}

/**
 * Shortest form that reads back equal, with at least one of `.`, `e`. Exponents below -4 and from 6 on are written, as Go's 'g' format
 * with the shortest precision does: 1e6 is `1e+06`, 1000 is `1000.0`.
 */
export function formatOpenMetricsFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return '0.0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 6) return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  const plain = value.toString();
  return plain.includes('.') ? plain : `${plain}.0`;
}
