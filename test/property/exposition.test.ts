// Laws of the page reader: what is rendered is read back; how a page is cut into chunks, and whether its keys are known, changes nothing.

import { describe, expect, it } from 'vitest';
import type { PageFormat } from '../../src/exposition/page-reader.ts';
import { CollectingSink, cut, readPage, seeded, testSeed } from '../unit/exposition/collecting-sink.ts';

const ROUNDS = 300;
const seed = testSeed();

interface Line { readonly labels: [string, string][]; readonly value: number; readonly timestampMs: number | undefined }

function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

function randomText(random: () => number): string {
  const pieces = ['a', 'Z', ' ', '\n', '"', '\\', '{', '}', ',', '=', '#', 'ü', '😀', '\0', '\\n', '1'];
  return Array.from({ length: Math.floor(random() * 8) }, () => pick(random, pieces)).join('');
}

function randomValue(random: () => number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setUint32(0, random() * 2 ** 32);
  bits.setUint32(4, random() * 2 ** 32);
  return pick(random, [0, -0, Infinity, -Infinity, NaN, Math.floor(random() * 1e6), random() * 1e4, Number((random() * 1000).toFixed(3)), bits.getFloat64(0)]);
}

function randomLine(random: () => number): Line {
  const labels: [string, string][] = [['__name__', pick(random, ['a', 'a_total', 'b:c', 'with space', 'ü.x', 'q"'])]];
  for (const name of ['le', 'b_1', 'c.d', 'e\\']) if (random() < 0.4) labels.push([name, randomText(random)]);
  return { labels, value: randomValue(random), timestampMs: random() < 0.3 ? Math.floor(random() * 2e12) : undefined };
}

function quote(text: string, rawLineBreaks: boolean): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return `"${rawLineBreaks ? escaped : escaped.replaceAll('\n', '\\n')}"`;
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

function render(line: Line, format: PageFormat, random: () => number): string {
  const text = format === 'text';
  const gap = () => (text ? pick(random, ['', '', ' ', '\t ']) : '');
  const [[, name], ...labels] = line.labels as [[string, string], ...[string, string][]];
  const bare = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) && random() < 0.8;
  const pairs = labels.map(([label, value]) => {
    const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : quote(label, false);
    return `${gap()}${labelName}${gap()}=${gap()}${quote(value, text && random() < 0.5)}${gap()}`;
  });
  const inside = (bare ? pairs : [quote(name, false), ...pairs]).join(',');
  const key = bare ? (inside === '' ? name : `${name}${gap()}{${inside}}`) : `{${inside}}`;
  const time = line.timestampMs === undefined ? '' : ` ${text ? line.timestampMs : `${Math.floor(line.timestampMs / 1000)}.${String(line.timestampMs % 1000).padStart(3, '0')}`}`;
  return `${key} ${gap()}${number(line.value)}${time}${text ? gap() : ''}\n`;
}

describe(`page reader (TEST_SEED=${seed})`, () => {
  it.each(['text', 'openmetrics'] as const)('%s: rendered lines are read back, in any chunks, known or new', (format) => {
    const random = seeded(seed);
    for (let round = 0; round < ROUNDS; round++) {
      const lines = Array.from({ length: 1 + Math.floor(random() * 6) }, () => randomLine(random));
      const page = Buffer.from(lines.map((line) => render(line, format, random)).join('') + (format === 'text' ? '' : '# EOF\n'));
      const whole = new CollectingSink();
      expect(readPage(format, whole, [page])?.message).toBeUndefined();
      expect(whole.collected().map((s) => s.value)).toEqual(lines.map((line) => line.value));
      expect(whole.collected().map((s) => [...s.labels])).toEqual(lines.map((line) => line.labels));
      // A fraction of seconds times 1000 may fall just below the millisecond, in Prometheus too.
      expect(whole.collected().map((s) => s.timestampMs)).toEqual(lines.map(({ timestampMs: ms }) =>
        (ms === undefined || format === 'text' ? ms : Math.trunc(Number(`${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`) * 1000))));
      const calls = whole.calls();
      expect(readPage(format, whole, cut(page, random))).toBeUndefined();
      expect(whole.calls()).toEqual(calls);
      const pieces = new CollectingSink();
      expect(readPage(format, pieces, cut(page, random))).toBeUndefined();
      expect(pieces.calls()).toEqual(calls);
    }
  });

  it.each(['text', 'openmetrics'] as const)('%s: damaged pages are judged alike in any chunks, known or new', (format) => {
    const random = seeded(seed + 1);
    const bytes = Buffer.from('a1 {}=",\\\n\0#\t.e+-\r\xffN');
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const lines = Array.from({ length: 1 + Math.floor(random() * 4) }, () => render(randomLine(random), format, random));
      const good = Buffer.from(`# HELP a b\n# TYPE a histogram\n${lines.join('')}# EOF\n`);
      const page = Buffer.from(good);
      for (let i = 0; i < 1 + random() * 2; i++) page[Math.floor(random() * page.length)] = pick(random, [...bytes]);
      const fresh = new CollectingSink();
      const error = readPage(format, fresh, [page])?.message;
      const known = new CollectingSink();
      readPage(format, known, [good]);
      const again = readPage(format, known, [page])?.message;
      expect({ page: page.toString('latin1'), error: again }).toEqual({ page: page.toString('latin1'), error });
      // Labels are not compared: a damaged TYPE line may change how they would be read now, and known ones stay, as in Prometheus.
      expect(known.collected().map((s) => [s.value, s.timestampMs])).toEqual(fresh.collected().map((s) => [s.value, s.timestampMs]));
      const pieces = new CollectingSink();
      const pieced = readPage(format, pieces, cut(page, random))?.message;
      expect({ page: page.toString('latin1'), error: pieced }).toEqual({ page: page.toString('latin1'), error });
      expect(pieces.calls()).toEqual(fresh.calls());
    }
  });
});
