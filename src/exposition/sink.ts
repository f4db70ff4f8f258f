// What a page reader calls while it reads: the series cache implements it. Lines that were seen before are recognised by the
// bytes of their key (metric name, labels and the blanks up to the value), so that labels are parsed only once per series.

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'info' | 'stateset' | 'unknown';

export interface ParsedExemplar {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  readonly timestampMs: number | undefined;
}

export interface PageSink {
  /** Set by `expect`: the offset behind the key. */
  keyEnd: number;
  /**
   * The series whose key is expected next on this page, when the bytes from `start` are exactly its key (and lie before `end`); else -1.
   * Called once per sample line, in page order.
   */
  expect(bytes: Uint8Array, start: number, end: number): number;
  /** The series with this key anywhere on the page, -1 when it is new. */
  find(bytes: Uint8Array, start: number, keyEnd: number): number;
  /**
   * Takes in a new series. `labels` holds the labels as exposed, `__name__` included, with empty values kept, le and quantile already normalised.
   * Returns its id; negative for a series that rules drop. Throws a ScrapeError when it breaks a limit or a rule of names.
   */
  add(bytes: Uint8Array, start: number, keyEnd: number, labels: Map<string, string>): number;
  /** One sample. NaN stands for the ordinary NaN. `timestampMs` is undefined where the line has none. */
  sample(id: number, value: number, timestampMs: number | undefined): void;
  exemplar(id: number, exemplar: ParsedExemplar): void;
  /**
   * Whether the comment line at `start` (with its line break, which lies before `end`) is the one that came next on the last page. If so, `keyEnd` is set
   * behind it, `commentType` is the type it sets for the samples that follow (undefined when it sets none), and it must not be parsed.
   */
  expectComment(bytes: Uint8Array, start: number, end: number): boolean;
  commentType: MetricType | undefined;
  /** After a comment line was parsed: remembers it for `expectComment`. `lineEnd` is behind its line break. */
  learnComment(bytes: Uint8Array, start: number, lineEnd: number, type: MetricType | undefined): void;
  /** One TYPE, HELP or UNIT line; fields that the line does not tell are undefined. */
  metadata(family: string, type: MetricType | undefined, help: string | undefined, unit: string | undefined): void;
}
