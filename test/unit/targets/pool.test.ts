import { describe, expect, test } from 'vitest';
import { targetGroup } from '../../../discovery/discovery.ts';
import type { TargetGroup } from '../../../discovery/discovery.ts';
import { Feed } from '../../../discovery/feed.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import { readGroup } from '../../../src/targets/build.ts';
import { createTargetPool } from '../../../src/targets/pool.ts';
import { createSharding } from '../../../src/targets/sharding.ts';
import type { Sharding } from '../../../src/targets/sharding.ts';
import { group, job, rule } from '../scrape/support/job.ts';

const dropB = rule({ action: 'drop', sourceLabels: ['__address__'], regex: 'b.*' });

/** A pool with two feeds; `tell` changes groups of one of them and returns the errors. */
function setUp(settings: Partial<ScrapeSettings> = {}, sharding?: Sharding) {
  const pool = createTargetPool(job(settings), sharding);
  const feeds = [new Feed(), new Feed()] as const;
  pool.setFeeds(feeds);
  const tell = (feed: 0 | 1, ...groups: TargetGroup[]) => feeds[feed].apply(groups).flatMap((entry) => {
    if (entry.group.targetCount > 0) return pool.put(feeds[feed], entry, readGroup(entry.group));
    pool.remove(feeds[feed], entry);
    return [];
  });
  /** Addresses of the touched targets that live, and the number of those that do not. */
  const touched = () => {
    const targets = [...pool.takeTouched()].map((key) => pool.target(key));
    return [...targets.flatMap((target) => target?.url.slice('http://'.length, -'/metrics'.length) ?? []), targets.filter((target) => target === undefined).length];
  };
  return { pool, feeds, tell, touched };
}

const gone = (source = 'static/0') => targetGroup(source, []);

describe('target pool', () => {
  test('a changed group touches its own targets, old and new', () => {
    const { pool, tell, touched } = setUp();
    tell(0, group(['a']), group(['b'], {}, 'static/1'));
    expect(touched()).toEqual(['a', 'b', 0]);
    tell(0, group(['c', 'd'], {}, 'static/1'));
    expect([touched(), pool.size]).toEqual([['c', 'd', 1], 3]);
    tell(0, gone('static/1'));
    expect([touched(), pool.size, pool.isTouched]).toEqual([[2], 1, false]);
  });
  test('groups of two providers may share a source name', () => {
    const { tell, touched } = setUp();
    tell(0, group(['a']));
    tell(1, group(['b']));
    expect(touched()).toEqual(['a', 'b', 0]);
  });
  test('a feed that leaves takes its targets along', () => {
    const { pool, feeds, tell, touched } = setUp();
    tell(0, group(['a']));
    tell(1, group(['b']));
    touched();
    pool.setFeeds([feeds[1]]);
    expect([touched(), pool.size, pool.droppedCount()]).toEqual([[1], 1, 0]);
  });

  describe('equal targets are one', () => {
    const labelled = (value: string, source = 'static/0') => group(['a'], { __meta_x: value }, source);
    const first = (pool: ReturnType<typeof setUp>['pool']) => [...pool.takeTouched()].map((key) => pool.target(key)?.discoveredLabels.get('__meta_x'));
    test('the first feed goes before the second, whichever came first', () => {
      const { pool, tell } = setUp();
      tell(1, labelled('second'));
      tell(0, labelled('first'));
      expect([first(pool), pool.size]).toEqual([['first'], 1]);
      tell(0, gone());
      expect(first(pool)).toEqual(['second']);
      tell(1, gone());
      expect([first(pool), pool.size]).toEqual([[undefined], 0]);
    });
    test('the older group goes before the younger, also after it changed', () => {
      const { pool, tell } = setUp();
      tell(0, labelled('old'), labelled('young', 'static/1'));
      tell(0, labelled('old, changed'));
      expect(first(pool)).toEqual(['old, changed']);
      tell(0, gone());
      tell(0, labelled('back'));
      expect(first(pool)).toEqual(['young']);
    });
    test('within a group they come and go together', () => {
      const { pool, tell, touched } = setUp();
      tell(0, group(['a', 'a']), group(['a'], {}, 'static/1'));
      expect([touched(), pool.size, pool.droppedCount()]).toEqual([['a', 0], 1, 0]);
      tell(0, gone('static/1'));
      expect(touched()).toEqual([0]);
      tell(0, gone());
      expect([touched(), pool.size]).toEqual([[1], 0]);
    });
    test('another order of the feeds is another first one', () => {
      const { pool, feeds, tell } = setUp();
      tell(0, labelled('first'));
      tell(1, labelled('second'));
      first(pool);
      pool.setFeeds([feeds[1], feeds[0]]);
      expect(first(pool)).toEqual(['second']);
    });
  });

  describe('dropped targets', () => {
    test('name their labels and the rule', () => {
      const { pool, tell } = setUp({ relabel: [rule({ targetLabel: 'x', replacement: 'y' }), dropB] });
      tell(0, group(['a', 'b1']));
      expect(pool.droppedCount()).toBe(1);
      const [dropped] = pool.dropped();
      expect(dropped?.discoveredLabels.get('__address__')).toBe('b1');
      expect(dropped?.discoveredLabels.has('x')).toBe(false);
      expect(dropped?.reason).toMatch(/^relabel rule 2: drop/);
    });
    test('keep_dropped_targets bounds the list, not the count', () => {
      const { pool, tell } = setUp({ relabel: [dropB], keepDroppedTargets: 2 });
      tell(0, group(['b1', 'b2', 'b3']), group(['b4'], {}, 'static/1'));
      expect([[...pool.dropped()].length, pool.droppedCount()]).toEqual([2, 4]);
    });
    test('a group that the pool was never given counts as dropped', () => {
      const { pool, feeds, tell } = setUp({ relabel: [rule({ action: 'keep', sourceLabels: ['__address__'], regex: 'a' })] });
      feeds[0].apply([group(['b', 'c'], {}, 'static/1')]);
      tell(0, group(['a', 'd']));
      expect(pool.droppedCount()).toBe(3);
      expect([...pool.dropped()].map(({ discoveredLabels }) => discoveredLabels.get('__address__'))).toEqual(['b', 'c', 'd']);
      expect([...pool.dropped()][0]?.reason).toMatch(/^relabel rule 1: keep/);
    });
  });

  test('a target that cannot be built is told with its place and is neither active nor dropped', () => {
    const { pool, tell } = setUp();
    expect(tell(0, group(['a', 'x/y'], {}, 'file:7'))).toEqual(['instance 1 in group file:7: "x/y" is not a valid hostname']);
    expect([pool.size, pool.droppedCount()]).toEqual([1, 0]);
    tell(0, gone('file:7'));
    expect([pool.size, pool.droppedCount()]).toEqual([0, 0]);
  });
  test('labels of a group that works them out are read once, and not kept', () => {
    const reads = { targets: 0, labels: 0 };
    const lazy: TargetGroup = {
      source: 's',
      targetCount: 2,
      get targets() {
        reads.targets++;
        return [new Map([['__address__', 'a']]), new Map([['__address__', 'b1']])];
      },
      get labels() {
        reads.labels++;
        return new Map([['__meta_x', String(reads.labels)]]);
      },
    };
    const { pool, tell } = setUp({ relabel: [dropB] });
    tell(0, lazy);
    expect(reads).toEqual({ targets: 1, labels: 1 });
    const [key] = pool.takeTouched();
    expect([pool.target(key!)?.provenance.get('__meta_x'), pool.target(key!)?.discoveredLabels.get('__meta_x')]).toEqual(['2', '3']);
  });
  test('relabel steps tell the labels after each rule, and nothing after a drop', () => {
    const { pool } = setUp({ relabel: [rule({ targetLabel: 'x', replacement: 'y' }), dropB, dropB] });
    const steps = pool.relabelSteps(new Map([['__address__', 'b']]));
    expect(steps.map((step) => [step.output.size, step.keep])).toEqual([[2, true], [0, false], [0, false]]);
  });

  test('targets of other members are left to them, and say whose they are', () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `a${i}`);
    const pools = [0, 1, 2].map((member) => {
      const { pool, tell } = setUp({ relabel: [dropB] }, createSharding({ members: 3, member, replicationFactor: 1 }));
      tell(0, group([...addresses, 'b1']));
      return pool;
    });
    expect(pools.reduce((sum, pool) => sum + pool.size, 0)).toBe(40);
    for (const [member, pool] of pools.entries()) {
      expect([pool.leftCount, pool.droppedCount()]).toEqual([40 - pool.size, 41 - pool.size]);
      const reasons = [...pool.dropped()].map(({ reason }) => reason);
      expect(reasons.filter((reason) => /^sharding: member [012] of 3$/.test(reason) && !reason.includes(`member ${member}`)).length).toBe(pool.leftCount);
      expect(reasons.at(-1)).toMatch(/^relabel rule 1: drop/);
    }
  });
});
