// Decodes write requests of remote write 1.0 and 2.0 into flat arrays, quickly enough for runs with tens of millions of samples. Written from
// the messages of prometheus/prompb and shares no code with the sender; the unit tests hold it against the decoders made by protobufjs.
// Throws on anything that is no such message.

import { seriesKey } from './series-key.ts';

/** One request; reused, so its content holds until the next one is decoded. */
export class FlatRequest {
  samples = 0;
  exemplars = 0;
  metadata = 0;
  histograms = 0;
  /** Series id of each sample. */
  series = new Int32Array(1024);
  timesMs = new Float64Array(1024);
  /** Low and high half of each value. */
  bits = new Uint32Array(2048);

  /** What a tenant's rate limit counts: source: Mimir, distributor. */
  items(): number {
    return this.samples + this.histograms + this.exemplars + this.metadata;
  }

  clear(): void {
    this.samples = this.exemplars = this.metadata = this.histograms = 0;
  }

  push(series: number, timeMs: number, low: number, high: number): void {
    if (this.samples === this.series.length) this.#grow();
    const at = this.samples++;
    this.series[at] = series;
    this.timesMs[at] = timeMs;
    this.bits[2 * at] = low;
    this.bits[2 * at + 1] = high;
  }

  #grow(): void {
    const { series, timesMs, bits } = this;
    this.series = new Int32Array(series.length * 2);
    this.timesMs = new Float64Array(timesMs.length * 2);
    this.bits = new Uint32Array(bits.length * 2);
    this.series.set(series);
    this.timesMs.set(timesMs);
    this.bits.set(bits);
  }
}

/** Gives every label set a number from 0. */
export class SeriesIds {
  readonly keys: string[] = [];
  readonly #byKey = new Map<string, number>();
  /** By the encoded labels of remote write 1.0, as latin1: no label is decoded twice. */
  readonly #byBytes = new Map<string, number>();

  find(key: string): number | undefined {
    return this.#byKey.get(key);
  }

  ofKey(key: string): number {
    let id = this.#byKey.get(key);
    if (id === undefined) this.#byKey.set(key, (id = this.keys.push(key) - 1));
    return id;
  }

  ofEncoded(bytes: string): number {
    let id = this.#byBytes.get(bytes);
    if (id === undefined) this.#byBytes.set(bytes, (id = this.ofKey(seriesKey(decodeLabels(Buffer.from(bytes, 'latin1'))))));
    return id;
  }
}

/** Decodes `bytes` into `into`. */
export function decodeFlat(bytes: Uint8Array, message: '1.0' | '2.0', ids: SeriesIds, into: FlatRequest): void {
  into.clear();
  const reader = new Reader(bytes);
  if (message === '1.0') decode1(reader, ids, into);
  else decode2(reader, ids, into);
}

const VARINT = 0;
const EIGHT_BYTES = 1;
const DELIMITED = 2;
const FOUR_BYTES = 5;

class Reader {
  readonly buffer: Buffer;
  readonly view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Below 2^53; as int64 also below 0. */
  varint(): number {
    let value = 0;
    let scale = 1;
    const start = this.at;
    for (let count = 0; count < 10; count++) {
      const byte = this.buffer[this.at++];
      if (byte === undefined) throw new Error('the message ends within a number');
      if (count === 9) return this.#negative(start);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new Error('a number of more than ten bytes');
  }

  /** Ten bytes: two's complement. */
  #negative(start: number): number {
    let value = 0n;
    for (let i = start; i < this.at; i++) value |= BigInt(this.buffer[i]! & 0x7f) << BigInt(7 * (i - start));
    return Number(BigInt.asIntN(64, value));
  }

  /** The end of a length-delimited field that begins here. */
  delimited(limit: number): number {
    const length = this.varint();
    const end = this.at + length;
    if (end > limit) throw new Error(`a field of ${length} bytes reaches beyond its message`);
    return end;
  }

  skip(wireType: number, limit: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === EIGHT_BYTES) this.at += 8;
    else if (wireType === DELIMITED) this.at = this.delimited(limit);
    else if (wireType === FOUR_BYTES) this.at += 4;
    else throw new Error(`wire type ${wireType}`);
    if (this.at > limit) throw new Error('a field reaches beyond its message');
  }

  text(limit: number): string {
    const end = this.delimited(limit);
    const text = this.buffer.toString('utf8', this.at, end);
    this.at = end;
    return text;
  }
}

function decode1(reader: Reader, ids: SeriesIds, into: FlatRequest): void {
  const end = reader.buffer.length;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x0a) series1(reader, reader.delimited(end), ids, into);
    else {
      if (tag === 0x1a) into.metadata++;
      reader.skip(tag & 7, end);
    }
  }
}

function series1(reader: Reader, end: number, ids: SeriesIds, into: FlatRequest): void {
  let labels = '';
  let series = -1;
  while (reader.at < end) {
    const start = reader.at;
    const tag = reader.varint();
    if (tag === 0x12) {
      if (series < 0) series = ids.ofEncoded(labels);
      sample(reader, reader.delimited(end), series, into);
      continue;
    }
    reader.skip(tag & 7, end);
    if (tag === 0x0a) labels += reader.buffer.toString('latin1', start, reader.at);
    else if (tag === 0x1a) into.exemplars++;
    else if (tag === 0x22) into.histograms++;
  }
}

/** Sample has the same first two fields in both messages. */
function sample(reader: Reader, end: number, series: number, into: FlatRequest): void {
  let low = 0;
  let high = 0;
  let timeMs = 0;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x09) {
      if (reader.at + 8 > end) throw new Error('a value reaches beyond its sample');
      low = reader.view.getUint32(reader.at, true);
      high = reader.view.getUint32(reader.at + 4, true);
      reader.at += 8;
    } else if (tag === 0x10) timeMs = reader.varint();
    else reader.skip(tag & 7, end);
  }
  into.push(series, timeMs, low, high);
}

function decodeLabels(bytes: Buffer): [string, string][] {
  const reader = new Reader(bytes);
  const labels: [string, string][] = [];
  while (reader.at < bytes.length) {
    reader.varint();
    const end = reader.delimited(bytes.length);
    const label: [string, string] = ['', ''];
    while (reader.at < end) {
      const tag = reader.varint();
      if (tag === 0x0a) label[0] = reader.text(end);
      else if (tag === 0x12) label[1] = reader.text(end);
      else reader.skip(tag & 7, end);
    }
    labels.push(label);
  }
  return labels;
}

/** Symbols may stand behind the series that refer to them, so they are read first. */
function decode2(reader: Reader, ids: SeriesIds, into: FlatRequest): void {
  const end = reader.buffer.length;
  const symbols: string[] = [];
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x22) symbols.push(reader.text(end));
    else reader.skip(tag & 7, end);
  }
  if (end > 0 && symbols[0] !== '') throw new Error('the symbols do not begin with an empty one');
  reader.at = 0;
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x2a) series2(reader, reader.delimited(end), symbols, ids, into);
    else reader.skip(tag & 7, end);
  }
}

function series2(reader: Reader, end: number, symbols: readonly string[], ids: SeriesIds, into: FlatRequest): void {
  const start = reader.at;
  const key = labels2(reader, end, symbols);
  reader.at = start;
  const series = ids.ofKey(key);
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x12) sample(reader, reader.delimited(end), series, into);
    else {
      if (tag === 0x1a) into.histograms++;
      else if (tag === 0x22) into.exemplars++;
      // Field 5 is what 1.0 sends as an entry of its own; a limit counts it once per series.
      else if (tag === 0x2a) into.metadata++;
      reader.skip(tag & 7, end);
    }
  }
}

function labels2(reader: Reader, end: number, symbols: readonly string[]): string {
  const texts: string[] = [];
  const take = () => {
    const ref = reader.varint();
    const text = symbols[ref];
    if (text === undefined) throw new Error(`reference ${ref} is beyond the ${symbols.length} symbols`);
    texts.push(text);
  };
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === 0x0a) for (const stop = reader.delimited(end); reader.at < stop; ) take();
    else if (tag === 0x08) take();
    else reader.skip(tag & 7, end);
  }
  if (texts.length % 2 !== 0) throw new Error(`${texts.length} label references, expected pairs`);
  return seriesKey(Array.from({ length: texts.length / 2 }, (_, i) => [texts[2 * i]!, texts[2 * i + 1]!] as const));
}
