// `npm run bench -- queue`: what the queue costs. Bytes written per byte of payload, CPU of an append, and a large queue that is opened
// and drained by a fresh process.

import { type Bar, measureLargeQueue, measureWrites } from './queue-disk.ts';

export async function run(): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const parts = [await measureWrites(), await measureLargeQueue()];
  const figures = Object.assign({}, ...parts.map((p) => p.figures)) as Record<string, number>;
  const bars = parts.flatMap((p) => p.bars);
  const rows = Object.entries(figures).map(([name, value]) => `${name.padEnd(32)} ${value.toPrecision(4)}`);
  return { table: [...rows, ...bars.map((b) => `${b.holds ? 'holds ' : 'MISSED'} ${b.name}: ${b.value.toPrecision(4)} of ${b.limit}`)], figures, bars };
}
