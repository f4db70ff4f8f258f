// The stage on the clock of the test, with the sampler in TypeScript, a sysfs in a temporary folder, and a line that takes what it is told to take.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../src/io/clock.ts';
import { STALE_HIGH, STALE_LOW } from '../../../src/model/sample.ts';
import type { RoceSettings } from '../../../src/roce/config.ts';
import { Roce } from '../../../src/roce/roce.ts';
import type { Native } from '../../../src/roce/running.ts';
import type { RoceSeries } from '../../../src/roce/series.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createTestClock } from '../../support/clock.ts';
import { roceSettings } from './settings.ts';

/** 80 Mb/s: 100,000 bytes in 10 ms. */
const rate = '0.08 Gb/sec (1X SDR)';

export const STALE = 'stale';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | typeof STALE;
  readonly timestampMs: number;
}

export class StageWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'tributary-stage-'));
  /** Unless the system's is asked for. */
  readonly clock = createTestClock(1_760_000_000_000);
  readonly metrics = createMetrics();
  readonly lines: string[] = [];
  readonly batches: RoceSeries[][] = [];
  /** Of each batch. */
  readonly settings: RoceSettings[] = [];
  /** What the line says. */
  take: (batch: readonly RoceSeries[]) => boolean = () => true;
  /** The wall clock's distance from that of the test. */
  wallMs = 0;
  readonly stage: Roce;
  readonly #totals = new Map<string, number>();

  constructor({ clock, native = { reason: 'a test' } }: { readonly clock?: Clock; readonly native?: Native } = {}) {
    this.stage = new Roce({
      clock: clock ?? { ...this.clock, nowMs: () => this.clock.nowMs() + this.wallMs }, logger: this.#logger(), metrics: this.metrics, native,
      append: async (batch, settings) => {
        const isTaken = this.take(batch);
        if (isTaken) this.batches.push([...batch]);
        if (isTaken) this.settings.push(settings);
        return isTaken;
      },
    });
  }

  /** Ends the stage and removes the folder. */
  async close(): Promise<void> {
    await this.stage.stop();
    rmSync(this.root, { recursive: true });
  }

  apply(lines = ''): void {
    this.stage.apply(roceSettings(`paths: {sysfs: ${JSON.stringify(this.root)}}, window: 1s${lines === '' ? '' : `, ${lines}`}`));
  }

  /** A port with counters of a vendor's driver, all at 0. */
  addPort(device: string, counters: Readonly<Record<string, string>> = { port_rcv_data: '0', port_xmit_data: '0', port_xmit_discards: '0' }): void {
    const folder = join(this.root, 'class/infiniband', device, 'ports/1');
    mkdirSync(join(folder, 'counters'), { recursive: true });
    writeFileSync(join(folder, 'rate'), `${rate}\n`);
    for (const [name, text] of Object.entries(counters)) writeFileSync(join(folder, 'counters', name), `${text}\n`);
  }

  removePort(device: string): void {
    rmSync(join(this.root, 'class/infiniband', device), { recursive: true });
  }

  write(device: string, counter: string, text: string): void {
    const file = join(this.root, 'class/infiniband', device, 'ports/1/counters', counter);
    // Of a fixed width in place: a reader in another thread never sees an empty file.
    writeFileSync(file, `${text}\n`, { flag: text.length === 20 ? 'r+' : 'w' });
  }

  /** Counts 4-byte words. */
  count(device: string, counter: string, words: number): void {
    const key = `${device} ${counter}`;
    this.#totals.set(key, (this.#totals.get(key) ?? 0) + words);
    this.write(device, counter, String(this.#totals.get(key)));
  }

  /** So many bytes every 10 ms. */
  async traffic(device: string, periods: number, bytes: number): Promise<void> {
    for (let i = 0; i < periods; i++) {
      this.count(device, 'port_rcv_data', bytes / 4);
      await this.clock.advance(10);
    }
  }

  /** Samples that reached the line, in their order. */
  samples(name?: string, ...forms: readonly RoceSeries['form'][]): Sample[] {
    const all = this.batches.flat().filter(({ form }) => form === undefined || forms.includes(form)).flatMap(samplesOf);
    return name === undefined ? all : all.filter((sample) => sample.name === name);
  }

  async metric(name: string): Promise<number> {
    const line = (await this.metrics.text()).split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }

  #logger(): Logger {
    const log = (level: string) => (message: string) => void this.lines.push(`${level} ${message}`);
    const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), child: () => logger };
    return logger;
  }
}

function samplesOf({ labels, samples }: RoceSeries): Sample[] {
  const { __name__: name = '', ...rest } = Object.fromEntries(labels);
  const view = new DataView(new ArrayBuffer(8));
  return samples.map(({ high, low, timestampMs }) => {
    view.setUint32(0, high);
    view.setUint32(4, low);
    return { name, labels: rest, timestampMs, value: high === STALE_HIGH && low === STALE_LOW ? STALE : view.getFloat64(0) };
  });
}
