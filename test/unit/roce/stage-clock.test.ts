// The stage while the wall clock is set forward and back: no series has two samples of one time, no number goes back, and timestamps stay near the clock.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STALE_HIGH } from '../../../src/model/sample.ts';
import { STALE, StageWorld } from './stage-world.ts';

let world: StageWorld;
beforeEach(() => void (world = new StageWorld()));
afterEach(() => world.close());

const received = 'node_infiniband_port_data_received_bytes_total';

describe('the wall clock', () => {
  const times = () => world.samples(received).map(({ timestampMs }) => (timestampMs - 1_760_000_000_000) / 1000);

  test('forward: windows are aligned anew', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 350, 4000);
    world.wallMs = 100_300;
    await world.traffic('mlx5_0', 400, 4000);
    expect(times().slice(0, 3)).toEqual([1, 2, 3]);
    expect(times().slice(-3)).toEqual([105, 106, 107]);
    expect(await world.metric('tributary_roce_clock_steps_total{direction="forward"}')).toBe(1);
    expect(world.lines.filter((line) => line.includes('set forward'))).toHaveLength(1);
    expect(world.samples(received).at(-1)!.timestampMs % 1000).toBe(0);
  });

  test('backward: timestamps go on, said once, until the clock is there', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 350, 4000);
    world.wallMs = -60_000;
    await world.traffic('mlx5_0', 400, 4000);
    expect(times()).toEqual([1, 2, 3, 4, 5, 6, 7].slice(0, times().length));
    expect(times().length).toBeGreaterThanOrEqual(6);
    expect(await world.metric('tributary_roce_clock_steps_total{direction="backward"}')).toBe(1);
    expect(world.stage.state()?.problems).toEqual([expect.stringContaining('60.0 s ahead of it')]);
    world.wallMs = 0;
    await world.traffic('mlx5_0', 200, 4000);
    expect(world.stage.state()?.problems).toEqual([]);
    expect(await world.metric('tributary_roce_clock_steps_total{direction="forward"}')).toBe(NaN);
  });

  test('forward after backward: what was read later is added later, though its window ends sooner', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    // The next sampler is aligned by a clock whose seconds begin 0.3 s after those of the timestamps.
    world.wallMs = -60_300;
    world.addPort('mlx5_1');
    await world.traffic('mlx5_0', 935, 4000);
    expect(world.samples(received).at(-1)!.timestampMs % 1000).toBe(300);
    world.wallMs = 400;
    await world.traffic('mlx5_0', 400, 4000);
    const own = world.samples(received).filter(({ labels }) => labels['device'] === 'mlx5_0').map(({ value }) => Number(value));
    expect(own).toEqual(own.toSorted((a, b) => a - b));
    expect(own.at(-1)).toBeGreaterThan(1500 * 4000);
  });

  describe('far backward: all series end, and begin anew where the clock is', () => {
    const hoursMs = 8 * 3_600_000;
    const stepBack = async (act: () => void) => {
      world.addPort('mlx5_0');
      world.apply();
      await world.traffic('mlx5_0', 350, 4000);
      world.wallMs = -hoursMs;
      act();
      await world.traffic('mlx5_0', 450, 4000);
    };
    const valuesOf = (isEnd: boolean) => world.samples(received).filter(({ value }) => (value === STALE) === isEnd);

    test('with the next look at it', async () => {
      await stepBack(() => undefined);
      const [first = NaN, ...rest] = valuesOf(false).map(({ timestampMs }) => timestampMs).filter((timestampMs) => timestampMs < 1_760_000_000_000);
      expect(first % 1000).toBe(0);
      expect(rest).toEqual(Array.from({ length: rest.length }, (_, i) => first + 1000 * (i + 1)));
      expect(rest.at(-1)).toBeGreaterThanOrEqual(world.clock.nowMs() - hoursMs - 2000);
      const ends = valuesOf(true).map(({ timestampMs }) => timestampMs);
      expect(ends).toHaveLength(1);
      expect(ends[0]).toBeGreaterThan(1_760_000_003_000);
      expect(valuesOf(false).at(-1)?.value).toBeGreaterThan(650 * 4000);
      expect(world.stage.state()?.problems).toEqual([]);
      expect(await world.metric('tributary_roce_clock_steps_total{direction="backward"}')).toBe(1);
    });
    test('also when a reload comes first', async () => {
      await stepBack(() => world.apply('thresholds: [0.5]'));
      expect(valuesOf(true)).toHaveLength(1);
      expect(valuesOf(false).at(-1)?.timestampMs).toBeGreaterThanOrEqual(world.clock.nowMs() - hoursMs - 2000);
    });
    test('after several small steps', async () => {
      await stepBack(() => void (world.wallMs = -70_000));
      expect(valuesOf(true)).toEqual([]);
      world.wallMs = -140_000;
      await world.traffic('mlx5_0', 350, 4000);
      expect(valuesOf(true)).toHaveLength(1);
      expect(world.stage.state()?.problems).toEqual([]);
    });
    test('and what is counted by kind goes on', async () => {
      await stepBack(() => undefined);
      const plain = world.batches.flat().filter(({ form }) => form === undefined).flatMap(({ samples }) => samples.map(({ high }) => high)).filter((high) => high !== STALE_HIGH).length;
      expect(await world.metric('tributary_roce_samples_total{kind="plain"}')).toBe(plain);
    });
  });

  test('a port that comes while the clock is behind keeps the time of the others', async () => {
    world.addPort('mlx5_0');
    world.apply();
    await world.traffic('mlx5_0', 300, 4000);
    world.wallMs = -60_000;
    world.addPort('mlx5_1');
    await world.traffic('mlx5_0', 1300, 4000);
    expect(times().every((time, i) => i === 0 || time > 0)).toBe(true);
    expect(Math.min(...times())).toBeGreaterThan(0);
    expect(await world.metric('tributary_roce_clock_steps_total{direction="backward"}')).toBe(1);
  });
});
