// The self-check on the clock of the test: what it tells of golden trees, of a counter that refreshes slowly, and of bursts.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src/cli/flags.ts';
import { selfcheck, type SelfcheckOptions, type SelfcheckReport } from '../../../src/roce/selfcheck.ts';
import { selfcheckText, verdictsOf } from '../../../src/roce/selfcheck-text.ts';
import { createTestClock } from '../../support/clock.ts';

const sys = join(import.meta.dirname, '../../fixtures/sys');
const folder = mkdtempSync(join(tmpdir(), 'tributary-roce-'));
afterAll(() => rmSync(folder, { recursive: true }));

const defaults: SelfcheckOptions = { sysfs: sys, periodMs: 1, durationMs: 5000, isBurst: false, lineRate: 0 };

/** A self-check of a copy of a tree; `each` is called every 10 ms before the counters are read. */
async function checked(tree: string, options: Partial<SelfcheckOptions> = {}, each: (root: string, ms: number) => void = () => undefined): Promise<SelfcheckReport> {
  const clock = createTestClock();
  const root = join(folder, tree, Object.values(options).join('-'));
  cpSync(join(sys, tree), root, { recursive: true, verbatimSymlinks: true });
  let report: SelfcheckReport | undefined;
  void selfcheck({ ...defaults, ...options, sysfs: root }, { clock, native: { reason: 'asked for' } }).then((result) => (report = result));
  for (let ms = 0; report === undefined; ms += 10) {
    each(root, ms);
    await clock.advance(10);
  }
  return report;
}

describe('what is found', () => {
  test('every group of a port is read at a pace that its source can bear', async () => {
    const { sources } = await checked('bnxt-re-old', { durationMs: 5055 });
    expect(sources.map(({ source, periodNs, counters, reads, failedReadings }) => [source, periodNs / 1e6, counters, reads, failedReadings])).toEqual([
      ['bnxt_re0/1 port_data', 10, 2, 505, 0],
      // Three of the eighteen are levels.
      ['bnxt_re0/1 hw_counters', 100, 15, 51, 0],
      ['bnxt_re0/1 counters', 1000, 7, 6, 0],
    ]);
  });

  test('unreadable counters are named', async () => {
    expect(verdictsOf(await checked('omnipath', { durationMs: 1000 })).map(({ text }) => text)).toContain(
      'hfi1_0/1: left out as unreadable: VL15_dropped (not a number: "N/A (no PMA)"), port_rcv_errors (not a number: "N/A (no PMA)")');
  });

  test('a machine without anything is told so', async () => {
    const report = await selfcheck({ ...defaults, sysfs: join(sys, 'absent'), durationMs: 0 }, { clock: createTestClock(), native: { reason: 'asked for' } });
    expect(verdictsOf(report)).toEqual([{ level: 'bad', text: 'nothing to sample: no RDMA device and no network interface with counters was found' }]);
  });
});

describe('what is measured', () => {
  const received = (root: string) => join(root, 'class/infiniband/mlx5_1/ports/1/counters/port_rcv_data');

  test('a counter that refreshes every 50 ms is told', async () => {
    const report = await checked('mlx5-representor', {}, (root, ms) => {
      if (ms % 50 === 0) writeFileSync(received(root), `${ms * 100}\n`);
    });
    expect(report.sources.find(({ source }) => source.endsWith('port_data'))).toMatchObject({ moved: 1, refreshNs: 50e6 });
    expect(verdictsOf(report).map(({ text }) => text)).toContain('mlx5_1/1 port_data: refreshes every 50.0 ms; shorter bursts cannot be seen there');
  });

  test('a burst is recorded with its bytes, duration and peak', async () => {
    // Words of four bytes: 40 ms at the 50 GB/s of the port are 5e8 of them.
    const words = (ms: number) => 12.5e6 * Math.min(40, Math.max(0, ms - 5000));
    const report = await checked('mlx5-representor', { isBurst: true, durationMs: 4000 }, (root, ms) => writeFileSync(received(root), `${words(ms)}\n`));
    expect(report.bursts).toMatchObject([{ device: 'mlx5_1', port: 1, direction: 'receive', durationMs: 40, bytes: 2e9, peakShare: 1 }]);
    expect(selfcheckText(report)).toContain('mlx5_1/1  receive    40.00 ms  2000000000  100.0 %');
  });

  test('steady traffic behind a slow refresh is no burst', async () => {
    const report = await checked('mlx5-representor', { isBurst: true, durationMs: 4001 }, (root, ms) => {
      // A fifth of the line, seen every 50 ms: read for itself, a refresh looks like the whole line.
      if (ms % 50 === 0) writeFileSync(received(root), `${2.5e6 * ms}\n`);
    });
    expect(report.bursts).toEqual([]);
  });
});

describe('arguments', () => {
  const parsed = (...args: string[]) => parseCommandLine(['roce', ...args]);

  test('have defaults', () => expect(parsed('selfcheck')).toEqual({ kind: 'roce-selfcheck', options: { ...defaults, sysfs: '/sys' } }));
  test('bursts take a minute', () => expect(parsed('selfcheck', '--burst')).toMatchObject({ options: { isBurst: true, durationMs: 60_000 } }));
  test('are read', () => expect(parsed('selfcheck', '--interval=10ms', '--duration', '2s', '--speed=1000', '-path.sysfs=/host/sys')).toMatchObject({
    options: { periodMs: 10, durationMs: 2000, lineRate: 125e6, sysfs: '/host/sys' },
  }));
  test.each<readonly [string, readonly string[], string]>([
    ['no command', [], 'unknown command "roce", expected: roce selfcheck'],
    ['another command', ['watch'], 'unknown command "roce watch", expected: roce selfcheck'],
    ['too short an interval', ['selfcheck', '--interval=0'], '--interval: expected a duration of 1ms to 1000ms, got "0"'],
    ['too long a duration', ['selfcheck', '--duration=1h'], '--duration: expected a duration of 1000ms to 600000ms, got "1h"'],
    ['a speed with a unit', ['selfcheck', '--speed=1Gbit'], '--speed: expected whole Mb/s up to 10000000, got "1Gbit"'],
    ['no folder', ['selfcheck', '--path.sysfs='], '--path.sysfs: expected a folder, got nothing'],
    ['an unknown flag', ['selfcheck', '--fast'], "roce: Unknown option '--fast'"],
  ])('%s', (_name, args, problem) => expect(parsed(...args)).toEqual({ kind: 'error', problems: [problem], topic: 'roce' }));
});
