// The page for being scraped: what Prometheus' parser reads of it, families once, times of windows.

import { describe, expect, test } from 'vitest';
import { CollectingSink, readPage } from '../../exposition/collecting-sink.ts';
import { channelOf, emptyRows, planOf, portOf, receive, windowRow, World } from './world.ts';

function page(): { readonly world: World; readonly lines: string[] } {
  const world = new World();
  world.begin(planOf(['mlx5_0', 'mlx"5\\1'].map((device) => channelOf(portOf(device), 'port_rcv_data', receive))));
  world.window([windowRow(0, 0, { total: 1.5e21 }), windowRow(1, 0, { total: 3 })], [{ channel: 0, startNs: 1e9, durationNs: 3e6, units: 5e6, peakRate: 1 }]);
  return { world, lines: world.windows.page().split('\n') };
}

describe('the page', () => {
  test('tells HELP and TYPE of each family once, in front of its samples, families together', () => {
    const { lines } = page();
    const kinds = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2] ?? '');
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(lines.filter((line) => line.startsWith('# HELP'))).toHaveLength(kinds.length);
    let current = '';
    for (const line of lines.slice(0, -1)) {
      if (line.startsWith('# HELP')) current = line.split(' ')[2] ?? '';
      else if (!line.startsWith('#')) expect([line, line.startsWith(`${current}{`) || /^_(bucket|sum|count)\{/.test(line.slice(current.length))]).toEqual([line, true]);
    }
    expect(lines.at(-1)).toBe('');
  });
  test('is read by the parser of scraped pages', () => {
    const { world, lines } = page();
    const sink = new CollectingSink();
    expect(readPage('text', sink, [Buffer.from(world.windows.page())])).toBe(undefined);
    expect(sink.samples).toHaveLength(lines.filter((line) => line !== '' && !line.startsWith('#')).length);
  });
  test('tells each sample with the time of its window, labels escaped', () => {
    const { lines } = page();
    expect(lines).toContain('node_infiniband_port_data_received_bytes_total{device="mlx5_0",port="1"} 1.5e+21 1800000015000');
    expect(lines).toContain('node_infiniband_port_data_received_bytes_total{device="mlx\\"5\\\\1",port="1"} 3 1800000015000');
  });
  test('has classic buckets of histograms', () => {
    const { lines } = page();
    expect(lines.filter((line) => line.startsWith('tributary_roce_burst_duration_seconds') && line.includes('mlx5_0'))).toEqual([
      ...['0.002', '0.005', '0.01', '0.025', '0.1', '0.5', '2.0', '+Inf'].map((le, i) =>
        `tributary_roce_burst_duration_seconds_bucket{device="mlx5_0",direction="receive",le="${le}",port="1"} ${i === 0 ? 0 : 1} 1800000015000`),
      'tributary_roce_burst_duration_seconds_sum{device="mlx5_0",direction="receive",port="1"} 0.003 1800000015000',
      'tributary_roce_burst_duration_seconds_count{device="mlx5_0",direction="receive",port="1"} 1 1800000015000',
    ]);
  });
  test('tells what did not move with the time of the last window all the same', () => {
    const { world } = page();
    world.window([windowRow(0, 1, { total: 1.5e21 }), windowRow(1, 1, { total: 3 })]);
    expect(world.windows.page()).toContain('{device="mlx5_0",port="1"} 1.5e+21 1800000030000');
  });
  test('never has two values of one time: what is counted between windows waits for the next', () => {
    const { world, lines } = page();
    world.take({ captureStarts: [{ port: 0, channel: 0, atNs: 16e9 }] }, 20_000);
    world.take({ windows: [windowRow(0, 1, { total: 9, bursts: 4 })] }, 20_000);
    expect(world.windows.page().split('\n')).toEqual(lines);
  });
  test('is empty before the first window, and without ports', () => {
    const world = new World();
    expect(world.windows.page()).toBe('');
    world.begin(planOf([channelOf(portOf('mlx5_0'), 'port_rcv_data', receive)]));
    world.take(emptyRows, 100);
    expect(world.windows.page()).toBe('');
  });
});
