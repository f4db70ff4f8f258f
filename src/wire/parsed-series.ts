// A series of a 1.0 write request as values: its labels as strings, its items as places in the bytes. Strings hold one byte in each character, so that
// nothing is decoded and encoded on the way to another message.

import { createField, fieldsOf, nextField, type Field } from './fields.ts';
import { TAG_SERIES_EXEMPLAR, TAG_SERIES_HISTOGRAM, TAG_SERIES_LABEL, TAG_SERIES_SAMPLE, TAG_TIMESERIES } from './write-request.ts';

/** Inside of a Label. */
const TAG_LABEL_NAME = 0x0a;
const TAG_LABEL_VALUE = 0x12;

export interface Slice {
  readonly start: number;
  readonly end: number;
}

export interface ParsedLabel {
  /** Bytes as characters of one byte each. */
  readonly name: string;
  readonly value: string;
}

export interface ParsedSeries {
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
export function* seriesOf(bytes: Uint8Array): Generator<ParsedSeries | undefined> {
  const field = createField(bytes);
  while (nextField(field)) yield field.tag === TAG_TIMESERIES ? parseSeries(field) : undefined;
}

export function parseSeries(field: Field): ParsedSeries {
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
      labels.push(parseLabel(fieldsOf(part)));
      labelsEnd = part.end;
    }
  }
  return { bytes, start, end, labelsStart: contentStart, labelsEnd, labels, samples, exemplars, histograms };
}

/** `part`: the fields of a Label. */
export function parseLabel(part: Field): ParsedLabel {
  let name = '';
  let value = '';
  while (nextField(part)) {
    if (part.tag === TAG_LABEL_NAME) name = latin1(part.bytes, part.contentStart, part.end);
    else if (part.tag === TAG_LABEL_VALUE) value = latin1(part.bytes, part.contentStart, part.end);
  }
  return { name, value };
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1', start, end);
}

export function nameOf(labels: readonly ParsedLabel[]): string {
  return labels.find(({ name }) => name === '__name__')?.value ?? '';
}
