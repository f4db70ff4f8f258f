// Checks of the `tributary` block that need the destinations.

import type { RemoteWriteBlock } from '../destinations/config.ts';
import { HELD_STREAM } from '../queue/config.ts';
import { fail, joinPath, report } from './schema.ts';
import { printSize } from './size.ts';
import type { TributaryBlock } from './top.ts';

export function checkTributary(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  checkNames(at, entries);
  for (const entry of entries) if (entry.values.name === HELD_STREAM) fail(entry, 'name', `${HELD_STREAM} is the queue of samples that wait for their pod, expected another name`);
  checkQuotas(at, entries);
}

function checkNames(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  const names = entries.map((entry) => entry.values.name).filter((name) => name !== '');
  const expected = names.length === 0 ? 'no remote_write has a name' : `expected one of ${names.join(', ')}`;
  for (const [name, own] of at.values.destinations) {
    if (names.includes(name)) continue;
    const path = joinPath('tributary.destinations', name);
    report(at.context, own.at.line === 0 ? at.at : own.at, path, `no remote_write is named ${JSON.stringify(name)}, ${expected}`);
  }
}

function checkQuotas(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  const total = at.values.queue.values.max_bytes;
  const quotas = [...at.values.destinations.values()].map((own) => own.values.max_bytes ?? 0);
  const sum = quotas.reduce((a, b) => a + b, 0);
  const without = entries.length - quotas.filter((bytes) => bytes > 0).length;
  if (sum > total) fail(at, 'destinations', `the max_bytes of the destinations add up to ${printSize(sum)}, expected at most tributary.queue.max_bytes, ${printSize(total)}`);
  else if (sum === total && sum > 0 && without > 0) {
    fail(at, 'destinations', `the max_bytes of the destinations take all of tributary.queue.max_bytes, ${printSize(total)}, expected a rest for ${without} remote_write without a quota`);
  }
}
