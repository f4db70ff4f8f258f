// A process with the native sampler on one file, driven by lines of JSON on its standard input and answering each with one on its standard output.
//
//   {"block":500}    blocks the event loop for so many milliseconds
//   {"stop":true}    stops the sampler, and tells what became of all rows and ticks

import { createInterface } from 'node:readline';
import { createNativeSampler, loadNativeSampler } from '../../../src/roce/native-sampler.ts';
import type { WindowRow } from '../../../src/roce/reduction.ts';
import { fileChannel, planOf } from '../../support/sampler-plan.ts';

interface Command {
  readonly block?: number;
  readonly stop?: true;
}

const { path, periodNs, windowNs } = JSON.parse(process.argv[2] ?? '') as { path: string; periodNs: number; windowNs: number };
const loaded = loadNativeSampler();
if (!('addon' in loaded)) throw new Error(loaded.reason);
const sampler = createNativeSampler(loaded.addon, planOf([fileChannel('file', path)], { periodNs, windowNs }));
const windows: WindowRow[] = [];
let consumed = 0;
const startNs = process.hrtime.bigint();
sampler.start();
const timer = setInterval(fetchRows, 100);
say({ isRunning: true });
for await (const line of createInterface({ input: process.stdin })) act(JSON.parse(line) as Command);

function act({ block, stop }: Command): void {
  if (block !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, block);
  if (stop !== true) return say({ ticks: sampler.figures().ticks });
  clearInterval(timer);
  sampler.stop();
  const elapsedNs = Number(process.hrtime.bigint() - startNs);
  const { produced, overwritten } = fetchRows();
  const { ticks, missed } = sampler.figures();
  say({ produced, consumed, overwritten, ticks, missed, elapsedNs, windows: windows.map(({ startNs: from, endNs, coveredNs, units }) => ({ startNs: from, endNs, coveredNs, units })) });
}

function fetchRows(): { readonly produced: number; readonly overwritten: number } {
  const rows = sampler.drain();
  windows.push(...rows.windows);
  consumed += rows.windows.length + rows.bursts.length + rows.captures.length + rows.captureStarts.length;
  return rows;
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
