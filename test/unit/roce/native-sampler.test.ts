// The boundary of the addon: every wrong argument is an error that names it, and nothing a script does ends the process. And real counters: what goes
// over loopback is counted, by rtnetlink and by the files. Left out where the addon was not built.

import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { linkFields } from '../../../src/roce/link-fields.ts';
import { createNativeSampler, loadNativeSampler, wallOffsetNs, type NativeAddon } from '../../../src/roce/native-sampler.ts';
import type { Sampler } from '../../../src/roce/sampler.ts';
import { channelOf, fileChannel, planOf, steadySource } from '../../support/sampler-plan.ts';

const loaded = loadNativeSampler();
const addon = 'addon' in loaded ? loaded.addon : undefined;
const withAddon = (run: (addon: NativeAddon) => void | Promise<void>) => () => (addon === undefined ? undefined : run(addon));

const bytesOf = (source: string, name: string) => fileChannel(source, `/sys/class/net/lo/statistics/${name}`);
const linkBytes = channelOf('rtnetlink', { kind: 'link', link: 'lo', field: linkFields.indexOf('rx_bytes') });

test('TRIBUTARY_NATIVE=0 keeps the addon out', () => {
  const before = process.env['TRIBUTARY_NATIVE'];
  process.env['TRIBUTARY_NATIVE'] = '0';
  expect(loadNativeSampler()).toEqual({ reason: 'TRIBUTARY_NATIVE=0' });
  if (before === undefined) delete process.env['TRIBUTARY_NATIVE'];
  else process.env['TRIBUTARY_NATIVE'] = before;
});

describe('the distance to the wall clock', () => {
  /** The wall clock is 5 s ahead. Asking a clock takes 100 ns, and longer at the questions that are told: there somebody interrupts. */
  const errorOf = (stalls: ReadonlyMap<number, number>, askNs = 100) => {
    let ns = 123_400;
    let question = 0;
    const ask = () => (ns += askNs + (stalls.get(question++) ?? 0));
    return Math.abs(wallOffsetNs({ nowMs: () => Math.floor(ask() / 1e6) + 5000, monotonicNs: () => BigInt(ask()) }) - 5e9);
  };

  test.each<readonly [string, ReadonlyMap<number, number>]>([
    ['is right to a microsecond', new Map()],
    ['is measured again when the wall clock had to wait', new Map([[2000, 3_000_000]])],
    ['is measured again when the other one had to wait', new Map([[2001, 3_000_000]])],
    ['is measured again when the first question had to wait', new Map([[1, 7_300_000]])],
  ])('%s', (_, stalls) => expect(errorOf(stalls)).toBeLessThan(1000));

  test('is as good as it can be where clocks are slow', () => expect(errorOf(new Map(), 30_000)).toBeLessThan(100_000));
});

/** Of this process, in kilobytes. */
const lockedMemory = () => Number(/^VmLck:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

test.runIf(addon !== undefined)('memory is locked until the sampler is stopped, not until it is freed', withAddon((native) => {
  const before = lockedMemory();
  const sampler = createNativeSampler(native, planOf(Array.from({ length: 200 }, (_, i) => fileChannel('a', `/no/such/${i}`))));
  const locked = lockedMemory() - before;
  // There may be a limit.
  if (locked < 1000) return;
  sampler.stop();
  expect(lockedMemory() - before).toBeLessThan(100);
  expect(sampler.drain().windows).toEqual([]);
}));

describe.runIf(addon !== undefined)('arguments', () => {
  const options = planOf([fileChannel('a', '/x')]);
  const good = { ...options, reduction: { ...options.reduction, alignNs: 0 } };
  const source = (more: object) => ({ ...good, sources: [{ ...steadySource('a', 1e6), ...more }] });
  const reduction = (more: object) => ({ ...good, reduction: { ...good.reduction, ...more } });
  const schedule = (more: object) => ({ ...good, schedule: { ...good.schedule, ...more } });
  const channel = (more: object) => ({ ...good, channels: [{ ...fileChannel('a', '/x'), ...more }] });
  const place = (more: object) => channel({ place: { kind: 'file', path: '/x', ...more } });
  const link = (more: object) => channel({ place: { kind: 'link', link: 'lo', field: 0, ...more } });
  const counter = (more: object) => channel({ rules: { ...fileChannel('a', '/x').rules, ...more } });

  test.each<readonly [string, unknown]>([
    ['options', undefined],
    ['options', 7],
    ['reduction', { ...good, reduction: undefined }],
    ['periodNs', reduction({ periodNs: 0 })],
    ['periodNs', reduction({ periodNs: NaN })],
    ['periodNs', reduction({ periodNs: '1' })],
    ['windowNs', reduction({ windowNs: Infinity })],
    ['leave', reduction({ leave: 0.9 })],
    ['mergeGap', reduction({ mergeGap: 0.5 })],
    ['thresholds', reduction({ thresholds: [1, 2, 3, 4, 5] })],
    ['thresholds', reduction({ thresholds: ['0.5'] })],
    ['schedule', { ...good, schedule: 'fifo' }],
    ['policy', schedule({ policy: 'deadline' })],
    ['priority', schedule({ priority: 100 })],
    ['cpu', schedule({ cpu: -1 })],
    ['cpu', schedule({ cpu: null })],
    ['preNs', { ...good, capture: { preNs: -1, postNs: 0, maxNs: 0 } }],
    ['ringBytes', { ...good, ringBytes: Infinity }],
    ['sources', { ...good, sources: {} }],
    ['source', { ...good, sources: [1] }],
    ['name', source({ name: '' })],
    ['name', { ...good, sources: [steadySource('a', 1e6), steadySource('a', 1e6)] }],
    ['thread', source({ thread: 'other' })],
    ['maxDuty', source({ maxDuty: 0 })],
    ['idlePeriodNs', source({ idlePeriodNs: 1e12 })],
    ['escalatedPeriodNs', source({ escalatedPeriodNs: undefined })],
    ['channels', { ...good, channels: undefined }],
    ['channels', { ...good, channels: Array.from({ length: 5000 }) }],
    ['channel', { ...good, channels: [undefined] }],
    ['source', channel({ source: 1n })],
    ['source', channel({ source: 'b' })],
    ['port', channel({ port: 4096 })],
    ['isEvent', channel({ isEvent: 1 })],
    ['isCaptured', channel({ isCaptured: undefined })],
    ['place', channel({ place: '/x' })],
    ['kind', place({ kind: 'socket' })],
    ['path', place({ path: '' })],
    ['path', place({ path: '/a\0b' })],
    ['path', place({ path: 'x'.repeat(5000) })],
    ['bits', counter({ bits: 65 })],
    ['saturates', counter({ saturates: 1 })],
    ['multiplier', counter({ multiplier: -1 })],
    ['link', link({ link: 'x'.repeat(65) })],
    ['field', link({ field: 24 })],
    ['field', link({ field: -1 })],
  ])('%s is checked (%#)', (name, wrong) => withAddon(({ Sampler }) => {
    expect(() => new Sampler(wrong as object)).toThrow(new RegExp(`^${name}: `));
  })());

  test('a getter that throws, throws', withAddon(({ Sampler }) => {
    const hostile = { get reduction(): never { throw new Error('mine'); } };
    expect(() => new Sampler(hostile)).toThrow('mine');
  }));
  test('methods refuse another receiver', withAddon(({ Sampler }) => {
    expect(() => Sampler.prototype.start.call({})).toThrow('Illegal invocation');
  }));
  test('a second start is refused, a second stop is nothing', withAddon(({ Sampler }) => {
    const sampler = new Sampler(good);
    sampler.start();
    expect(() => sampler.start()).toThrow('started before');
    sampler.stop();
    sampler.stop();
    expect(sampler.drain()).toMatchObject({ overwritten: 0 });
  }));
});

describe.runIf(addon !== undefined)('rows', () => {
  test('that were produced are those that were given or overwritten, at every call', withAddon(async (native) => {
    // Windows of 0.1 s of 300 counters in a ring of three windows a counter, which the first call finds overrun.
    const channels = Array.from({ length: 300 }, (_, field) => channelOf('rtnetlink', { kind: 'link', link: 'lo', field: field % linkFields.length }));
    const sampler = createNativeSampler(native, planOf(channels, { windowNs: 1e8, ringBytes: 0 }));
    sampler.start();
    await ticks(sampler, 600);
    let given = 0;
    for (let call = 0; call < 2000; call++) {
      if (call === 1999) sampler.stop();
      const { windows, bursts, captures, captureStarts, produced, overwritten } = sampler.drain();
      given += windows.length + bursts.length + captures.length + captureStarts.length;
      expect(produced).toBe(given + overwritten);
      if (call === 0) expect(overwritten).toBeGreaterThan(0);
    }
  }));
});

describe.runIf(addon !== undefined)('real counters', () => {
  test('what goes over loopback is counted, by rtnetlink and by files', withAddon(async (native) => {
    const sampler = createNativeSampler(native, planOf([linkBytes, bytesOf('files', 'rx_bytes'), bytesOf('absent', 'no_such_file')]));
    sampler.start();
    await ticks(sampler, 5);
    const sent = 1 << 20;
    await sendOverLoopback(sent);
    await ticks(sampler, 5);
    sampler.stop();
    const { windows, bursts, produced, overwritten } = sampler.drain();
    const units = (channel: number) => windows.filter((row) => row.channel === channel).reduce((sum, row) => sum + row.units, 0);
    expect(units(0)).toBeGreaterThanOrEqual(sent);
    expect(units(1)).toBeGreaterThanOrEqual(sent);
    expect(units(2)).toBe(0);
    expect(overwritten).toBe(0);
    expect(produced).toBe(windows.length + bursts.length);
    const { policy, sources } = sampler.figures();
    expect(['fifo', 'nice', 'plain']).toContain(policy);
    const failed = new Map(sources.map(({ source, reads, failedReadings }) => [source, [failedReadings, reads]]));
    expect(failed.get('rtnetlink')?.[0]).toBe(0);
    expect(failed.get('absent')?.[0]).toBe(failed.get('absent')?.[1]);
  }));
});

/** Waits until the sampler has done so many more. */
async function ticks(sampler: Sampler, count: number): Promise<void> {
  const until = sampler.figures().ticks + count;
  while (sampler.figures().ticks < until) await setImmediate();
}

async function sendOverLoopback(bytes: number): Promise<void> {
  let received = 0;
  const server = createServer((socket) => socket.on('data', (data) => (received += data.length)).on('end', () => socket.end())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = connect(port, '127.0.0.1');
  socket.end(Buffer.alloc(bytes));
  socket.resume();
  await once(socket, 'close');
  expect(received).toBe(bytes);
  server.close();
}
