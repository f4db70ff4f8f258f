// How the oracle names a series: one text per label set, the same for remote write 1.0, 2.0 and for what a test expects.

export type Labels = Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

/** `up{instance="a",job="b"}`; labels in the order of their names, values as JSON strings. */
export function seriesKey(labels: Labels): string {
  const pairs = Symbol.iterator in labels ? [...(labels as Iterable<readonly [string, string]>)] : Object.entries(labels);
  const name = pairs.find(([label]) => label === '__name__')?.[1] ?? '';
  const rest = pairs.filter(([label]) => label !== '__name__').sort(([a], [b]) => (a < b ? -1 : 1));
  return rest.length === 0 ? name : `${name}{${rest.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`;
}
