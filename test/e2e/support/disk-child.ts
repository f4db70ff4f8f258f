// A process with a queue on a real disk, driven by lines of JSON on its standard input and answering each with one on its standard output. The records it appends
// follow from their number, so that whoever drives it can tell whether they came back as they were.
//
//   {"append":[1,20],"bytes":10000}   records 1 to 20, each in a turn of its own
//   {"settle":[1,5]}   {"state":true}   {"read":true}   {"close":true}

import { createInterface } from 'node:readline';

import { systemClock } from '../../../src/io/clock.ts';
import { systemDisk } from '../../../src/io/disk.ts';
import { openLevelStore } from '../../../src/queue/ledger-store.ts';
import type { StreamOptions } from '../../../src/queue/queue.ts';
import type { QueueSettings } from '../../../src/queue/config.ts';
import { fill, imbalance, open, readAll } from '../../unit/queue/helpers.ts';

interface Command {
  readonly append?: [number, number];
  readonly bytes?: number;
  readonly settle?: [number, number];
  readonly read?: true;
  readonly close?: true;
}

const { path, settings, stream: options } = JSON.parse(process.argv[2]!) as { path: string; settings: Partial<QueueSettings>; stream: StreamOptions };
const queue = await open({ path, settings, disk: systemDisk, clock: systemClock, openStore: openLevelStore, reserveBytes: 256 * 1024 });
const stream = queue.stream('a', options);
say({ isOpen: true });
for await (const line of createInterface({ input: process.stdin })) say(await act(JSON.parse(line) as Command));

async function act(command: Command): Promise<object> {
  if (command.append !== undefined) await fill(stream, ...command.append, command.bytes);
  if (command.settle !== undefined) stream.settle(...command.settle);
  if (command.close === true) await queue.close();
  const records = command.read === true ? (await readAll(stream)).map(({ sequence, newestMs, samples, payload }) => ({ sequence, n: newestMs / 1000, samples, isWhole: isWhole(newestMs / 1000, payload) })) : [];
  const state = stream.state();
  return { ...state, missing: imbalance(state), records };
}

function isWhole(n: number, payload: Uint8Array): boolean {
  return Buffer.from(payload).equals(Buffer.alloc(payload.length, `<${n}>`));
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
