// What windows become: totals, gauges, throughput, events, pauses; when they are sent, and with which time.

import { describe, expect, test } from 'vitest';
import type { FoundPort } from '../../../../src/roce/discover.ts';
import { channelOf, emptyRows, matching, planOf, portOf, receive, transmit, wallOffsetNs, beginMs, windowRow, World, type ChannelTraits } from './world.ts';

const event = (name: 'packet_seq_err' | 'cnp_sent', more: ChannelTraits = {}): ChannelTraits => ({ meaning: { event: name }, ...more });
const pause = (kind: 'duration' | 'frames', priority: string): ChannelTraits => ({ group: 'ethtool', meaning: { pause: { kind, direction: 'receive', priority } } });

/** A world whose plan has these channels of one port. */
function worldOf(channels: readonly (readonly [string, ChannelTraits])[], port: FoundPort = portOf('mlx5_0')): World {
  const world = new World();
  world.begin(planOf(channels.map(([name, traits]) => channelOf(port, name, traits))));
  return world;
}

describe('throughput', () => {
  test('peak and its time are of the window, and of the counter that tells the throughput alone', () => {
    const world = worldOf([['port_rcv_data', receive], ['rx_bytes', { meaning: { traffic: 'receive' }, lineRate: 5 }]]);
    const rows = [windowRow(0, 0, { intervals: 9, peakRate: 4e10, peakAtNs: 1.5e9 }), windowRow(1, 0, { intervals: 9, peakRate: 9e10, peakAtNs: 2e9 })];
    expect(matching(world.window(rows), /peak/)).toEqual([
      'tributary_roce_throughput_peak_bytes_per_second{device="mlx5_0",direction="receive",port="1"} 40000000000 @15000',
      `tributary_roce_throughput_peak_timestamp_seconds{device="mlx5_0",direction="receive",port="1"} ${beginMs / 1e3 + 1.5} @15000`,
    ]);
    expect(matching(world.window([windowRow(0, 1, { intervals: 9, peakRate: 1e9, peakAtNs: 16e9 })]), /peak_b/)).toEqual([
      'tributary_roce_throughput_peak_bytes_per_second{device="mlx5_0",direction="receive",port="1"} 1000000000 @30000',
    ]);
  });
  test('a window that moved without a believable interval has no peak, one that did not move has 0', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    world.window([windowRow(0, 0, { intervals: 9, peakRate: 4e10, peakAtNs: 1.5e9 })]);
    expect(matching(world.window([windowRow(0, 1, { units: 5e9 })]), /peak/)).toEqual([]);
    expect(matching(world.window([windowRow(0, 2)]), /peak_b/)[0]).toContain(' 0 @45000');
  });
  test('time above thresholds and bursts add up', () => {
    const world = worldOf([['port_xmit_data', transmit]]);
    world.window([windowRow(0, 0, { aboveNs: [3e9, 2e9, 1e6, 0], bursts: 2 })]);
    const labels = 'device="mlx5_0",direction="transmit",port="1"';
    expect(matching(world.window([windowRow(0, 1, { aboveNs: [1e9, 0, 1e6, 0], bursts: 1 })]), /above|bursts/)).toEqual([
      `tributary_roce_bursts_total{${labels}} 3 @30000`,
      `tributary_roce_time_above_threshold_seconds_total{${labels},threshold="0.5"} 4 @30000`,
      `tributary_roce_time_above_threshold_seconds_total{${labels},threshold="0.99"} 0.002 @30000`,
    ]);
  });
  test('without a line rate there is a peak and nothing else', () => {
    const world = worldOf([['port_rcv_data', { ...receive, lineRate: 0 }]], portOf('rxe0', { lineRate: 0 }));
    expect(matching(world.window([windowRow(0, 0, { intervals: 9, peakRate: 5 })]), /tributary/).map((line) => /^\w+/.exec(line)?.[0])).toEqual([
      'tributary_roce_port_info', 'tributary_roce_throughput_peak_bytes_per_second', 'tributary_roce_throughput_peak_timestamp_seconds',
    ]);
  });
});

describe('events', () => {
  test('counters of one port that mean the same event are one series, active as long as the one that was longest', () => {
    const world = worldOf([['packet_seq_err', event('packet_seq_err')], ['implied_nak_seq_err', event('packet_seq_err')]]);
    const rows = [windowRow(0, 0, { intervals: 9, activeNs: 10e9, peakUnits: 7 }), windowRow(1, 0, { intervals: 9, activeNs: 8e9, peakUnits: 9 })];
    expect(matching(world.window(rows), /event/)).toEqual([
      'tributary_roce_event_active_seconds_total{device="mlx5_0",event="packet_seq_err",port="1"} 10 @15000',
      'tributary_roce_event_peak_per_interval{device="mlx5_0",event="packet_seq_err",port="1"} 9 @15000',
    ]);
  });
  test('one that never happened has no peak, the first has the 0 before it', () => {
    const world = worldOf([['np_cnp_sent', event('cnp_sent')]]);
    const peaks = [0, 0, 4, 0].map((peakUnits, window) => matching(world.window([windowRow(0, window, { intervals: 9, peakUnits })]), /peak/).map((line) => line.split('} ')[1]));
    expect(peaks).toEqual([[], [], ['0 @30000', '4 @45000'], ['0 @60000']]);
  });
  test('those of different ports are not', () => {
    const world = new World();
    world.begin(planOf([channelOf(portOf('mlx5_0'), 'np_cnp_sent', event('cnp_sent')), channelOf(portOf('mlx5_1'), 'np_cnp_sent', event('cnp_sent'))]));
    expect(matching(world.window([windowRow(0, 0, { activeNs: 1e9 }), windowRow(1, 0, { activeNs: 2e9 })]), /active/)).toEqual([
      'tributary_roce_event_active_seconds_total{device="mlx5_0",event="cnp_sent",port="1"} 1 @15000',
      'tributary_roce_event_active_seconds_total{device="mlx5_1",event="cnp_sent",port="1"} 2 @15000',
    ]);
  });
});

describe('pauses', () => {
  test('microseconds become seconds, by priority and for the link', () => {
    const world = worldOf([['rx_prio3_pause_duration', pause('duration', '3')], ['rx_global_pause', pause('frames', 'global')]]);
    expect(matching(world.window([0, 1].map((channel) => windowRow(channel, 0, { units: 2_500_000, total: 9e9 }))), /pfc/)).toEqual([
      'tributary_roce_pfc_frames_total{device="mlx5_0",direction="receive",port="1",priority="global"} 2500000 @15000',
      'tributary_roce_pfc_paused_seconds_total{device="mlx5_0",direction="receive",port="1",priority="3"} 2.5 @15000',
    ]);
  });
  test('two counters of one pause are not added', () => {
    const world = worldOf([['rx_pause_frames', pause('frames', 'global')], ['rx_pause_ctrl_phy', pause('frames', 'global')]]);
    expect(matching(world.window([0, 1].map((channel) => windowRow(channel, 0, { units: 10, total: 10 }))), /pfc/)).toHaveLength(1);
  });
  test('windows that never came are made up for', () => {
    const world = worldOf([['rx_prio3_pause', pause('frames', '3')]]);
    world.window([windowRow(0, 0, { units: 10, total: 1010 })]);
    expect(matching(world.window([windowRow(0, 4, { units: 5, total: 1100 })]), /pfc/)[0]).toContain(' 100 @75000');
  });
});

describe('a hardware counter', () => {
  const narrow: ChannelTraits = { meaning: { bits: 32 } };
  /** What is sent for totals in one window after the other; `restart` begins a sampler before the last. */
  function totals(traits: ChannelTraits, rows: readonly { total: number; units?: number; resets?: number }[], restart = false): string[] {
    const port = portOf('mlx5_0');
    const plan = planOf([channelOf(port, 'out_of_buffer', traits)]);
    const world = new World();
    world.begin(plan);
    return rows.flatMap((row, window) => {
      if (restart && window === rows.length - 1) world.begin(plan, {}, window * 15_000 + 1000);
      return matching(world.window([windowRow(0, window, row)]), /buffer_drops/).map((line) => / ([\d.e+NaN]+) @/.exec(line)?.[1] ?? '');
    });
  }
  test('is what the hardware says', () => expect(totals({}, [{ total: 5 }, { total: 9, units: 4 }])).toEqual(['5', '9']));
  test('is not sent before it was read', () => expect(totals({}, [{ total: NaN }, { total: 9 }])).toEqual(['9']));
  test('that was reset shows it', () => expect(totals({}, [{ total: 100 }, { total: 3, units: 1, resets: 1 }])).toEqual(['100', '3']));
  test('keeps its wraps when the sampler begins anew', () =>
    expect(totals(narrow, [{ total: 2 ** 32 - 10 }, { total: 2 ** 32 + 90, units: 100 }, { total: 150, units: 50 }], true)).toEqual([String(2 ** 32 - 10), String(2 ** 32 + 90), String(2 ** 32 + 150)]));
  test('that is far behind after a restart was reset', () => expect(totals(narrow, [{ total: 2e9 }, { total: 150, units: 50 }], true)).toEqual(['2000000000', '150']));
  test('of 64 bits never wraps', () => expect(totals({}, [{ total: 2 ** 52 }, { total: 150, units: 50 }], true)).toEqual([String(2 ** 52), '150']));
});

describe('what did not move', () => {
  test('is sent at once, and then once a minute, a part of the ports with each window', () => {
    const world = new World();
    world.begin(planOf(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((device) => channelOf(portOf(device), 'symbol_error', { group: 'counters' }))));
    const sent = Array.from({ length: 9 }, (_, window) => matching(world.window(Array.from({ length: 8 }, (__, channel) => windowRow(channel, window, { total: 4 }))), /symbol/));
    expect(sent.map((lines) => lines.length)).toEqual([8, 2, 2, 2, 2, 2, 2, 2, 2]);
    expect(new Set(sent.slice(1, 5).flat().map((line) => line.split(' ')[0])).size).toBe(8);
  });
  test('is sent with its window once it moves', () => {
    const world = worldOf([['symbol_error', { group: 'counters' }]]);
    const lines = [4, 4, 5, 5].map((total, window) => matching(world.window([windowRow(0, window, { total })]), /symbol/).length);
    expect(lines.slice(0, 3)).toEqual([1, 0, 1]);
  });
  test.each<readonly [string, readonly (readonly [string, ChannelTraits])[], readonly string[]]>([
    ['bytes of the traffic whose throughput another group tells', [['port_rcv_data', receive], ['rdma_rx_bytes', { meaning: { traffic: 'receive' } }]], ['rdma_rx_bytes']],
    ['not bytes that are another part of it', [['ip4InOctets', { ...receive, group: 'hw_counters' }], ['ip6InOctets', { meaning: { traffic: 'receive' } }]], []],
    ['a further counter of an event', [['cc_tx_cnp_pkts', event('cnp_sent')], ['np_cnp_sent', event('cnp_sent')]], ['cc_tx_cnp_pkts']],
  ])('by turns alone are sent %s', (_, channels, slow) => {
    const world = worldOf(channels);
    const sent = Array.from({ length: 8 }, (__, window) => world.window(channels.map((___, channel) => windowRow(channel, window, { total: window + 1 }))));
    const lines = sent.slice(1).flatMap((series) => matching(series, /hw_counter|node_/));
    const counts = channels.map(([name]) => [name, lines.filter((line) => line.includes(`"${name}"`)).length] as const);
    expect(counts.filter(([, count]) => count > 0 && count < 7).map(([name]) => name)).toEqual(slow);
  });
  test('statistics of the driver are sent by turns alone, from their first count on, with the 0 before it', () => {
    const world = worldOf([['rx_prio0_bytes', { group: 'ethtool' }]]);
    const sent = Array.from({ length: 12 }, (_, window) => matching(world.window([windowRow(0, window, { total: window < 2 ? 0 : window })]), /hw_counter/));
    expect(sent.map((lines) => lines.map((line) => line.split('} ')[1]))).toEqual([[], [], ['0 @30000', '2 @45000'], ['3 @60000'], [], [], [], ['7 @120000'], [], [], [], ['11 @180000']]);
  });
});

describe('times', () => {
  test('a window waits for its quick channels, all of it leaves with its end as timestamp', () => {
    const world = worldOf([['port_rcv_data', receive], ['port_xmit_data', transmit], ['symbol_error', { group: 'counters', source: 'seldom' }]]);
    expect(world.take({ windows: [windowRow(0, 0)] }, 15_100)).toEqual([]);
    const lines = matching(world.take({ windows: [windowRow(1, 0)] }, 15_200), /node/);
    expect(lines).toHaveLength(2);
    expect(lines.every((line) => line.endsWith('@15000'))).toBe(true);
  });
  test('not longer than a second', () => {
    const world = worldOf([['port_rcv_data', receive], ['port_xmit_data', transmit]]);
    world.take({ windows: [windowRow(0, 0)] }, 15_100);
    expect(matching(world.take(emptyRows, 15_999), /node/)).toEqual([]);
    expect(matching(world.take(emptyRows, 16_000), /node/)).toHaveLength(1);
  });
  test('a seldom read counter comes later with the time of its window', () => {
    const world = worldOf([['port_rcv_data', receive], ['symbol_error', { group: 'counters', source: 'seldom' }]]);
    world.take({ windows: [windowRow(0, 0)] }, 15_100);
    expect(matching(world.take({ windows: [windowRow(1, 0, { total: 3 })] }, 25_000), /symbol/)).toEqual(['node_infiniband_symbol_error_total{device="mlx5_0",port="1"} 3 @15000']);
  });
  test('what a late counter adds to a series that has a later time goes out with the next window', () => {
    const world = worldOf([['packet_seq_err', event('packet_seq_err')], ['implied_nak_seq_err', event('packet_seq_err', { source: 'seldom' })]]);
    world.take({ windows: [windowRow(0, 0, { activeNs: 1e9 })] }, 15_100);
    expect(matching(world.take({ windows: [windowRow(1, 0, { activeNs: 2e9 })] }, 25_000), /active/)).toEqual([]);
    expect(world.windows.figures().samples.late).toBe(1);
    expect(matching(world.take({ windows: [windowRow(0, 1, { activeNs: 0 })] }, 30_100), /active/)[0]).toContain(' 2 @30000');
  });
  test('several windows at once keep their times', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    expect(matching(world.take({ windows: [0, 1, 2].map((window) => windowRow(0, window, { total: window })) }, 50_000), /node/)).toEqual([0, 1, 2].map(
      (window) => `node_infiniband_port_data_received_bytes_total{device="mlx5_0",port="1"} ${window} @${15_000 * (window + 1)}`));
  });
  test('an open window of a sampler that was stopped waits for that of the next', () => {
    const world = new World();
    const plan = planOf([channelOf(portOf('mlx5_0'), 'port_rcv_data', receive)]);
    world.begin(plan);
    expect(world.take({ windows: [windowRow(0, 0, { intervals: 5, peakRate: 9e9, peakAtNs: 1e9, total: 10, bursts: 1 })] }, 5000)).toEqual([]);
    expect(world.begin(plan, {}, 5000)).toEqual([]);
    const lines = matching(world.take({ windows: [windowRow(0, 0, { intervals: 5, peakRate: 3e9, peakAtNs: 8e9, total: 30, bursts: 2 })] }, 15_100), /node|bursts|peak/);
    expect(lines.map((line) => line.split('} ')[1])).toEqual(['30 @15000', '3 @15000', '9000000000 @15000', `${beginMs / 1e3 + 1} @15000`]);
  });
  test('an open window is sent as it is where windows get shorter, and those go on behind it', () => {
    const world = new World();
    const planWith = (windowNs: number) => planOf([channelOf(portOf('mlx5_0'), 'port_rcv_data', receive)], { windowNs });
    world.begin(planWith(60e9));
    world.take({ windows: [windowRow(0, 0, { total: 8 }, 60e9)] }, 5000);
    expect(matching(world.begin(planWith(1e9), {}, 5500), /received/)[0]).toContain(' 8 @5500');
    const next = [5, 6].flatMap((window) => world.take({ windows: [windowRow(0, window, { total: 10 + window }, 1e9)] }, (window + 1) * 1000));
    expect(matching(next, /received/).map((line) => line.split('} ')[1])).toEqual(['15 @6000', '16 @7000']);
    expect(world.windows.figures().samples.late).toBe(0);
  });
  test('a clock that was set back sends nothing twice, and nothing is lost of what adds up', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    world.window([windowRow(0, 0, { bursts: 1 })]);
    const back = wallOffsetNs - 100e9;
    expect(matching(world.take({ windows: [windowRow(0, 1, { bursts: 1 })] }, -60_000, back), /bursts/)).toEqual([]);
    expect(matching(world.take({ windows: [windowRow(0, 9, { bursts: 1 })] }, 51_000, back), /bursts/)[0]).toContain(' 3 @50000');
  });
  test('the end of the process sends what is open with its own time, and no markers', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    world.take({ windows: [windowRow(0, 0, { total: 8 })] }, 5000);
    const lines = matching(world.windows.finish(beginMs + 5000), /./);
    expect(lines.some((line) => /port_data_received.* 8 @5000$/.test(line))).toBe(true);
    expect(lines.some((line) => line.includes('stale'))).toBe(false);
  });
});

describe('series that end get one marker', () => {
  const ended = (world: World, begin: () => ReturnType<World['begin']>) => ({ lines: matching(begin(), /stale/), again: matching(world.take(emptyRows, 600_000), /./) });

  test('a port that vanished', () => {
    const world = new World();
    const [a, b] = [channelOf(portOf('mlx5_0'), 'symbol_error', { group: 'counters' }), channelOf(portOf('mlx5_1'), 'symbol_error', { group: 'counters' })];
    world.begin(planOf([a, b]));
    world.window([windowRow(0, 0), windowRow(1, 0)]);
    const { lines, again } = ended(world, () => world.begin(planOf([a]), {}, 20_000));
    expect(lines.map((line) => line.replace(/\{.*\}/, ''))).toEqual(['node_infiniband_symbol_error_total stale @20000', 'tributary_roce_line_rate_bytes_per_second stale @20000', 'tributary_roce_port_info stale @20000']);
    expect(lines.every((line) => line.includes('mlx5_1'))).toBe(true);
    expect(again).toEqual([]);
  });
  test('names that change', () => {
    const world = new World();
    const plan = planOf([channelOf(portOf('mlx5_0'), 'symbol_error', { group: 'counters' })]);
    world.begin(plan);
    world.window([windowRow(0, 0)]);
    expect(ended(world, () => world.begin(plan, { hasNodeExporterNames: false }, 20_000)).lines).toEqual(['node_infiniband_symbol_error_total{device="mlx5_0",port="1"} stale @20000']);
  });
  test('sampling that is off, histograms in both forms, after the last numbers', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    world.window([windowRow(0, 0)]);
    world.take({ windows: [windowRow(0, 1, { total: 5 })] }, 20_000);
    const series = world.windows.end(beginMs + 20_000);
    expect(matching(series, /received/)).toEqual(['node_infiniband_port_data_received_bytes_total{device="mlx5_0",port="1"} 5 @20000', 'node_infiniband_port_data_received_bytes_total{device="mlx5_0",port="1"} stale @20001']);
    expect(series.filter(({ form }) => form === 'native').map(({ histograms }) => histograms.length)).toEqual([1, 1, 1]);
    expect(matching(world.windows.end(beginMs + 30_000), /./)).toEqual([]);
  });
  test('what was never sent has none', () => {
    const world = worldOf([['port_rcv_data', receive]]);
    expect(world.windows.end(beginMs + 20_000)).toEqual([]);
  });
  test('one that comes back begins after its marker', () => {
    const world = new World();
    const plan = planOf([channelOf(portOf('mlx5_0'), 'symbol_error', { group: 'counters' })]);
    world.begin(plan);
    world.window([windowRow(0, 0)]);
    world.begin(planOf([]), {}, 30_500);
    world.begin(plan, {}, 30_600);
    expect(matching(world.window([windowRow(0, 1)]), /symbol/)).toEqual([]);
    expect(matching(world.window([windowRow(0, 2)]), /symbol/)).toHaveLength(1);
  });
});
