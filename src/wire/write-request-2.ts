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
import {
  encodeSeriesHeader, int64Bytes, METADATA_TYPE, putInt64, putVarint, TAG_SERIES_EXEMPLAR, TAG_SERIES_HISTOGRAM, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE,
  TAG_TIMESERIES, varintBytes,
} from './write-request.ts';

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
/** Inside of Label, Sample and Exemplar of 1.0. */
const TAG_LABEL_NAME = 0x0a;
const TAG_LABEL_VALUE = 0x12;
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
 * alone, see `joinExemplars`), or anything but series. Fails with WRITE_REQUEST_DAMAGED when `bytes` do not parse.
 */
export function transcodeRequest(bytes: Uint8Array, findMetadata: FindMetadata): Uint8Array<ArrayBuffer> | undefined {
  const symbols = createSymbols();
  const metadata = createMetadataRefs(symbols, findMetadata);
  const created = findCreated(bytes);
  const series = new ByteWriter(bytes.length + 64);
  const content = new ByteWriter(4096);
  for (const parsed of seriesOf(bytes)) {
    if (parsed === undefined || (parsed.samples.length === 0 && parsed.histograms.length === 0)) return undefined;
    const startsMs = created.size === 0 ? undefined : created.get(createdKey(parsed.labels));
    const about = metadata(nameOf(parsed.labels));
    // A series never has samples and histograms together.
    if (parsed.samples.length > 0) writeSeries({ ...parsed, histograms: [] });
    if (parsed.histograms.length > 0) writeSeries({ ...parsed, samples: [], exemplars: parsed.samples.length > 0 ? [] : parsed.exemplars });

    function writeSeries(one: ParsedSeries): void {
      content.length = 0;
      writeContent(content, one, { symbols, about, startsMs });
      put(series, TAG_TIMESERIES_2, content.bytes.subarray(0, content.length));
    }
  }
  return Buffer.concat([symbols.bytes(), series.bytes.subarray(0, series.length)]);
}

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

interface Slice {
  readonly start: number;
  readonly end: number;
}

interface ParsedLabel {
  /** Bytes as characters of one byte each. */
  readonly name: string;
  readonly value: string;
}

interface ParsedSeries {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly labelsStart: number;
  readonly labelsEnd: number;
  readonly labels: readonly ParsedLabel[];
  /** Contents of the messages. */
  readonly samples: readonly Slice[];
  readonly exemplars: readonly Slice[];
  readonly histograms: readonly Slice[];
}

/** The series of a 1.0 request; undefined for a field that is none. */
function* seriesOf(bytes: Uint8Array): Generator<ParsedSeries | undefined> {
  const field = createField(bytes);
  while (nextField(field)) yield field.tag === TAG_TIMESERIES ? parseSeries(field) : undefined;
}

function parseSeries(field: Field): ParsedSeries {
  const { bytes, start, end, contentStart } = field;
  const labels: ParsedLabel[] = [];
  const samples: Slice[] = [];
  const exemplars: Slice[] = [];
  const histograms: Slice[] = [];
  let labelsEnd = contentStart;
  const part = fieldsOf(field);
  while (nextField(part)) {
    const content = { start: part.contentStart, end: part.end };
    if (part.tag === TAG_SERIES_SAMPLE) samples.push(content);
    else if (part.tag === TAG_SERIES_EXEMPLAR) exemplars.push(content);
    else if (part.tag === TAG_SERIES_HISTOGRAM) histograms.push(content);
    else if (part.tag === TAG_SERIES_LABEL) {
      labels.push(parseLabel(part));
      labelsEnd = part.end;
    }
  }
  return { bytes, start, end, labelsStart: contentStart, labelsEnd, labels, samples, exemplars, histograms };
}

function parseLabel(field: Field): ParsedLabel {
  let name = '';
  let value = '';
  const part = fieldsOf(field);
  while (nextField(part)) {
    if (part.tag === TAG_LABEL_NAME) name = latin1(part.bytes, part.contentStart, part.end);
    else if (part.tag === TAG_LABEL_VALUE) value = latin1(part.bytes, part.contentStart, part.end);
  }
  return { name, value };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', start, end);
}

function nameOf(labels: readonly ParsedLabel[]): string {
  return labels.find(({ name }) => name === '__name__')?.value ?? '';
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

interface MetadataRefs {
  readonly type: number;
  readonly help: number;
  readonly unit: number;
}

/** References of the metadata by the name of a series: that of its family, or with what the parts of a family have behind it. */
function createMetadataRefs(symbols: Symbols, find: FindMetadata): (name: string) => MetadataRefs | undefined {
  const known = new Map<string, MetadataRefs | undefined>();
  const text = (value: string) => symbols.ref(Buffer.from(value).toString('latin1'));
  return (name) => {
    if (known.has(name)) return known.get(name);
    const family = Buffer.from(name, 'latin1').toString();
    const found = find(family) ?? find(family.replace(FAMILY_SUFFIX, ''));
    const refs = found === undefined ? undefined : { type: METADATA_TYPE[found.type], help: text(found.help), unit: text(found.unit) };
    known.set(name, refs);
    return refs;
  };
}

/** Created timestamps by the key of a family's series and then by the timestamp of a scrape. */
function findCreated(bytes: Uint8Array): Map<string, Map<number, number>> {
  const created = new Map<string, Map<number, number>>();
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

interface Context {
  readonly symbols: Symbols;
  readonly about: MetadataRefs | undefined;
  readonly startsMs: ReadonlyMap<number, number> | undefined;
}

function writeContent(to: ByteWriter, series: ParsedSeries, { symbols, about, startsMs }: Context): void {
  writeRefs(to, series.labels, symbols);
  const isCreated = startsMs !== undefined && !nameOf(series.labels).endsWith(CREATED_SUFFIX);
  let createdMs = 0;
  for (const sample of series.samples) {
    const startMs = isCreated ? (startsMs.get(readSample(series.bytes, sample).timestampMs) ?? 0) : 0;
    writeSample(to, series.bytes.subarray(sample.start, sample.end), startMs);
    if (startMs !== 0) createdMs = startMs;
  }
  for (const { start, end } of series.histograms) put(to, TAG_HISTOGRAM_2, series.bytes.subarray(start, end));
  for (const exemplar of series.exemplars) writeExemplar(to, series.bytes, exemplar, symbols);
  if (about !== undefined) writeMetadata(to, about);
  if (createdMs === 0) return;
  to.reserve(1 + INT64_BYTES_MAX);
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
    if (part.tag === TAG_EXEMPLAR_LABEL) labels.push(parseLabel(part));
    else rest.push(bytes.subarray(part.start, part.end));
  }
  const content = new ByteWriter(64);
  if (labels.length > 0) writeRefs(content, labels, symbols);
  // Value and timestamp have the same fields in both versions.
  put(to, TAG_EXEMPLAR_2, Buffer.concat([content.bytes.subarray(0, content.length), ...rest]));
}

function writeMetadata(to: ByteWriter, { type, help, unit }: MetadataRefs): void {
  const content = new ByteWriter(3 * (1 + LENGTH_BYTES_MAX));
  for (const [tag, value] of [[TAG_METADATA_TYPE, type], [TAG_METADATA_HELP, help], [TAG_METADATA_UNIT, unit]] as const) {
    if (value === 0) continue;
    content.bytes[content.length++] = tag;
    content.length = putVarint(content.bytes, content.length, value);
  }
  put(to, TAG_SERIES_METADATA, content.bytes.subarray(0, content.length));
}

/** A length-delimited field. */
function put(to: ByteWriter, tag: number, content: Uint8Array): void {
  to.reserve(1 + LENGTH_BYTES_MAX + content.length);
  to.bytes[to.length++] = tag;
  to.length = putVarint(to.bytes, to.length, content.length);
  to.bytes.set(content, to.length);
  to.length += content.length;
}
