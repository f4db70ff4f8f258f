// The label set of an encoded series as people write it: `name{label="value"}`.

import { createField, fieldsOf, nextField } from './fields.ts';
import { TAG_SERIES_LABEL, TAG_TIMESERIES } from './write-request.ts';

/** Longest text, characters: labels may hold whole documents. */
const TEXT_CHARACTERS_MAX = 2048;

/** The text of the only series of a write request; undefined when it holds none or several different ones. */
export function singleSeriesText(bytes: Uint8Array): string | undefined {
  let text: string | undefined;
  const field = createField(bytes);
  while (nextField(field)) {
    if (field.tag !== TAG_TIMESERIES) continue;
    const labels: [string, string][] = [];
    const part = fieldsOf(field);
    while (nextField(part)) if (part.tag === TAG_SERIES_LABEL) labels.push(readLabel(fieldsOf(part)));
    const found = seriesText(labels);
    if (text !== undefined && text !== found) return undefined;
    text = found;
  }
  return text;
}

/** `name{label="value"}`, cut to a length that pages bear. */
export function seriesText(labels: Iterable<readonly [string, string]>): string {
  let metric = '';
  const pairs: string[] = [];
  for (const [name, value] of labels) {
    if (name === '__name__') metric = value;
    else pairs.push(`${name}=${JSON.stringify(value)}`);
  }
  return `${metric}${pairs.length === 0 ? '' : `{${pairs.join(', ')}}`}`.slice(0, TEXT_CHARACTERS_MAX);
}

function readLabel(field: ReturnType<typeof createField>): [string, string] {
  const pair: [string, string] = ['', ''];
  while (nextField(field)) {
    const text = Buffer.from(field.bytes.buffer, field.bytes.byteOffset + field.contentStart, field.end - field.contentStart).toString();
    if (field.tag === 0x0a) pair[0] = text;
    else if (field.tag === 0x12) pair[1] = text;
  }
  return pair;
}
