import { describe, expect, test } from 'vitest';
import { createTargetPool } from '../../../src/targets/pool.ts';
import { group, job, rule } from '../scrape/support/job.ts';

const urls = (pool: ReturnType<typeof createTargetPool>) => [...pool.targets().values()].map((target) => target.url);
const dropB = rule({ action: 'drop', sourceLabels: ['__address__'], regex: 'b.*' });

describe('target pool', () => {
  test('a group that is no longer told is gone, one that stays is not built again', () => {
    const pool = createTargetPool(job());
    const stays = group(['b'], {}, 'static/1');
    pool.setGroups([group(['a']), stays]);
    const before = [...pool.targets().values()][1];
    pool.setGroups([stays, group(['c'])]);
    expect(urls(pool)).toEqual(['http://b/metrics', 'http://c/metrics']);
    expect([...pool.targets().values()][0]).toBe(before);
  });
  test('groups of two providers may share a source name', () => {
    const pool = createTargetPool(job());
    pool.setGroups([group(['a']), group(['b'])]);
    expect(urls(pool)).toEqual(['http://a/metrics', 'http://b/metrics']);
  });
  test('equal targets collapse, over groups as well', () => {
    const pool = createTargetPool(job());
    pool.setGroups([group(['a', 'a']), group(['a'], {}, 'static/1')]);
    expect(urls(pool)).toEqual(['http://a/metrics']);
  });
  test('a dropped target names its labels and the rule', () => {
    const pool = createTargetPool(job({ relabel: [rule({ targetLabel: 'x', replacement: 'y' }), dropB] }));
    pool.setGroups([group(['a', 'b1'])]);
    expect(pool.droppedCount()).toBe(1);
    const [dropped] = pool.dropped();
    expect(dropped?.discoveredLabels.get('__address__')).toBe('b1');
    expect(dropped?.discoveredLabels.has('x')).toBe(false);
    expect(dropped?.reason).toMatch(/^relabel rule 2: drop/);
  });
  test('keep_dropped_targets bounds the list, not the count', () => {
    const pool = createTargetPool(job({ relabel: [dropB], keepDroppedTargets: 2 }));
    pool.setGroups([group(['b1', 'b2', 'b3']), group(['b4'], {}, 'static/1')]);
    expect([pool.dropped().length, pool.droppedCount()]).toEqual([2, 4]);
  });
  test('a target that cannot be built is told with its place and is neither active nor dropped', () => {
    const pool = createTargetPool(job());
    expect(pool.setGroups([group(['a', 'x/y'], {}, 'file:7')])).toEqual(['instance 1 in group file:7: "x/y" is not a valid hostname']);
    expect([pool.targets().size, pool.droppedCount()]).toEqual([1, 0]);
  });
  test('relabel steps tell the labels after each rule, and nothing after a drop', () => {
    const pool = createTargetPool(job({ relabel: [rule({ targetLabel: 'x', replacement: 'y' }), dropB, dropB] }));
    const steps = pool.relabelSteps(new Map([['__address__', 'b']]));
    expect(steps.map((step) => [step.output.size, step.keep])).toEqual([[2, true], [0, false], [0, false]]);
  });
});
