// `npm run bench -- wire`: what a sample costs between the queue and the socket. Records as the series stage makes them become bodies of
// k = 1, 2 and 4 scrapes, for the three kinds of pages: bytes per sample on the wire, CPU of assembling and of compressing, with the
// native zstd, with the WebAssembly one (a process of its own, TRIBUTARY_NATIVE=0) and with snappy; then columns and runs of images.

import { execFileSync } from 'node:child_process';
import type { QueuedRecord, SamplesInput } from '../../src/queue/queue.ts';
import { Assembler } from '../../src/sender/assembly.ts';
import { encodeBody } from '../../src/sender/body.ts';
import { decodeColumnToHeap, encodeColumn, freeColumn } from '../../src/wire/column.ts';
import type { ImageRun } from '../../src/wire/image.ts';
import { snappyName } from '../../src/wire/snappy.ts';
import { decompressToHeap, heap, heapAllocate, heapFree, initZstd, zstdCodec } from '../../src/wire/zstd.ts';
import { atMost } from './queue-disk.ts';
import type { Bar } from './queue-disk.ts';
import { catchRecords, kinds, openInside } from './support/inside.ts';
import type { Kind } from './support/inside.ts';

/** Enough targets for bodies of the usual size; node exporters are small. */
const TARGETS: Readonly<Record<Kind, number>> = { kube: 2, cadvisor: 3, node: 40 };
const SCRAPES_PER_BODY = [1, 2, 4];
const BODY_BYTES = 4 * 1024 ** 2;
/** The scrape that first brings the series is left out: it is no different, but its records come one target after another. */
const SCRAPES = 5;
/** A figure is the least of some rounds, because others share the machine; CPU seconds per round. */
const ROUNDS = 3;
const ROUND_CPU_SECONDS = 0.15;

type Figures = Record<string, number>;

interface Scraped {
  readonly targets: number;
  readonly records: readonly SamplesInput[];
}

export async function run(): Promise<{ table: string[]; figures: Figures; bars: Bar[] }> {
  const here = await measureAll();
  const env = { ...process.env, TRIBUTARY_NATIVE: '0' };
  const code = `import(${JSON.stringify(import.meta.url)}).then(async (m) => console.log(JSON.stringify(await m.measureAll())))`;
  const there = JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { env, encoding: 'utf8' })) as Figures;
  const figures: Figures = { ...here };
  for (const [name, value] of Object.entries(there)) if (name.includes('_wasm')) figures[name] = value;
  const table = [row('page', 'k', 'codec', 'B/sample', 'us/sample'), ...tableOf(figures)];
  const large = (k: number) => 0.7 * figures[`kube_k${k}_zstd_${zstdCodec()}_bytes`]! + 0.3 * figures[`cadvisor_k${k}_zstd_${zstdCodec()}_bytes`]!;
  const bars = [
    atMost('label-rich pages (7 kube to 3 cadvisor), one scrape: wire bytes per sample', large(1), 16),
    atMost('label-rich pages (7 kube to 3 cadvisor), four scrapes: wire bytes per sample', large(4), 6),
  ];
  table.push(`snappy is ${snappyName()}; zstd of this process is ${zstdCodec()}`, ...bars.map((b) => `${b.holds ? 'holds ' : 'MISSED'} ${b.name}: ${b.value.toPrecision(3)} of ${b.limit}`));
  return { table, figures, bars };
}

/** All figures with the zstd that this process has. Names: `<page>_k<k>_<codec>_bytes|us`, and `_us` per sample or, for runs, per series. */
export async function measureAll(): Promise<Figures> {
  await initZstd();
  const figures: Figures = {};
  for (const kind of kinds) {
    const scraped = await scrapePages(kind);
    measureBodies(kind, scraped, figures);
    measureColumns(kind, scraped, figures);
    measureRuns(kind, scraped, figures);
  }
  return figures;
}

async function scrapePages(kind: Kind): Promise<Scraped> {
  const records: SamplesInput[] = [];
  const mix = { kube: 0, cadvisor: 0, node: 0, [kind]: TARGETS[kind] };
  const inside = openInside(mix, TARGETS[kind], catchRecords((record) => void records.push(record)));
  for (let i = 0; i < SCRAPES; i++) await inside.scrape(1_760_000_000_000 + i * 10_000);
  return { targets: inside.targets, records: records.slice(inside.targets) };
}

function measureBodies(kind: Kind, { targets, records }: Scraped, figures: Figures): void {
  for (const k of SCRAPES_PER_BODY) {
    const batch = records.slice(0, k * targets).map(asQueued);
    const samples = batch.reduce((sum, record) => sum + record.samples, 0);
    const assembleUs = cpuMicroseconds(() => eachBody(batch, () => undefined)) / samples;
    figures[`${kind}_k${k}_assemble_us`] = assembleUs;
    for (const codec of ['zstd', 'snappy'] as const) {
      const name = `${kind}_k${k}_${codec === 'zstd' ? `zstd_${zstdCodec()}` : codec}`;
      const compress = () => {
        let bytes = 0;
        eachBody(batch, (body) => (bytes += encodeBody(body, { message: '1.0', codec }, { samples: 0, exemplars: 0, metadata: 0, newestMs: undefined }).data.length));
        return bytes;
      };
      figures[`${name}_bytes`] = compress() / samples;
      figures[`${name}_us`] = Math.max(0, cpuMicroseconds(compress) / samples - assembleUs);
    }
  }
}

function eachBody(batch: readonly QueuedRecord[], take: (body: Uint8Array) => void): void {
  for (const body of new Assembler({ bodyBytes: () => BODY_BYTES }).bodies(batch)) take(body.bytes);
}

function asQueued(record: SamplesInput, index: number): QueuedRecord {
  return { ...record, sequence: index + 1, bytes: record.column.length, payload: record.column };
}

/** A column's values are taken back from the heap, then encoded as the series stage does it. */
function measureColumns(kind: Kind, { records, targets }: Scraped, figures: Figures): void {
  const last = records.slice(-targets);
  const samples = last.reduce((sum, record) => sum + record.samples, 0);
  const columns = last.map((record) => ({ bitmap: undefined, bits: bitsOf(record), samples: record.samples, timestampsMs: undefined }));
  const encode = () => columns.reduce((sum, column) => sum + encodeColumn(column).length, 0);
  const name = `${kind}_column_${zstdCodec()}`;
  figures[`${name}_bytes`] = encode() / samples;
  figures[`${name}_us`] = cpuMicroseconds(encode) / samples;
}

function bitsOf(record: SamplesInput): Uint32Array {
  const column = decodeColumnToHeap(record.column, record.positions, record.samples);
  const bytes = heap().slice(column.valuesAt, column.valuesAt + record.samples * 8);
  freeColumn(column);
  return new Uint32Array(bytes.buffer);
}

function measureRuns(kind: Kind, { records, targets }: Scraped, figures: Figures): void {
  const runs = records.slice(-targets).flatMap((record) => record.image.runs);
  const series = runs.reduce((sum, run) => sum + run.count, 0);
  const expand = (run: ImageRun) => {
    const pointer = heapAllocate(run.rawBytes);
    decompressToHeap(run.data, pointer, run.rawBytes);
    heapFree(pointer);
  };
  const name = `${kind}_run_${zstdCodec()}`;
  figures[`${name}_bytes`] = runs.reduce((sum, run) => sum + run.data.length, 0) / series;
  figures[`${name}_us`] = cpuMicroseconds(() => runs.forEach(expand)) / series;
}

/** CPU microseconds of one call: the least of some rounds of repeated calls. */
function cpuMicroseconds(call: () => unknown): number {
  call();
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    let used = 0;
    let calls = 0;
    while (used < ROUND_CPU_SECONDS * 1e6) {
      call();
      calls++;
      const cpu = process.cpuUsage(start);
      used = cpu.user + cpu.system;
    }
    best = Math.min(best, used / calls);
  }
  return best;
}

function* tableOf(figures: Figures): Generator<string> {
  const cell = (name: string) => (figures[name] === undefined ? '' : figures[name].toPrecision(3));
  for (const kind of kinds) {
    for (const k of SCRAPES_PER_BODY) {
      yield row(kind, String(k), 'assemble', '', cell(`${kind}_k${k}_assemble_us`));
      for (const codec of ['zstd_native', 'zstd_wasm', 'snappy']) {
        if (figures[`${kind}_k${k}_${codec}_us`] !== undefined) yield row(kind, String(k), codec, cell(`${kind}_k${k}_${codec}_bytes`), cell(`${kind}_k${k}_${codec}_us`));
      }
    }
    for (const part of ['column', 'run']) {
      for (const codec of ['native', 'wasm']) {
        const name = `${kind}_${part}_${codec}`;
        if (figures[`${name}_us`] !== undefined) yield row(kind, '', `${part} ${codec}`, cell(`${name}_bytes`), cell(`${name}_us`));
      }
    }
  }
}

function row(...cells: readonly string[]): string {
  const widths = [9, 3, 14, 10, 11];
  return cells.map((text, i) => text.padStart(widths[i] ?? 10)).join(' ');
}
