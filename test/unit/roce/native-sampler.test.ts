// The boundary of the addon: every wrong argument is an error that names it, and nothing a script does ends the process. And real counters: what goes
// over loopback is counted, by rtnetlink and by the files. Left out where the addon was not built.

import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { linkFields } from '../../../src/roce/link-fields.ts';
import { createNativeSampler, loadNativeSampler, type NativeAddon } from '../../../src/roce/native-sampler.ts';
import { defaultRules } from '../../../src/roce/reduction.ts';
import type { Channel, Sampler } from '../../../src/roce/sampler.ts';

const loaded = loadNativeSampler();
const addon = 'addon' in loaded ? loaded.addon : undefined;
const withAddon = (run: (addon: NativeAddon) => void | Promise<void>) => () => (addon === undefined ? undefined : run(addon));

const counter = { bits: 64, saturates: false, multiplier: 1, lineRate: 0, refreshNs: 0 };
const bytesOf = (source: string, name: string): Channel => ({ source, path: `/sys/class/net/lo/statistics/${name}`, rules: counter });
const linkBytes: Channel = { ...bytesOf('rtnetlink', 'rx_bytes'), link: { name: 'lo', field: linkFields.indexOf('rx_bytes') } };

test('TRIBUTARY_NATIVE=0 keeps the addon out', () => {
  const before = process.env['TRIBUTARY_NATIVE'];
  process.env['TRIBUTARY_NATIVE'] = '0';
  expect(loadNativeSampler()).toEqual({ reason: 'TRIBUTARY_NATIVE=0' });
  if (before === undefined) delete process.env['TRIBUTARY_NATIVE'];
  else process.env['TRIBUTARY_NATIVE'] = before;
});

describe.runIf(addon !== undefined)('arguments', () => {
  const rules = { ...defaultRules, alignNs: 0 };
  const channel = { source: 'a', path: '/x', rules: counter };
  const link = { source: 'a', link: 'lo', field: 0, rules: counter };

  test.each<readonly [string, unknown]>([
    ['options', undefined],
    ['options', 7],
    ['rules', {}],
    ['periodNs', { rules: { ...rules, periodNs: 0 }, channels: [] }],
    ['periodNs', { rules: { ...rules, periodNs: NaN }, channels: [] }],
    ['periodNs', { rules: { ...rules, periodNs: '1' }, channels: [] }],
    ['windowNs', { rules: { ...rules, windowNs: Infinity }, channels: [] }],
    ['leave', { rules: { ...rules, leave: 0.9 }, channels: [] }],
    ['mergeGap', { rules: { ...rules, mergeGap: 0.5 }, channels: [] }],
    ['thresholds', { rules: { ...rules, thresholds: [1, 2, 3, 4, 5] }, channels: [] }],
    ['thresholds', { rules: { ...rules, thresholds: ['0.5'] }, channels: [] }],
    ['channels', { rules }],
    ['channels', { rules, channels: Array.from({ length: 5000 }) }],
    ['channel', { rules, channels: [undefined] }],
    ['path', { rules, channels: [{ ...channel, path: '' }] }],
    ['path', { rules, channels: [{ ...channel, path: '/a\0b' }] }],
    ['path', { rules, channels: [{ ...channel, path: 'x'.repeat(5000) }] }],
    ['source', { rules, channels: [{ ...channel, source: 1n }] }],
    ['bits', { rules, channels: [{ ...channel, rules: { ...counter, bits: 65 } }] }],
    ['saturates', { rules, channels: [{ ...channel, rules: { ...counter, saturates: 1 } }] }],
    ['multiplier', { rules, channels: [{ ...channel, rules: { ...counter, multiplier: -1 } }] }],
    ['link', { rules, channels: [{ ...link, link: 'x'.repeat(65) }] }],
    ['field', { rules, channels: [{ ...link, field: 24 }] }],
    ['field', { rules, channels: [{ ...link, field: -1 }] }],
  ])('%s is checked (%#)', (name, options) => withAddon(({ Sampler }) => {
    expect(() => new Sampler(options as object)).toThrow(new RegExp(`^${name}: `));
  })());

  test('a getter that throws, throws', withAddon(({ Sampler }) => {
    const hostile = { get rules(): never { throw new Error('mine'); } };
    expect(() => new Sampler(hostile)).toThrow('mine');
  }));
  test('methods refuse another receiver', withAddon(({ Sampler }) => {
    expect(() => Sampler.prototype.start.call({})).toThrow('Illegal invocation');
  }));
  test('a second start is refused, a second stop is nothing', withAddon(({ Sampler }) => {
    const sampler = new Sampler({ rules, channels: [] });
    sampler.start();
    expect(() => sampler.start()).toThrow('started before');
    sampler.stop();
    sampler.stop();
    expect(sampler.drain().windows.length).toBe(0);
  }));
});

describe.runIf(addon !== undefined)('real counters', () => {
  test('what goes over loopback is counted, by rtnetlink and by files', withAddon(async (native) => {
    const sampler = createNativeSampler(native, [linkBytes, bytesOf('files', 'rx_bytes'), bytesOf('absent', 'no_such_file')], defaultRules);
    sampler.start();
    await ticks(sampler, 5);
    const sent = 1 << 20;
    await sendOverLoopback(sent);
    await ticks(sampler, 5);
    sampler.stop();
    const { windows, overwritten } = sampler.drain();
    const units = (channel: number) => windows.filter((row) => row.channel === channel).reduce((sum, row) => sum + row.units, 0);
    expect(units(0)).toBeGreaterThanOrEqual(sent);
    expect(units(1)).toBeGreaterThanOrEqual(sent);
    expect(units(2)).toBe(0);
    expect(overwritten).toBe(0);
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
