// What a VictoriaMetrics holds of a node's counters, asked for by window: series change when something moved, so the value at a window's end is the last one until then.

export interface StoredSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  readonly timestampsMs: readonly number[];
}

/** Every series of a job with all its samples, as they were written. */
export async function exportJob(address: string, job: string): Promise<StoredSeries[]> {
  await fetch(`http://${address}/internal/force_flush`);
  const query = new URLSearchParams({ 'match[]': `{job="${job}"}` });
  const response = await fetch(`http://${address}/api/v1/export?${query.toString()}`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { metric, values, timestamps } = JSON.parse(line) as { metric: Record<string, string>; values: (number | string | null)[]; timestamps: number[] };
    return { labels: metric, values: values.map(Number), timestampsMs: timestamps };
  });
}

/** The only series with these labels. Throws where there is none. */
export function seriesOf(stored: readonly StoredSeries[], labels: Readonly<Record<string, string>>): StoredSeries {
  const found = stored.filter((one) => Object.entries(labels).every(([name, value]) => one.labels[name] === value));
  if (found.length !== 1) throw new Error(`${found.length} series ${JSON.stringify(labels)}`);
  return found[0]!;
}

/** The last value until then; NaN before the first. */
export function valueAt({ values, timestampsMs }: StoredSeries, timestampMs: number): number {
  return values[timestampsMs.findLastIndex((ms) => ms <= timestampMs)] ?? NaN;
}

/** What a counter counted in the second that ended then. */
export function increaseAt(series: StoredSeries, timestampMs: number): number {
  return valueAt(series, timestampMs) - valueAt(series, timestampMs - 1000);
}

/** Samples of a time, its end included. */
export function samplesBetween({ values, timestampsMs }: StoredSeries, fromMs: number, toMs: number): { readonly value: number; readonly timestampMs: number }[] {
  return timestampsMs.map((timestampMs, i) => ({ timestampMs, value: values[i]! })).filter(({ timestampMs }) => timestampMs > fromMs && timestampMs <= toMs);
}

/** One number of an instant query; NaN without a result. */
export async function queryNumber(address: string, query: string, timeMs: number): Promise<number> {
  const parameters = new URLSearchParams({ query, time: String(timeMs / 1000) });
  const response = await fetch(`http://${address}/api/v1/query?${parameters.toString()}`);
  const { data } = (await response.json()) as { data: { result: readonly { value: readonly [number, string] }[] } };
  return Number(data.result[0]?.value[1]);
}
