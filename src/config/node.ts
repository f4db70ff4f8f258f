// A YAML document as the schema sees it: three kinds of nodes, each with its place. Scalars keep the text as it was written, because
// Prometheus' parser (Go yaml v2) decides by the wanted type what a text means: an unquoted `1` is the string "1" where a string is due.

/** Line and column begin at 1; both are 0 where a problem concerns a whole file. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What a scalar is by itself, by the rules of YAML 1.1: only plain (unquoted) text can be anything but a string. */
export type ScalarTag = '!!null' | '!!bool' | '!!int' | '!!float' | '!!str' | '!!binary';

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly at: Position;
  readonly text: string;
  readonly tag: ScalarTag;
}

export interface ListNode {
  readonly kind: 'list';
  readonly at: Position;
  readonly items: readonly Node[];
}

export interface MapEntry {
  readonly key: string;
  readonly at: Position;
  readonly value: Node;
}

export interface MapNode {
  readonly kind: 'map';
  readonly at: Position;
  /** In order of appearance, merged entries last; a name that appears twice is here twice. */
  readonly entries: readonly MapEntry[];
}

export type Node = ScalarNode | ListNode | MapNode;

const trueWords = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const falseWords = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);
const nullWords = new Set(['', '~', 'null', 'Null', 'NULL']);
const intPattern = /^[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$/;
const floatPattern = /^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$/;
const floatWords = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;

/** The tag of a plain scalar. */
export function plainTag(text: string): ScalarTag {
  if (nullWords.has(text)) return '!!null';
  if (trueWords.has(text) || falseWords.has(text)) return '!!bool';
  if (intPattern.test(text) && intValue(text) !== undefined) return '!!int';
  if (floatPattern.test(text) || floatWords.test(text)) return '!!float';
  return '!!str';
}

export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.tag === '!!null';
}

export function boolValue(text: string): boolean | undefined {
  if (trueWords.has(text)) return true;
  return falseWords.has(text) ? false : undefined;
}

/** The integer of a YAML 1.1 text: decimal, 0x, 0b, 0o or octal by a leading zero, `_` between digits. */
export function intValue(text: string): bigint | undefined {
  const plain = text.replaceAll('_', '');
  const negative = plain.startsWith('-');
  const digits = plain.replace(/^[-+]/, '');
  const octal = /^0[0-7]+$/.test(digits);
  if (/^0[0-9]+$/.test(digits) && !octal) return undefined;
  try {
    const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
    return negative ? -value : value;
  } catch {
    return undefined;
  }
}

export function floatValue(text: string): number {
  const plain = text.replaceAll('_', '').toLowerCase();
  if (plain === '.nan') return Number.NaN;
  if (plain.endsWith('.inf')) return plain.startsWith('-') ? -Infinity : Infinity;
  return Number(plain);
}
