// Label sets: the words everyone shares. A finished label set (`Labels`) is sorted by the UTF-8 bytes of its names and has
// no empty values; while rules work on it, it is a plain `Map` (`LabelMap`), in which an empty value means "absent".

export type LabelMap = Map<string, string>;
export type LabelPair = readonly [name: string, value: string];
/** Sorted by the UTF-8 bytes of the name, no duplicate names, no empty values. */
export type Labels = readonly LabelPair[];

export const METRIC_NAME = '__name__';

/** Compares two strings by their UTF-8 bytes, as Go does. JavaScript's `<` compares UTF-16 units and differs above U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above U+FFFF, so they sort after every other unit. */
function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Finishes a working set: drops empty values and sorts by name. */
export function sortLabels(map: LabelMap): Labels {
  const pairs: LabelPair[] = [];
  for (const [name, value] of map) if (value !== '') pairs.push([name, value]);
  return pairs.sort((a, b) => compareUtf8(a[0], b[0]));
}

/** A text that is equal for equal label sets and different for different ones. */
export function labelsKey(labels: Labels): string {
  let key = '';
  for (const [name, value] of labels) key += `${name}\u0000${value}\u0001`;
  return key;
}

/** `{a="b", c="d"}`, for people: logs, errors and pages. */
export function formatLabels(labels: Iterable<LabelPair>): string {
  const parts: string[] = [];
  for (const [name, value] of labels) parts.push(`${name}=${JSON.stringify(value)}`);
  return `{${parts.join(', ')}}`;
}

/** Whether two maps have the same names with the same values, in any order. */
export function sameLabels(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}
