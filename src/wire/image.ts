// An image: the ordered label sets of one source's series for one destination. It only grows: positions are never reused, so a
// column of an earlier scrape keeps its meaning. What vanished is left out when the source builds a new image.
//
// A run is a stretch of positions that was added at once, sorted by label set: the encoded labels of every series, as a
// remote write TimeSeries holds them, compressed with zstd. Layout before compression, per series:
//
//     varint length, then `length` bytes: repeated field 1 (Label {1: name, 2: value}) of prometheus.TimeSeries
//
// The same bytes lie in memory, in image records on disk, and (expanded) in request bodies.

export interface ImageRun {
  /** First position. */
  readonly base: number;
  readonly count: number;
  /** Compressed. */
  readonly data: Uint8Array;
  /** Bytes before compression. */
  readonly rawBytes: number;
}

export interface Image {
  /** Unique within the process and among the images read from disk. */
  readonly id: number;
  readonly runs: readonly ImageRun[];
}

/** Positions of an image so far. */
export function imagePositions(image: Image): number {
  const last = image.runs.at(-1);
  return last === undefined ? 0 : last.base + last.count;
}
