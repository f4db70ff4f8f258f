import { describe, expect, test } from 'vitest';
import { targetGroup } from '../../../discovery/discovery.ts';
import type { TargetGroup } from '../../../discovery/discovery.ts';
import { Feed } from '../../../discovery/feed.ts';

const group = (source: string, targets: number): TargetGroup => targetGroup(source, Array.from({ length: targets }, (_, i) => new Map([['__address__', `${source}:${i}`]])));

describe('feed', () => {
  test('an entry lives as long as its group: it is the same after a change, and another one after the group was gone', () => {
    const feed = new Feed();
    const [first] = feed.apply([group('a', 1)]);
    const [changed] = feed.apply([group('a', 3)]);
    expect([changed === first, first?.group.targetCount, feed.targetCount]).toEqual([true, 3, 3]);
    const [gone] = feed.apply([group('a', 0)]);
    expect([gone === first, first?.group.targetCount, feed.entries.size, feed.targetCount]).toEqual([true, 0, 0, 0]);
    const [again] = feed.apply([group('a', 1)]);
    expect([again === first, again?.sequence]).toEqual([false, 1]);
  });
  test('a group without targets that was never there is not told', () => expect(new Feed().apply([group('a', 0)])).toEqual([]));
  test('entries stand in order of their age', () => {
    const feed = new Feed();
    feed.apply([group('b', 1), group('a', 1)]);
    feed.apply([group('b', 2), group('c', 1)]);
    expect([...feed.entries.keys()]).toEqual(['b', 'a', 'c']);
    expect([...feed.entries.values()].map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
  });
});
