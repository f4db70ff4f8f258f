// Sources append exemplars as series of their own, which remote write 1.0 takes as they are. In 2.0 a series has to have samples, so exemplars are
// brought to those of theirs first.

import { latin1, seriesOf, type ParsedSeries } from './parsed-series.ts';
import { encodeSeriesHeader } from './write-request.ts';

/**
 * Puts exemplars beside the samples of their series: a source appends them as series of their own. Still a 1.0 request; `orphans` holds the series
 * whose samples are not in it. Both are undefined when empty.
 */
export function joinExemplars(bytes: Uint8Array): { readonly joined: Uint8Array | undefined; readonly orphans: Uint8Array | undefined } {
  const alone = new Map<string, ParsedSeries[]>();
  const keys = new Set<string>();
  for (const series of seriesOf(bytes)) {
    if (series === undefined) continue;
    const key = latin1(bytes, series.labelsStart, series.labelsEnd);
    if (series.samples.length > 0 || series.histograms.length > 0) keys.add(key);
    else if (series.exemplars.length > 0) alone.set(key, [...(alone.get(key) ?? []), series]);
  }
  if (alone.size === 0) return { joined: bytes.length === 0 ? undefined : bytes, orphans: undefined };
  const joined: Uint8Array[] = [];
  const orphans: Uint8Array[] = [];
  for (const series of seriesOf(bytes)) {
    if (series === undefined) continue;
    const key = latin1(bytes, series.labelsStart, series.labelsEnd);
    const isAlone = series.samples.length === 0 && series.histograms.length === 0 && series.exemplars.length > 0;
    if (isAlone && keys.has(key)) continue;
    const more = isAlone ? [] : (alone.get(key) ?? []);
    if (!isAlone) alone.delete(key);
    (isAlone ? orphans : joined).push(more.length === 0 ? bytes.subarray(series.start, series.end) : withExemplars(bytes, series, more));
  }
  return { joined: joined.length === 0 ? undefined : Buffer.concat(joined), orphans: orphans.length === 0 ? undefined : Buffer.concat(orphans) };
}

function withExemplars(bytes: Uint8Array, series: ParsedSeries, more: readonly ParsedSeries[]): Uint8Array {
  const items = [bytes.subarray(series.labelsEnd, series.end), ...more.map((one) => bytes.subarray(one.labelsEnd, one.end))];
  const content = Buffer.concat(items);
  return Buffer.concat([encodeSeriesHeader(bytes.subarray(series.labelsStart, series.labelsEnd), content.length), content]);
}
