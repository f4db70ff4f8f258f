// `npm run bench -- queue [pages|writes|large]`: what the queue costs. Bytes on disk per sample of realistic pages beside vmagent's, bytes
// written per byte of payload, CPU of an append, and a large queue that is opened and drained by a fresh process.

import { type Bar, type Measured, measureLargeQueue, measureWrites } from './queue-disk.ts';
import { measurePages } from './queue-pages.ts';

export { servePages } from './support/page-server.ts';

const measurements: Readonly<Record<string, () => Promise<Measured>>> = { pages: measurePages, writes: measureWrites, large: measureLargeQueue };

export async function run(args: readonly string[] = []): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const names = args.length > 0 ? args : Object.keys(measurements);
  const parts: Measured[] = [];
  for (const name of names) {
    const measure = measurements[name];
    if (measure === undefined) throw new Error(`unknown measurement ${name}, expected one of ${Object.keys(measurements).join(', ')}`);
    parts.push(await measure());
  }
  const figures = Object.assign({}, ...parts.map((p) => p.figures)) as Record<string, number>;
  const bars = parts.flatMap((p) => p.bars);
  const rows = Object.entries(figures).map(([name, value]) => `${name.padEnd(48)} ${value.toPrecision(4)}`);
  return { table: [...rows, ...bars.map((b) => `${b.holds ? 'holds ' : 'MISSED'} ${b.name}: ${b.value.toPrecision(4)} of ${b.limit}`)], figures, bars };
}
