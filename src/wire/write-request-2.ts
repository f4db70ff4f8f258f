// Remote write 2.0: makes an io.prometheus.write.v2.Request of the bytes of a 1.0 prometheus.WriteRequest. Source: prometheus/prompb/io/prometheus/
// write/v2/types.proto and the specification 2.0-rc.4:
//
//     Request    { repeated string symbols = 4; repeated TimeSeries timeseries = 5 }
//     TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
//                  repeated Exemplar exemplars = 4; Metadata metadata = 5; int64 created_timestamp = 6 }
//     Sample     { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3 }
//     Exemplar   { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3 }
//     Metadata   { MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4 }
//
// Strings are handled as bytes: a symbol is what stood in the 1.0 body. Samples without a created timestamp and histograms (the same message in
// both versions) are copied as they are. A created timestamp goes into every sample, as the specification says since rc.4, and into the series,
// where receivers of before look for it. It comes from the `_created` series of the same body, which OpenMetrics has beside counters, histograms
// and summaries; those series are sent, too.

import type { MetricType } from '../exposition/sink.ts';
import { createField, fieldsOf, int64Of, nextField, type Field } from './fields.ts';
import { ByteWriter } from './labels.ts';
import { nameOf, parseLabel, parseSeries, seriesOf, type ParsedLabel, type ParsedSeries, type Slice } from './parsed-series.ts';
import { int64Bytes, METADATA_TYPE, putInt64, putVarint, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES, varintBytes } from './write-request.ts';

export interface FamilyMetadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** Metadata of a family by its name; undefined where none is known. */
export type FindMetadata = (family: string) => FamilyMetadata | undefined;

const TAG_SYMBOL = 0x22;
const TAG_TIMESERIES_2 = 0x2a;
const TAG_LABELS_REFS = 0x0a;
const TAG_HISTOGRAM_2 = 0x1a;
const TAG_EXEMPLAR_2 = 0x22;
const TAG_SERIES_METADATA = 0x2a;
const TAG_SERIES_CREATED = 0x30;
const TAG_START_TIMESTAMP = 0x18;
const TAG_METADATA_TYPE = 0x08;
const TAG_METADATA_HELP = 0x18;
const TAG_METADATA_UNIT = 0x20;
/** Inside of Sample and Exemplar of 1.0. */
const TAG_SAMPLE_VALUE = 0x09;
const TAG_SAMPLE_TIMESTAMP = 0x10;
const TAG_EXEMPLAR_LABEL = 0x0a;

/** Longest varint of a length or a reference, and of an int64. */
const LENGTH_BYTES_MAX = 5;
const INT64_BYTES_MAX = 10;

/** Suffixes that the series of a family have behind its name. */
const FAMILY_SUFFIX = /_(?:total|bucket|count|sum|created|info)$/;
const CREATED_SUFFIX = '_created';
/** Labels that tell the series of one histogram or summary apart; its `_created` series has none of them. */
const PART_LABELS = new Set(['le', 'quantile']);

/**
 * The same content as a 2.0 request. Undefined where it cannot say that: a series without samples and histograms (2.0 has no place for exemplars
 * alone, see join-exemplars.ts), or anything but series. Fails with WRITE_REQUEST_DAMAGED when `bytes` do not parse.
 */
export function transcodeRequest(bytes: Uint8Array, findMetadata: FindMetadata): Uint8Array<ArrayBuffer> | undefined {
  const symbols = createSymbols();
  const context = { symbols, metadata: createMetadataFields(symbols, findMetadata), created: findCreated(bytes) };
  const labels = createLabelRefs(bytes, symbols);
  const series = new ByteWriter(bytes.length + 64);
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) return undefined;
    const isWritten = context.created.size === 0 && writePlainSeries(series, field, labels, context);
    if (!isWritten && !writeAnySeries(series, parseSeries(field), context)) return undefined;
  }
  return Buffer.concat([symbols.bytes(), series.bytes.subarray(0, series.length)]);
}

interface Context {
  readonly symbols: Symbols;
  /** The metadata field of a series by its name; empty where nothing is known. */
  readonly metadata: (name: string) => Uint8Array;
  /** By `createdKey`, and then by the timestamp of a sample. */
  readonly created: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

/**
 * The hot path: a series of samples alone, which most are. Its samples stand in 2.0 as they stood in 1.0 and are copied at once. False when there is
 * something else in it; nothing is written then.
 */
function writePlainSeries(to: ByteWriter, series: Field, labels: LabelRefs, { metadata }: Context): boolean {
  const { bytes, end } = series;
  const part = fieldsOf(series);
  labels.begin();
  while (part.end < end && bytes[part.end] === TAG_SERIES_LABEL) {
    nextField(part);
    labels.add(part.contentStart, part.end);
  }
  const from = part.end;
  while (nextField(part)) if (part.tag !== TAG_SERIES_SAMPLE) return false;
  if (from === end) return false;
  const about = metadata(labels.metricName);
  const refBytes = labels.bytes();
  const length = 1 + varintBytes(refBytes) + refBytes + (end - from) + about.length;
  to.reserve(1 + LENGTH_BYTES_MAX + length);
  to.bytes[to.length++] = TAG_TIMESERIES_2;
  to.length = putVarint(to.bytes, to.length, length);
  to.bytes[to.length++] = TAG_LABELS_REFS;
  to.length = labels.put(to.bytes, putVarint(to.bytes, to.length, refBytes));
  to.bytes.set(bytes.subarray(from, end), to.length);
  to.bytes.set(about, to.length + end - from);
  to.length += end - from + about.length;
  return true;
}

/** A series of any kind. False when 2.0 cannot say it. */
function writeAnySeries(to: ByteWriter, series: ParsedSeries, context: Context): boolean {
  const { samples, histograms, exemplars } = series;
  if (samples.length === 0 && histograms.length === 0) return false;
  const content = new ByteWriter(4096);
  const write = (one: ParsedSeries) => {
    content.length = 0;
    writeContent(content, one, context);
    put(to, TAG_TIMESERIES_2, content.bytes.subarray(0, content.length));
  };
  // A series never has samples and histograms together.
  if (samples.length > 0) write({ ...series, histograms: [] });
  if (histograms.length > 0) write({ ...series, samples: [], exemplars: samples.length > 0 ? [] : exemplars });
  return true;
}

/** The references of one series' labels after another. Neighbours share most labels, so each is compared with the one in its place before. */
function createLabelRefs(bytes: Uint8Array, symbols: Symbols) {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const known = new Map<string, KnownLabel>();
  const places: { start: number; length: number; label: KnownLabel }[] = [];
  let count = 0;
  const find = (start: number, end: number): KnownLabel => {
    const key = text.toString('latin1', start, end);
    let label = known.get(key);
    if (label === undefined) {
      const { name, value } = parseLabel(createField(bytes, { start, end }));
      const refs = [symbols.ref(name), symbols.ref(value)] as const;
      known.set(key, (label = { refs, bytes: varintBytes(refs[0]) + varintBytes(refs[1]), metricName: name === '__name__' ? value : undefined }));
    }
    return label;
  };
  return {
    metricName: '',
    begin(): void {
      count = 0;
      this.metricName = '';
    },
    /** A label whose message lies in [start, end). */
    add(start: number, end: number): void {
      const place = places[count++];
      const length = end - start;
      if (place === undefined) places.push({ start, length, label: find(start, end) });
      else if (place.length !== length || !isEqual(bytes, place.start, start, length)) {
        place.label = find(start, end);
        place.length = length;
      }
      const { label } = places[count - 1]!;
      places[count - 1]!.start = start;
      if (label.metricName !== undefined) this.metricName = label.metricName;
    },
    bytes(): number {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += places[i]!.label.bytes;
      return sum;
    },
    put(to: Uint8Array, offset: number): number {
      let at = offset;
      for (let i = 0; i < count; i++) {
        const { refs } = places[i]!.label;
        at = putVarint(to, putVarint(to, at, refs[0]), refs[1]);
      }
      return at;
    },
  };
}

type LabelRefs = ReturnType<typeof createLabelRefs>;

interface KnownLabel {
  readonly refs: readonly [name: number, value: number];
  /** Of the references as varints. */
  readonly bytes: number;
  /** The value of `__name__`. */
  readonly metricName: string | undefined;
}

function isEqual(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = length - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

interface Symbols {
  /** Reference of a string given as bytes. */
  ref(text: string): number;
  /** The table as it stands in the request. */
  bytes(): Uint8Array;
}

/** The first symbol is the empty string, which stands for what is absent. */
function createSymbols(): Symbols {
  const refs = new Map<string, number>();
  const table = new ByteWriter(4096);
  const symbols: Symbols = {
    ref(text) {
      let ref = refs.get(text);
      if (ref !== undefined) return ref;
      refs.set(text, (ref = refs.size));
      put(table, TAG_SYMBOL, Buffer.from(text, 'latin1'));
      return ref;
    },
    bytes: () => table.bytes.subarray(0, table.length),
  };
  symbols.ref('');
  return symbols;
}

/** The metadata of a series by its name: that of its family, or with what the parts of a family have behind it. */
function createMetadataFields(symbols: Symbols, find: FindMetadata): (name: string) => Uint8Array {
  const known = new Map<string, Uint8Array>();
  const text = (value: string) => symbols.ref(Buffer.from(value).toString('latin1'));
  return (name) => {
    let field = known.get(name);
    if (field !== undefined) return field;
    const family = Buffer.from(name, 'latin1').toString();
    const found = find(family) ?? find(family.replace(FAMILY_SUFFIX, ''));
    field = found === undefined ? new Uint8Array(0) : encodeMetadata(METADATA_TYPE[found.type], text(found.help), text(found.unit));
    known.set(name, field);
    return field;
  };
}

function encodeMetadata(type: number, helpRef: number, unitRef: number): Uint8Array {
  const content = new ByteWriter(3 * (1 + LENGTH_BYTES_MAX));
  for (const [tag, value] of [[TAG_METADATA_TYPE, type], [TAG_METADATA_HELP, helpRef], [TAG_METADATA_UNIT, unitRef]] as const) {
    if (value === 0) continue;
    content.bytes[content.length++] = tag;
    content.length = putVarint(content.bytes, content.length, value);
  }
  const field = new ByteWriter(1 + LENGTH_BYTES_MAX + content.length);
  put(field, TAG_SERIES_METADATA, content.bytes.subarray(0, content.length));
  return field.bytes.subarray(0, field.length);
}

/** Created timestamps by the key of a family's series and then by the timestamp of a scrape. */
function findCreated(bytes: Uint8Array): Map<string, Map<number, number>> {
  const created = new Map<string, Map<number, number>>();
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(CREATED_SUFFIX)) return created;
  for (const series of seriesOf(bytes)) {
    if (series === undefined || !nameOf(series.labels).endsWith(CREATED_SUFFIX)) continue;
    const byTime = new Map<number, number>();
    for (const sample of series.samples) {
      const { value, timestampMs } = readSample(bytes, sample);
      const createdMs = Math.round(value * 1000);
      if (createdMs > 0 && createdMs <= timestampMs) byTime.set(timestampMs, createdMs);
    }
    if (byTime.size > 0) created.set(createdKey(series.labels), byTime);
  }
  return created;
}

/** The same for all series of one counter, histogram or summary: name without suffix and the labels that its parts share. */
function createdKey(labels: readonly ParsedLabel[]): string {
  return labels.filter(({ name }) => !PART_LABELS.has(name))
    .map(({ name, value }) => `${name}\u0000${name === '__name__' ? value.replace(FAMILY_SUFFIX, '') : value}`).join('\u0001');
}

function readSample(bytes: Uint8Array, { start, end }: Slice): { value: number; timestampMs: number } {
  let value = 0;
  let timestampMs = 0;
  const part = createField(bytes, { start, end });
  while (nextField(part)) {
    if (part.tag === TAG_SAMPLE_VALUE) value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readDoubleLE(part.contentStart);
    else if (part.tag === TAG_SAMPLE_TIMESTAMP) timestampMs = int64Of(part);
  }
  return { value, timestampMs };
}

function writeContent(to: ByteWriter, series: ParsedSeries, { symbols, metadata, created }: Context): void {
  const name = nameOf(series.labels);
  const startsMs = created.size === 0 || name.endsWith(CREATED_SUFFIX) ? undefined : created.get(createdKey(series.labels));
  writeRefs(to, series.labels, symbols);
  let createdMs = 0;
  for (const sample of series.samples) {
    const startMs = startsMs === undefined ? 0 : (startsMs.get(readSample(series.bytes, sample).timestampMs) ?? 0);
    writeSample(to, series.bytes.subarray(sample.start, sample.end), startMs);
    if (startMs !== 0) createdMs = startMs;
  }
  for (const { start, end } of series.histograms) put(to, TAG_HISTOGRAM_2, series.bytes.subarray(start, end));
  for (const exemplar of series.exemplars) writeExemplar(to, series.bytes, exemplar, symbols);
  const about = metadata(name);
  to.reserve(about.length + 1 + INT64_BYTES_MAX);
  to.bytes.set(about, to.length);
  to.length += about.length;
  if (createdMs === 0) return;
  to.bytes[to.length++] = TAG_SERIES_CREATED;
  to.length = putInt64(to.bytes, to.length, createdMs);
}

/** Packed: one field with all references. */
function writeRefs(to: ByteWriter, labels: readonly ParsedLabel[], symbols: Symbols): void {
  const refs = labels.flatMap(({ name, value }) => [symbols.ref(name), symbols.ref(value)]);
  let length = 0;
  for (const ref of refs) length += varintBytes(ref);
  to.reserve(1 + LENGTH_BYTES_MAX + length);
  to.bytes[to.length++] = TAG_LABELS_REFS;
  to.length = putVarint(to.bytes, to.length, length);
  for (const ref of refs) to.length = putVarint(to.bytes, to.length, ref);
}

function writeSample(to: ByteWriter, sample: Uint8Array, startMs: number): void {
  if (startMs === 0) return put(to, TAG_SERIES_SAMPLE, sample);
  const length = sample.length + 1 + int64Bytes(startMs);
  to.reserve(1 + LENGTH_BYTES_MAX + length);
  to.bytes[to.length++] = TAG_SERIES_SAMPLE;
  to.length = putVarint(to.bytes, to.length, length);
  to.bytes.set(sample, to.length);
  to.length += sample.length;
  to.bytes[to.length++] = TAG_START_TIMESTAMP;
  to.length = putInt64(to.bytes, to.length, startMs);
}

function writeExemplar(to: ByteWriter, bytes: Uint8Array, { start, end }: Slice, symbols: Symbols): void {
  const labels: ParsedLabel[] = [];
  const rest: Uint8Array[] = [];
  const part = createField(bytes, { start, end });
  while (nextField(part)) {
    if (part.tag === TAG_EXEMPLAR_LABEL) labels.push(parseLabel(fieldsOf(part)));
    else rest.push(bytes.subarray(part.start, part.end));
  }
  const content = new ByteWriter(64);
  if (labels.length > 0) writeRefs(content, labels, symbols);
  // Value and timestamp have the same fields in both versions.
  put(to, TAG_EXEMPLAR_2, Buffer.concat([content.bytes.subarray(0, content.length), ...rest]));
}

/** A length-delimited field. */
function put(to: ByteWriter, tag: number, content: Uint8Array): void {
  to.reserve(1 + LENGTH_BYTES_MAX + content.length);
  to.bytes[to.length++] = tag;
  to.length = putVarint(to.bytes, to.length, content.length);
  to.bytes.set(content, to.length);
  to.length += content.length;
}
