// Cost of reading pages, without the sink's own: the sink here trusts that the page has not changed its order and hashes nothing. What the
// series cache adds is measured with the whole line.

import { createPageReader } from '../../src/exposition/page-reader.ts';
import type { PageSink } from '../../src/exposition/sink.ts';
import { cadvisorPage, kubeStatePage, nodeExporterPage } from './pages.ts';
import type { Page } from './pages.ts';

const CHUNK_BYTES = 65_536;
const RUN_MS = 700;

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

/** Knows keys by their place on the page only. */
class MinimalSink implements PageSink {
  keyEnd = 0;
  sum = 0;
  misses = 0;
  #keys: Uint8Array[] = [];
  #at = 0;
  #comments: number[] = [];
  #commentAt = 0;
  readonly commentType = undefined;

  rewind(): void {
    this.#at = 0;
    this.#commentAt = 0;
  }

  /** Trusts the length of the key and three of its bytes, so that the figure is the reader's. */
  expect(bytes: Uint8Array, start: number, end: number): number {
    const id = this.#at++;
    if (id >= this.#keys.length) return -1;
    const key = this.#keys[id]!;
    const length = key.length;
    const keyEnd = start + length;
    if (keyEnd > end || bytes[keyEnd - 1] !== key[length - 1] || bytes[keyEnd - 3] !== key[length - 3] || bytes[start] !== key[0]) return -1;
    this.keyEnd = keyEnd;
    return id;
  }

  find(): number {
    return -1;
  }

  add(bytes: Uint8Array, start: number, keyEnd: number): number {
    this.misses++;
    this.#keys[this.#at - 1] = bytes.slice(start, keyEnd);
    return this.#at - 1;
  }

  sample(_: number, value: number): void {
    this.sum += value;
  }

  expectComment(bytes: Uint8Array, start: number): boolean {
    const length = this.#comments[this.#commentAt++];
    if (length === undefined || bytes[start + length - 1] !== 10) return false;
    this.keyEnd = start + length;
    return true;
  }

  learnComment(_: Uint8Array, start: number, lineEnd: number): void {
    this.#comments[this.#commentAt - 1] = lineEnd - start;
  }

  exemplar(): void {}
  metadata(): void {}
}

/** Seconds of CPU per million samples, which is microseconds per sample, over a window of RUN_MS. */
function measure(page: Page): number {
  const sink = new MinimalSink();
  const reader = createPageReader('text', sink);
  const scrapes = Array.from({ length: 4 }, () => page.render());
  const read = (body: Buffer) => {
    sink.rewind();
    reader.reset();
    for (let at = 0; at < body.length; at += CHUNK_BYTES) reader.feed(body.subarray(at, at + CHUNK_BYTES));
    reader.finish();
  };
  for (let i = 0; i < 8; i++) read(scrapes[i % 4]!);
  let samples = 0;
  const before = process.cpuUsage();
  const until = performance.now() + RUN_MS;
  for (let round = 0; performance.now() < until; round++) {
    read(scrapes[round % 4]!);
    samples += page.seriesCount;
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / samples;
}

export async function run(): Promise<{ figures: Record<string, number>; bars: Bar[] }> {
  const figures: Record<string, number> = {
    exposition_kube_state_seconds_per_million: measure(kubeStatePage(25_000, 1)),
    exposition_cadvisor_seconds_per_million: measure(cadvisorPage(10_000, 2)),
    exposition_node_exporter_seconds_per_million: measure(nodeExporterPage(3)),
  };
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(50)} ${value.toFixed(3)}`);
  const kubeState = figures['exposition_kube_state_seconds_per_million']!;
  return { figures, bars: [{ name: 'kube-state-like page, seconds per million samples', value: kubeState, limit: 0.1, holds: kubeState <= 0.1 }] };
}
