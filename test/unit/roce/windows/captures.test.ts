// Captures: which channels, what their samples are called, when they are of, and how many may leave.

import { describe, expect, test } from 'vitest';
import type { PlannedChannel } from '../../../../src/roce/plan.ts';
import type { CaptureRow, CaptureStart } from '../../../../src/roce/reduction.ts';
import { CaptureBudget } from '../../../../src/roce/windows/capture-budget.ts';
import { capturedChannels } from '../../../../src/roce/windows/capture-signals.ts';
import type { Pause } from '../../../../src/roce/vendors.ts';
import { channelOf, emptyRows, isMarker, matching, planOf, portOf, receive, transmit, windowRow, World, type ChannelTraits } from './world.ts';

const pause = (kind: Pause['kind'], direction: Pause['direction'], priority: string): ChannelTraits => ({ group: 'ethtool', meaning: { pause: { kind, direction, priority } }, isCaptured: true });
const event = (name: 'cnp_sent' | 'cnp_handled' | 'ecn_marked' | 'out_of_sequence' | 'discard' | 'rnr_nak'): ChannelTraits => ({ meaning: { event: name }, isCaptured: true });
const captured = (traits: ChannelTraits): ChannelTraits => ({ ...traits, isCaptured: true });

const row = (channel: number, atMs: number, value = 1): CaptureRow => ({ channel, atNs: atMs * 1e6, value });
const start = (port: number, channel: number, atMs: number): CaptureStart => ({ port, channel, atNs: atMs * 1e6 });

function worldOf(channels: readonly PlannedChannel[], captureSamplesPerMinute = 20_000): World {
  const world = new World();
  world.begin(planOf(channels), { captureSamplesPerMinute });
  return world;
}

const port = portOf('mlx5_0');
const values = /capture_value/;

describe('of a port are captured', () => {
  const channels = [
    ...(['rnr_nak', 'discard', 'out_of_sequence', 'ecn_marked', 'cnp_handled', 'cnp_sent'] as const).map((name) => channelOf(port, name, event(name))),
    channelOf(port, 'tx_prio3_pause', pause('frames', 'transmit', '3')),
    channelOf(port, 'rx_prio3_pause_duration', pause('duration', 'receive', '3')), channelOf(port, 'rx_prio3_pause', pause('frames', 'receive', '3')),
    channelOf(port, 'rx_global_pause', pause('frames', 'receive', 'global')), channelOf(port, 'port_xmit_data', transmit), channelOf(port, 'port_rcv_data', receive),
    channelOf(port, 'rx_bytes_phy', { meaning: { traffic: 'receive' } }), channelOf(port, 'active_qps', { meaning: { isGauge: true } }),
  ];
  const chosen = (signals: number, of = channels) => [...capturedChannels(of, signals)].map(({ counter }) => counter.name);

  test('throughput, pauses of lossless priorities, CNP, ECN, out of sequence, then discards', () =>
    expect(chosen(8)).toEqual(['port_rcv_data', 'port_xmit_data', 'rx_prio3_pause_duration', 'tx_prio3_pause', 'cnp_sent', 'cnp_handled', 'ecn_marked', 'out_of_sequence']));
  test('discards and other events while there is room', () => expect(chosen(20).slice(8)).toEqual(['discard', 'rnr_nak']));
  test('as many as wanted', () => expect(chosen(3)).toEqual(['port_rcv_data', 'port_xmit_data', 'rx_prio3_pause_duration']));
  test('pauses of the link where there are none of a priority', () => expect(chosen(20, channels.filter(({ counter }) => !counter.name.includes('prio3')))).toContain('rx_global_pause'));
  test('each port has its own', () => {
    const other = portOf('mlx5_1');
    expect(capturedChannels([...channels, channelOf(other, 'port_rcv_data', receive)], 2).size).toBe(3);
  });
  test('one channel for each signal', () => expect(chosen(8, [channelOf(port, 'a', event('discard')), channelOf(port, 'b', event('discard'))])).toEqual(['a']));
});

describe('a sample', () => {
  test('is of the millisecond in which its interval ended, in the unit of its signal', () => {
    const world = worldOf([channelOf(port, 'port_rcv_data', captured(receive)), channelOf(port, 'rx_prio3_pause_duration', pause('duration', 'receive', '3')), channelOf(port, 'np_cnp_sent', event('cnp_sent'))]);
    expect(matching(world.take({ captureStarts: [start(0, 2, 100)], captures: [row(0, 100.4, 4e10), row(1, 100.2, 250), row(2, 99.9, 3)] }, 200), values)).toEqual([
      'tributary_roce_capture_value{device="mlx5_0",direction="receive",port="1",priority="3",signal="paused_seconds"} 0.00025 @100',
      'tributary_roce_capture_value{device="mlx5_0",direction="receive",port="1",signal="throughput"} 40000000000 @100',
      'tributary_roce_capture_value{device="mlx5_0",port="1",signal="cnp_sent"} 3 @99',
    ]);
  });
  const times = (rows: readonly CaptureRow[], source = 'quick') => {
    const world = worldOf([channelOf(port, 'np_cnp_sent', { ...event('cnp_sent'), source })]);
    const lines = [rows, []].flatMap((captures) => matching(world.take({ captures }, 300), values)).filter((line) => !line.includes('stale'));
    return lines.map((line) => line.split('} ')[1]);
  };
  test('that ends in the same millisecond as the one before is moved to the next', () =>
    expect(times([row(0, 10.1, 1), row(0, 10.9, 2), row(0, 12, 3)])).toEqual(['1 @10', '2 @11', '3 @12']));
  test('that is moved may move the next one', () => expect(times([row(0, 10.1, 1), row(0, 10.9, 2), row(0, 11.9, 3), row(0, 13, 4)])).toEqual(['1 @10', '2 @11', '3 @12', '4 @13']));
  test('of a shorter period is merged: increments are added', () => expect(times([row(0, 10.1, 1), row(0, 10.2, 2), row(0, 11.1, 3), row(0, 11.9, 4)], 'fine')).toEqual(['3 @10', '7 @11']));
  test('of a shorter period is merged: the larger rate counts', () => {
    const world = worldOf([channelOf(port, 'port_rcv_data', { ...captured(receive), source: 'fine' })]);
    world.take({ captures: [row(0, 10.1, 5), row(0, 10.2, 9)] }, 100);
    // The millisecond may go on with the next rows.
    expect(matching(world.take({ captures: [row(0, 10.3, 7), row(0, 11, 1)] }, 200), values)[0]).toContain(' 9 @10');
  });
  test('that comes late is dropped and counted', () => {
    const world = worldOf([channelOf(port, 'np_cnp_sent', event('cnp_sent'))]);
    world.take({ captures: [row(0, 50)] }, 100);
    expect(matching(world.take({ captures: [row(0, 40)] }, 150), values)).toEqual([]);
    expect(world.windows.figures().captureDropped).toEqual({ budget: 0, order: 1, signal: 0 });
  });
  test('of a channel that is no signal is dropped and counted', () => {
    const world = worldOf([channelOf(port, 'symbol_error', { isCaptured: true })]);
    world.take({ captures: [row(0, 50)] }, 100);
    expect(world.windows.figures().captureDropped.signal).toBe(1);
  });
});

test('a capture ends with a marker after a second of silence, and the next one goes on behind it', () => {
  const world = worldOf([channelOf(port, 'np_cnp_sent', event('cnp_sent'))]);
  world.take({ captures: [row(0, 50)] }, 100);
  expect(matching(world.take({}, 1050), values)).toEqual([]);
  expect(matching(world.take({}, 1051), values)).toEqual(['tributary_roce_capture_value{device="mlx5_0",port="1",signal="cnp_sent"} stale @51']);
  expect(matching(world.take({}, 9000), values)).toEqual([]);
  expect(matching(world.take({ captures: [row(0, 9000.5, 4)] }, 9100), values)[0]).toContain(' 4 @9000');
});

test('captures are counted by what began them, from 0 on', () => {
  const world = worldOf([channelOf(port, 'np_cnp_sent', event('cnp_sent')), channelOf(port, 'port_rcv_data', receive), channelOf(port, 'rx_prio3_pause', pause('frames', 'receive', '3'))]);
  const rows = (window: number) => [0, 1, 2].map((channel) => windowRow(channel, window));
  world.window(rows(0));
  world.take({ captureStarts: [start(0, 0, 16_000), start(0, 1, 17_000), start(0, 2, 18_000), start(0, 1, 19_000)] }, 20_000);
  const of = (trigger: string, count: number, at: number) => `tributary_roce_captures_total{device="mlx5_0",port="1",trigger="${trigger}"} ${count} @${at}`;
  expect(matching(world.window(rows(1)), /captures_total/)).toEqual([
    of('burst', 0, 15_000), of('burst', 2, 30_000), of('cnp_sent', 0, 15_000), of('cnp_sent', 1, 30_000), of('pause', 0, 15_000), of('pause', 1, 30_000)].sort());
});

test('the 0 before the first capture is not from before the process, where another one may have counted on', () => {
  const world = new World();
  world.begin(planOf([channelOf(port, 'np_cnp_sent', event('cnp_sent'))]), {}, 9000);
  world.take({ captureStarts: [start(0, 0, 10_000)] }, 10_000);
  expect(matching(world.window([windowRow(0, 0)]), /captures_total/).map((line) => line.split('} ')[1])).toEqual(['0 @9000', '1 @15000']);
});

describe('the budget', () => {
  const ports = [0, 1, 2, 3].map((i) => portOf(`mlx5_${i}`));
  const channels = ports.map((one) => channelOf(one, 'np_cnp_sent', event('cnp_sent')));
  /** Samples that leave when a port wants as many, one a millisecond. */
  const sent = (world: World, port_: number, fromMs: number, count: number) => {
    const captures = Array.from({ length: count }, (_, i) => row(port_, fromMs + i));
    const series = world.take({ captureStarts: [start(port_, port_, fromMs)], captures }, fromMs + count + 1);
    return series.flatMap(({ samples }) => samples).filter((sample) => !isMarker(sample)).length;
  };

  // Four more come back while the five hundred go.
  test('gives one busy port its own share and the half for all', () => expect(sent(worldOf(channels, 800), 0, 0, 5000)).toBe(504));
  test('always leaves the others their share', () => {
    const world = worldOf(channels, 800);
    sent(world, 0, 0, 5000);
    expect([1, 2, 3].map((one) => sent(world, one, 0, 5000))).toEqual([100, 100, 100]);
  });
  test('fills up in a minute', () => {
    const world = worldOf(channels, 800);
    sent(world, 0, 0, 5000);
    expect(sent(world, 0, 70_000, 5000)).toBe(504);
  });
  test('ends a capture where it is used up, and counts what was dropped by its trigger', () => {
    const world = worldOf(channels, 800);
    expect(sent(world, 0, 0, 800)).toBe(504);
    expect(world.windows.figures().captureDropped).toEqual({ budget: 296, order: 0, signal: 0 });
    expect(matching(world.window(channels.map((_, channel) => windowRow(channel, 0))), /dropped_samples/)).toContain('tributary_roce_capture_dropped_samples_total{device="mlx5_0",port="1",trigger="cnp_sent"} 296 @15000');
  });
  test('of 0 lets nothing out', () => {
    const world = worldOf(channels, 0);
    expect(sent(world, 0, 0, 10)).toBe(0);
    expect(world.take(emptyRows, 5000)).toEqual([]);
  });
  test('never gives more in a minute than twice itself, and a whole one to a single port in the long run', () => {
    const budget = new CaptureBudget(600, 3);
    let taken = 0;
    for (let ms = 0; ms < 600_000; ms += 10) if (budget.take(1, ms)) taken++;
    // Ten minutes' worth, and what it began with.
    expect(taken).toBeGreaterThanOrEqual(6000);
    expect(taken).toBeLessThanOrEqual(6000 + 400);
  });
});
