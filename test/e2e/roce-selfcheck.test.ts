// `tributary roce selfcheck` of the built program, on a golden tree: with the native sampler where it was built, and with the one in TypeScript.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const isBuilt = existsSync(join(root, 'dist', 'native', 'sampler.node'));
if (!isBuilt) console.warn('SKIPPED: the native sampler: it was not built');

function selfcheck(tree: string, native: string) {
  const args = [join(root, 'dist', 'main.js'), 'roce', 'selfcheck', '--duration=1s', `--path.sysfs=${join(root, 'test/fixtures/sys', tree)}`];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, TRIBUTARY_NATIVE: native } });
  return { status, text: stdout, figures: JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown> };
}

describe.each([['native', '1'], ['typescript', '0']].filter(([name]) => name !== 'native' || isBuilt))('%s', (name, native) => {
  test('tells what a machine has, tables first and JSON last', () => {
    const { status, text, figures } = selfcheck('mlx5-two-ports', native ?? '');
    expect(status).toBe(0);
    expect(text).toMatch(/^Found\n(.*\n)+\nMeasured\n(.*\n)+\nSampler\n(.*\n)+\nVerdicts\n/);
    expect(figures).toMatchObject({
      sampler: name,
      ports: [{ device: 'mlx5_0', port: 1, unreadable: [{ name: 'VL15_dropped', reason: 'ELOOP' }] }, { device: 'mlx5_0', port: 2 }, { device: 'eth0' }, { device: 'lo' }],
    });
    const sources = figures['sources'] as { source: string; reads: number; failedReadings: number }[];
    expect(sources.map(({ source }) => source).sort()).toEqual([
      'eth0 statistics', 'lo statistics', 'mlx5_0/1 counters', 'mlx5_0/1 hw_counters', 'mlx5_0/1 port_data', 'mlx5_0/2 counters', 'mlx5_0/2 hw_counters', 'mlx5_0/2 port_data',
    ]);
    expect(sources.filter(({ failedReadings }) => failedReadings > 0)).toEqual([]);
  });

  test('ends with 1 where there is nothing to sample', () => {
    expect(selfcheck('absent', native ?? '')).toMatchObject({ status: 1, figures: { ports: [], verdicts: [{ level: 'bad' }] } });
  });
});
