// Whatever becomes of rows (late, several windows at once, lost), of samplers (started anew at any time), of ports (gone and back) and of names: totals never go back, times of a
// series only go up, a series that ends has one marker, no label set is there twice, and what came in is what went out. Repeat a run with TEST_SEED.

import { describe, expect, test } from 'vitest';
import type { PlannedChannel } from '../../src/roce/plan.ts';
import type { BurstRow, WindowRow } from '../../src/roce/reduction.ts';
import type { RoceSeries } from '../../src/roce/series.ts';
import { decodeHistogram } from '../support/native-histogram.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { beginMs, channelOf, isMarker, nameOf, numberOf, planOf, portOf, receive, windowNs, windowRow, World } from '../unit/roce/windows/world.ts';

const seed = testSeed();
const RUNS = 15;
const WINDOWS = 60;

function channelsOf(device: string): PlannedChannel[] {
  const port = portOf(device);
  return [
    channelOf(port, 'port_rcv_data', receive),
    channelOf(port, 'np_cnp_sent', { meaning: { event: 'cnp_sent' } }),
    channelOf(port, 'packet_seq_err', { meaning: { event: 'packet_seq_err', bits: 32 } }),
    channelOf(port, 'implied_nak_seq_err', { meaning: { event: 'packet_seq_err' }, source: 'seldom' }),
    channelOf(port, 'rx_prio3_pause_duration', { group: 'ethtool', meaning: { pause: { kind: 'duration', direction: 'receive', priority: '3' } } }),
    channelOf(port, 'rx_packets_phy', { group: 'ethtool', source: 'seldom' }),
  ];
}

/** One channel's hardware: what it has counted, and the rows that nobody has fetched. */
interface Hardware {
  readonly planned: PlannedChannel;
  counted: number;
  /** At the beginning of the sampler, of which it knows no wraps. */
  base: number;
  readonly rows: WindowRow[];
  readonly bursts: BurstRow[];
}

class Machine {
  readonly world = new World();
  readonly random: () => number;
  readonly lives = new Map<string, Life>();
  readonly problems: string[] = [];
  /** Bursts of windows that were handed over, by device. */
  readonly handed = new Map<string, number>();
  devices = ['mlx5_0', 'mlx5_1', 'mlx5_2'];
  hasNodeExporterNames = true;
  #hardware: Hardware[] = [];

  constructor(random: () => number) {
    this.random = random;
  }

  /** A sampler begins, after all rows of the one before. */
  begin(atMs: number): void {
    this.fetch(atMs, 1);
    const counted = new Map(this.#hardware.map(({ planned, counted: units }) => [keyOf(planned), units]));
    const plan = planOf(this.devices.flatMap(channelsOf));
    this.#hardware = plan.channels.map((planned) => {
      const units = counted.get(keyOf(planned)) ?? Math.floor(this.random() * 2 ** 33);
      const range = planned.channel.rules.bits === 32 ? 2 ** 32 : Infinity;
      return { planned, counted: units, base: Math.floor(units / range) * (range === Infinity ? 0 : range), rows: [], bursts: [] };
    });
    this.note(this.world.begin(plan, { hasNodeExporterNames: this.hasNodeExporterNames }, atMs));
  }

  /** Everybody counts; some rows are lost. */
  count(window: number): void {
    this.#hardware.forEach((hardware, channel) => {
      const units = this.random() < 0.4 ? 0 : Math.floor(this.random() * 1e7);
      hardware.counted += units;
      const bursts = hardware.planned.isThroughput ? Math.floor(this.random() * 4) : 0;
      if (this.random() < 0.1) return;
      for (let i = 0; i < bursts; i++) hardware.bursts.push({ channel, startNs: window * windowNs + i * 1e9, durationNs: 1e6 + this.random() * 1e8, units, peakRate: 1 });
      hardware.rows.push(windowRow(channel, window, {
        units, total: hardware.counted - hardware.base, intervals: 100, activeNs: units > 0 ? this.random() * 5e9 : 0, peakUnits: units, peakRate: units, bursts, aboveNs: [this.random() * 1e9, 0, 0, 0],
      }));
    });
  }

  /** Fetches rows, those of each channel in order, and of some channels none. */
  fetch(atMs: number, share: number): void {
    const chosen = this.#hardware.filter(() => share === 1 || this.random() < share);
    const windows = chosen.flatMap(({ rows }) => rows.splice(0));
    for (const { channel, bursts } of windows) {
      const device = this.#hardware[channel]!.planned.port.device;
      this.handed.set(device, (this.handed.get(device) ?? 0) + bursts);
    }
    this.note(this.world.take({ windows, bursts: chosen.flatMap(({ bursts }) => bursts.splice(0)) }, atMs));
  }

  note(series: readonly RoceSeries[]): void {
    const names = series.map((one) => `${nameOf(one)} ${one.form}`);
    if (new Set(names).size < names.length) this.problems.push(`a label set twice: ${names.join(', ')}`);
    for (const one of series) {
      const name = nameOf(one);
      let life = this.lives.get(name);
      if (life === undefined) this.lives.set(name, (life = new Life(name, this.problems)));
      life.take(one);
    }
  }
}

/** What was sent of one series. */
class Life {
  readonly name: string;
  readonly isCounter: boolean;
  readonly #problems: string[];
  lastMs = -Infinity;
  value = 0;
  isEnded = false;

  constructor(name: string, problems: string[]) {
    this.name = name;
    this.#problems = problems;
    this.isCounter = /^[a-z0-9_]+_(total|bucket|sum|count)\{/.test(name) || /^tributary_roce_(utilization_ratio|burst_duration_seconds|burst_bytes)\{/.test(name);
  }

  take({ samples, histograms }: RoceSeries): void {
    for (const { timestampMs, ...bits } of samples) this.#one(timestampMs, isMarker(bits) ? undefined : numberOf(bits));
    for (const { bytes, timestampMs, isMarker: isEnd } of histograms) {
      const { total, sum, timestampMs: own } = decodeHistogram(bytes);
      if (own !== timestampMs) this.#problems.push(`${this.name}: a histogram of ${own} is told as of ${timestampMs}`);
      this.#one(timestampMs, Number.isNaN(sum) ? undefined : total);
      if (isEnd !== Number.isNaN(sum)) this.#problems.push(`${this.name}: sum ${sum} is told as ${isEnd ? 'a' : 'no'} marker`);
    }
  }

  #one(timestampMs: number, value: number | undefined): void {
    if (timestampMs <= this.lastMs) this.#problems.push(`${this.name}: ${timestampMs} after ${this.lastMs}`);
    if (value === undefined && this.isEnded) this.#problems.push(`${this.name}: a second marker at ${timestampMs}`);
    // After a marker a series may begin anew.
    if (value !== undefined && this.isCounter && !this.isEnded && value < this.value) this.#problems.push(`${this.name}: ${value} after ${this.value}`);
    this.lastMs = timestampMs;
    this.isEnded = value === undefined;
    this.value = value ?? 0;
  }
}

function keyOf({ port, counter }: PlannedChannel): string {
  return `${port.device} ${counter.name}`;
}

function shake(machine: Machine, window: number): void {
  const atMs = (window + machine.random()) * (windowNs / 1e6);
  if (machine.random() < 0.1) machine.hasNodeExporterNames = !machine.hasNodeExporterNames;
  else if (machine.random() < 0.3) machine.devices = machine.devices.includes('mlx5_2') ? ['mlx5_0', 'mlx5_1'] : ['mlx5_0', 'mlx5_1', 'mlx5_2'];
  machine.begin(atMs);
}

describe(`windows of a restless machine (TEST_SEED=${seed})`, () => {
  test.each(Array.from({ length: RUNS }, (_, run) => run))('run %i', (run) => {
    const machine = new Machine(seeded(seed + run));
    machine.begin(0);
    for (let window = 0; window < WINDOWS; window++) {
      machine.count(window);
      const endMs = (window + 1) * (windowNs / 1e6);
      for (const share of [0.7, 0.3]) machine.fetch(endMs + machine.random() * 8000, share);
      if (machine.random() < 0.15) shake(machine, window + 1);
    }
    machine.fetch((WINDOWS + 10) * 15_000, 1);
    // The ports that never went away have sent all their bursts, to the last.
    machine.note(machine.world.windows.finish(beginMs + (WINDOWS + 20) * 15_000));
    for (const device of ['mlx5_0', 'mlx5_1']) {
      expect(machine.lives.get(`tributary_roce_bursts_total{device="${device}",direction="receive",port="1"}`)?.value).toBe(machine.handed.get(device));
      expect(machine.lives.get(`tributary_roce_burst_bytes{device="${device}",direction="receive",port="1"}`)?.value).toBe(machine.handed.get(device));
    }
    machine.note(machine.world.windows.end(beginMs + (WINDOWS + 21) * 15_000));
    expect([...machine.lives.values()].filter(({ isEnded }) => !isEnded).map(({ name }) => name)).toEqual([]);
    expect(machine.problems).toEqual([]);
  });
});
