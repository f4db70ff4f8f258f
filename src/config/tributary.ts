// Checks of the `tributary` block that need the destinations.

import type { RemoteWriteBlock } from '../destinations/config.ts';
import { HELD_STREAM, nameProblem } from '../queue/config.ts';
import { fail, joinPath, remark, report } from './schema.ts';
import { printSize } from './size.ts';
import type { TributaryBlock } from './top.ts';

export function checkTributary(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  checkNames(at, entries);
  for (const entry of entries) if (entry.values.name === HELD_STREAM) fail(entry, 'name', `${HELD_STREAM} is the queue of samples that wait for their pod, expected another name`);
  checkQuotas(at, entries);
  checkMasters(at);
  remarkHistograms(at, entries);
}

/** What is scraped has none yet. */
function remarkHistograms(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  if (at.values.roce !== undefined) return;
  for (const entry of entries) if (entry.values.send_native_histograms) remark(entry, 'send_native_histograms', 'no_effect', 'native histograms are not scraped yet, and there is no tributary.roce that makes some');
}

function checkNames(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  for (const entry of entries) {
    const problem = entry.values.name === '' ? undefined : nameProblem(entry.values.name);
    if (problem !== undefined) fail(entry, 'name', problem);
  }
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
  const announced = announcedQuota(at);
  const sum = quotas.reduce((a, b) => a + b, announced.bytes);
  const without = entries.length - quotas.filter((bytes) => bytes > 0).length + announced.withoutQuota;
  const [key, whose] = announced.bytes > 0 ? (['masters', 'the destinations and of the most masters'] as const) : (['destinations', 'the destinations'] as const);
  if (sum > total) fail(at, key, `the max_bytes of ${whose} add up to ${printSize(sum)}, expected at most tributary.queue.max_bytes, ${printSize(total)}`);
  else if (sum === total && sum > 0 && without > 0) {
    fail(at, key, `the max_bytes of ${whose} take all of tributary.queue.max_bytes, ${printSize(total)}, expected a rest for ${without} ${announced.withoutQuota > 0 ? 'destinations' : 'remote_write'} without a quota`);
  }
}

/** What is set aside for destinations that may be announced: what is guaranteed to others must not shrink when one arrives. */
function announcedQuota({ values: { masters } }: TributaryBlock): { readonly bytes: number; readonly withoutQuota: number } {
  if (masters === undefined) return { bytes: 0, withoutQuota: 0 };
  const { max_masters: most, defaults } = masters.values;
  return defaults.values.max_bytes === undefined ? { bytes: 0, withoutQuota: most } : { bytes: most * defaults.values.max_bytes, withoutQuota: 0 };
}

/** Without routes every destination gets everything: a document would get the series of all others. */
function checkMasters(at: TributaryBlock): void {
  const { masters, routing } = at.values;
  if (masters === undefined) return;
  if ((routing?.values.routes.length ?? 0) === 0 && !at.bad.has('routing')) {
    fail(at, 'masters', 'without routes every announced destination would get everything, expected tributary.routing.routes, with `to: [owner]` for the series of each owner');
  }
  const { secrets } = masters.values;
  if (secrets === undefined || secrets.values.owner !== undefined || secrets.bad.has('owner')) return;
  if ((routing?.values.owner.values.namespace ?? '') === '') fail(at, 'masters', 'nothing tells the owner of a namespace, expected tributary.routing.owner.namespace or masters.secrets.owner');
}
