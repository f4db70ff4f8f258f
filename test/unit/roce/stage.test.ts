// The life of the stage: windows reach the line, ports come and go, the line refuses, settings change. Nothing is lost without a count, nothing ends the process.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { showsOwnInterfaces } from '../../../src/roce/surroundings.ts';
import { STALE, StageWorld } from './stage-world.ts';

let world: StageWorld;
beforeEach(() => void (world = new StageWorld()));
afterEach(() => world.close());

const received = 'node_infiniband_port_data_received_bytes_total';
const peak = 'tributary_roce_throughput_peak_bytes_per_second';

describe('windows', () => {
  test('bytes, peaks and bursts of a port arrive with the ends of windows', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.clock.advance(500);
    await world.traffic('mlx5_0', 20, 90_000);
    await world.clock.advance(4000);
    expect(world.samples(received).at(-1)).toMatchObject({ labels: { device: 'mlx5_0', port: '1' }, value: 20 * 90_000 });
    const peaks = world.samples(peak).filter(({ labels }) => labels['direction'] === 'receive');
    expect(Math.max(...peaks.map(({ value }) => Number(value)))).toBe(9_000_000);
    expect(peaks.every(({ timestampMs }) => timestampMs % 1000 === 0)).toBe(true);
    expect(world.samples('tributary_roce_bursts_total').filter(({ labels }) => labels['direction'] === 'receive').at(-1)?.value).toBe(1);
  });

  test('histograms come in both forms', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 250, 10_000);
    const forms = new Set(world.batches.flat().map(({ form }) => form));
    expect(forms).toEqual(new Set([undefined, 'native', 'classic']));
    expect(world.batches.flat().some(({ histograms, form }) => form === 'native' && histograms.length > 0)).toBe(true);
  });

  test('the last window of a process arrives when it stops, and no series ends', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 30, 4000);
    expect(world.samples(received)).toEqual([]);
    await world.stage.stop();
    expect(world.samples(received).at(-1)?.value).toBe(30 * 4000);
    expect(world.samples().filter(({ value }) => value === STALE)).toEqual([]);
  });

  test('samples are counted by kind', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 250, 10_000);
    const plain = world.batches.flat().filter(({ form }) => form === undefined).reduce((sum, { samples }) => sum + samples.length, 0);
    expect(await world.metric('tributary_roce_samples_total{kind="plain"}')).toBe(plain);
  });
});

describe('what is there', () => {
  test('nothing: said once, and waited for', async () => {
    world.apply();
    await world.clock.advance(30_000);
    expect(world.lines.filter((line) => line.includes('nothing to sample'))).toHaveLength(1);
    expect(world.stage.state()).toMatchObject({ sampler: 'none', ports: [], problems: [] });
    world.addPort('mlx5_0');
    await world.clock.advance(10_000);
    await world.traffic('mlx5_0', 300, 4000);
    expect(world.samples(received).length).toBeGreaterThan(0);
    expect(world.stage.state()).toMatchObject({ sampler: 'typescript', ports: [{ device: 'mlx5_0', lineRate: 10_000_000, counters: 3 }] });
  });

  test('nothing, though it is enabled: a problem', () => {
    world.apply('enabled: true');
    expect(world.stage.state()?.problems).toEqual([expect.stringContaining('tributary.roce.enabled is true')]);
  });

  test('not enabled: nothing is done', async () => {
    world.addPort('mlx5_0');
    world.apply('enabled: false');
    await world.clock.advance(20_000);
    expect([world.stage.state(), world.batches, world.clock.pending()]).toEqual([undefined, [], 0]);
  });

  test('a port that vanishes ends with markers, the other one goes on', async () => {
    world.addPort('mlx5_0');
    world.addPort('mlx5_1');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    world.removePort('mlx5_1');
    await world.traffic('mlx5_0', 1300, 4000);
    expect(world.lines).toContain('info 3 counters of mlx5_0/1 are sampled, mlx5_1/1 gone');
    const ended = world.samples().filter(({ value }) => value === STALE);
    expect(new Set(ended.map(({ labels }) => labels['device']))).toEqual(new Set(['mlx5_1']));
    expect(ended.map(({ name }) => name)).toEqual(expect.arrayContaining([received, peak]));
    const own = world.samples(received).filter(({ labels }) => labels['device'] === 'mlx5_0');
    // A sampler that is started anew goes on where the last one was.
    expect(own.map(({ value }) => Number(value))).toEqual(own.map(({ value }) => Number(value)).toSorted((a, b) => a - b));
    expect(own.map(({ timestampMs }) => timestampMs)).toEqual([...new Set(own.map(({ timestampMs }) => timestampMs))].toSorted((a, b) => a - b));
    await world.clock.advance(50);
    await world.stage.stop();
    expect(world.samples(received).findLast(({ labels }) => labels['device'] === 'mlx5_0')?.value).toBe(1600 * 4000);
  });

  test('a port that is excluded or not included is not sampled', () => {
    for (const device of ['mlx5_0', 'mlx5_1', 'bnxt_re0']) world.addPort(device);
    world.apply('devices: {include: ["mlx5_.*"], exclude: [mlx5_1]}');
    expect(world.stage.state()?.ports.map(({ device }) => device)).toEqual(['mlx5_0']);
  });

  test('a malformed file costs itself and is named', () => {
    world.addPort('mlx5_0', { port_rcv_data: '0', port_xmit_data: 'N/A (no PMA)' });
    world.apply();
    expect(world.stage.state()).toMatchObject({ ports: [{ counters: 1, unreadable: [{ name: 'port_xmit_data' }] }], problems: [expect.stringContaining('port_xmit_data: not a number')] });
  });

  test('a file that becomes nonsense is said once, and again when it is good', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 100, 4000);
    world.write('mlx5_0', 'port_xmit_data', 'nonsense');
    await world.clock.advance(35_000);
    expect(world.lines.filter((line) => line.includes('counters of mlx5_0/1 port_data cannot be read'))).toHaveLength(1);
    expect(world.stage.state()?.sources.find(({ source }) => source === 'mlx5_0/1 port_data')?.failedReadings).toBeGreaterThan(0);
    world.write('mlx5_0', 'port_xmit_data', '5');
    await world.clock.advance(25_000);
    expect(world.lines).toContain('info counters of mlx5_0/1 port_data can be read again');
    expect(await world.metric('tributary_sampler_failed_readings_total{source="mlx5_0/1 port_data"}')).toBeGreaterThan(0);
  });
});

describe('what stands around a port', () => {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(world.root, path)), { recursive: true });
    writeFileSync(join(world.root, path), text);
  };

  test('where the port does not tell its rate, the interface does', () => {
    world.addPort('mlx5_0');
    world.addPort('mlx5_1');
    write('class/infiniband/mlx5_0/ports/1/rate', 'unknown\n');
    write('class/infiniband/mlx5_1/ports/1/rate', 'unknown\n');
    mkdirSync(join(world.root, 'class/infiniband/mlx5_0/device/net/eth9'), { recursive: true });
    write('class/net/eth9/speed', '25000\n');
    world.apply();
    expect(world.stage.state()?.ports.map(({ netdev, lineRate }) => [netdev, lineRate])).toEqual([['eth9', 25_000 * 125_000], ['', 0]]);
  });

  test('lifespans are written when that is asked for', () => {
    world.addPort('mlx5_0');
    write('class/infiniband/mlx5_0/ports/1/hw_counters/lifespan', '10\n');
    write('class/infiniband/mlx5_0/ports/1/hw_counters/out_of_sequence', '0\n');
    const lifespan = () => readFileSync(join(world.root, 'class/infiniband/mlx5_0/ports/1/hw_counters/lifespan'), 'latin1');
    world.apply();
    expect(lifespan()).toBe('10\n');
    world.apply('lifespan: 1s');
    expect(lifespan()).toBe('1000\n');
  });

  test('a lifespan that cannot be written is told, and no file is made', () => {
    world.addPort('mlx5_0');
    write('class/infiniband/mlx5_0/ports/1/hw_counters/out_of_sequence', '0\n');
    world.apply('lifespan: 1s');
    expect(world.stage.state()?.problems).toEqual([expect.stringMatching(/^lifespan of .*hw_counters could not be set to 1000 ms: ENOENT/)]);
  });

  test('the kernel is asked where it has the interfaces that the files show', () => {
    expect([showsOwnInterfaces('/sys'), showsOwnInterfaces(world.root)]).toEqual([true, false]);
    write('class/net/lo/ifindex', '1\n');
    expect(showsOwnInterfaces(world.root)).toBe(false);
  });
});

describe('settings', () => {
  test('equal ones leave the sampler running', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.clock.advance(200);
    const { ticks } = world.stage.state()!;
    world.apply();
    await world.clock.advance(200);
    expect([ticks, world.stage.state()?.ticks]).toEqual([20, 40]);
    expect(world.samples().filter(({ value }) => value === STALE)).toEqual([]);
  });

  test('others start it anew', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.clock.advance(200);
    world.apply('interval: 20ms, idle_interval: 20ms');
    await world.clock.advance(200);
    expect(world.stage.state()).toMatchObject({ ticks: 10, intervalSeconds: 0.02 });
    expect(await world.metric('tributary_sampler_ticks_total')).toBe(30);
  });

  test('with other settings counters go on, and only what is not told any more ends', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 10, 90_000);
    await world.clock.advance(2500);
    world.apply('thresholds: [0.5]');
    await world.traffic('mlx5_0', 10, 90_000);
    await world.clock.advance(2500);
    const bursts = world.samples('tributary_roce_bursts_total').filter(({ labels }) => labels['direction'] === 'receive').map(({ value }) => value);
    expect(bursts).toEqual([0, 1, 2].slice(-bursts.length));
    // Captures end when they are over.
    const ended = world.samples().filter(({ name, value }) => value === STALE && name !== 'tributary_roce_capture_value');
    expect(new Set(ended.map(({ name, labels }) => `${name} ${labels['threshold']}`))).toEqual(new Set(['tributary_roce_time_above_threshold_seconds_total 0.9', 'tributary_roce_time_above_threshold_seconds_total 0.99']));
  });

  test('with other labels all series end, and new ones begin', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 200, 4000);
    const batches = world.batches.length;
    world.apply('labels: {rack: r1}');
    await world.clock.settle();
    expect(world.batches.slice(batches).flat().length).toBeGreaterThan(0);
    expect(world.samples(received).at(-1)?.value).toBe(STALE);
    expect(world.settings.at(-1)?.labels.has('rack')).toBe(false);
  });

  test('without the section all series end', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    world.stage.apply(undefined);
    await world.clock.settle();
    const namesOf = (isEnd: boolean) => new Set(world.samples().filter(({ value }) => (value === STALE) === isEnd).map(({ name, labels }) => JSON.stringify([name, labels])));
    expect(namesOf(true)).toEqual(namesOf(false));
    expect([world.stage.state(), world.clock.pending()]).toEqual([undefined, 0]);
  });

  test('output: metrics shows windows instead of sending them', async () => {
    world.addPort('mlx5_0');
    world.apply('output: metrics');
    await world.traffic('mlx5_0', 300, 4000);
    expect(world.batches).toEqual([]);
    const text = await world.metrics.text();
    expect(text).toMatch(new RegExp(`# TYPE ${received} counter\n${received}{device="mlx5_0",port="1"} \\d+ 17600000\\d{5}\n`));
    expect(text).toContain('tributary_roce_utilization_ratio_bucket{');
  });

  test('output: remote_write shows none of them', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    expect(await world.metrics.text()).not.toContain(received);
  });
});

describe('a line that takes nothing now', () => {
  test('for a minute: it is tried every second, and every window arrives', async () => {
    world.addPort('mlx5_0');
    world.apply();
    const untilMs = world.clock.nowMs() + 60_000;
    let refused = 0;
    world.take = () => world.clock.nowMs() >= untilMs || refused++ < 0;
    await world.traffic('mlx5_0', 6500, 4000);
    expect(refused).toBeGreaterThan(30);
    expect(refused).toBeLessThanOrEqual(60);
    const times = world.samples(received).map(({ timestampMs }) => (timestampMs - 1_760_000_000_000) / 1000);
    expect(times).toEqual(Array.from({ length: times.length }, (_, i) => i + 1));
    expect(times.length).toBeGreaterThanOrEqual(63);
    expect(world.stage.state()?.pendingBytes).toBe(0);
  });

  test('a line that fails is told, and tried again', async () => {
    world.addPort('mlx5_0');
    world.apply();
    world.take = () => {
      throw new Error('no line');
    };
    await world.traffic('mlx5_0', 300, 4000);
    expect(world.stage.state()?.problems).toEqual(['counters could not be appended: no line']);
    world.take = () => true;
    await world.traffic('mlx5_0', 300, 4000);
    expect(world.stage.state()?.problems).toEqual([]);
    expect(world.samples(received).at(-1)?.timestampMs).toBe(1_760_000_006_000 - 1000);
  });

  test('what waits outlives a reload, with the settings that it was made with', async () => {
    world.addPort('mlx5_0');
    world.apply();
    world.take = () => false;
    await world.traffic('mlx5_0', 300, 4000);
    world.apply('labels: {rack: r1}');
    await world.traffic('mlx5_0', 300, 4000);
    world.stage.apply(undefined);
    world.take = () => true;
    await world.clock.advance(2000);
    expect(new Set(world.settings.map(({ labels }) => labels.get('rack')))).toEqual(new Set([undefined, 'r1']));
    expect(world.samples(received).map(({ timestampMs }) => (timestampMs - 1_760_000_000_000) / 1000)).toEqual(expect.arrayContaining([1, 2, 4, 5]));
    expect(await world.metric('tributary_roce_pending_bytes')).toBe(0);
    expect(world.clock.pending()).toBe(0);
  });

  test('what it does not take at the end is counted', async () => {
    world.addPort('mlx5_0');
    world.apply();
    world.take = () => false;
    await world.traffic('mlx5_0', 300, 4000);
    await world.stage.stop();
    expect(await world.metric('tributary_roce_samples_dropped_total{reason="stopped"}')).toBeGreaterThan(10);
  });
});

describe('what it tells about itself', () => {
  test('figures, by source', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 200, 4000);
    const text = await world.metrics.text();
    expect(text).toContain('tributary_sampler_ticks_total 200');
    expect(text).toContain('tributary_sampler_missed_ticks_total 0');
    expect(text).toContain('tributary_sampler_info{sampler="typescript",policy="loop",pinned_cpu="",clock="event_loop"} 1');
    expect(text).toContain('tributary_sampler_read_duration_seconds_count{source="mlx5_0/1 port_data"} 200');
    expect(text).toContain('tributary_sampler_wakeup_lateness_seconds_bucket{le="+Inf"} 200');
    expect(text).toContain('tributary_sampler_effective_interval_seconds{source="mlx5_0/1 counters"} 0.01');
    expect(text).toContain('tributary_roce_ports 1');
  });

  test('nothing by name of sources that are gone, and what has no name goes on', async () => {
    world.addPort('mlx5_0');
    world.addPort('mlx5_1');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    const readings = 'tributary_sampler_timestamp_uncertainty_seconds_count';
    const before = await world.metric(readings);
    expect(await world.metrics.text()).toMatch(/^tributary_sampler.*source="mlx5_1/m);
    world.removePort('mlx5_1');
    await world.traffic('mlx5_0', 1300, 4000);
    expect(await world.metrics.text()).not.toMatch(/^tributary_sampler.*source="mlx5_1/m);
    expect(await world.metric(readings)).toBeGreaterThan(before + 1300);
    expect(await world.metric('tributary_sampler_read_duration_seconds_count{source="mlx5_0/1 port_data"}')).toBeGreaterThan(1590);
  });

  test('produced rows are those that were read', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 500, 4000);
    const produced = await world.metric('tributary_sampler_ring_rows_total');
    expect(produced).toBeGreaterThan(10);
    expect(await world.metric('tributary_sampler_ring_read_rows_total')).toBe(produced);
    expect(await world.metric('tributary_sampler_ring_overwritten_rows_total')).toBe(0);
  });

  test('how often a counter changes', async () => {
    world.addPort('mlx5_0');
    world.apply();
    // Every 100 ms, read every 10 ms.
    for (let i = 0; i < 40; i++) {
      world.count('mlx5_0', 'port_rcv_data', 1000);
      await world.clock.advance(100);
    }
    expect(await world.metric('tributary_sampler_counter_refresh_seconds{source="mlx5_0/1 port_data",group="port_data"}')).toBeCloseTo(0.1, 2);
    expect(world.stage.state()?.sources.find(({ source }) => source === 'mlx5_0/1 port_data')?.refreshSeconds).toBeCloseTo(0.1, 2);
  });
});
