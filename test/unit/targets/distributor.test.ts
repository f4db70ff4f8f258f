import { describe, expect, test } from 'vitest';
import { targetGroup } from '../../../discovery/discovery.ts';
import type { TargetGroup } from '../../../discovery/discovery.ts';
import { Feed } from '../../../discovery/feed.ts';
import { Distributor } from '../../../src/targets/distributor.ts';
import type { Taker } from '../../../src/targets/distributor.ts';

/** A job that keeps groups with one of these values of `ns`, or takes everything; writes down what it is told. */
function taker(...values: string[]) {
  const told: string[] = [];
  const one: Taker = {
    keep: values.length === 0 ? undefined : { sourceLabels: ['ns'], separator: ';', values },
    put: (_feed, entry) => told.push(`+${entry.group.source}`),
    remove: (_feed, entry) => told.push(`-${entry.group.source}`),
    flush: () => told.push('.'),
  };
  return { one, take: () => told.splice(0).join(' ') };
}

const pod = (source: string, ...namespaces: string[]): TargetGroup => targetGroup(source, namespaces.map((ns) => new Map([['ns', ns]])));
const gone = (source: string) => targetGroup(source, []);

function setUp(...takers: ReturnType<typeof taker>[]) {
  const feed = new Feed();
  const distributor = new Distributor();
  for (const { one } of takers) distributor.connect(one, [feed]);
  const change = (...groups: TargetGroup[]) => distributor.change(feed, feed.apply(groups));
  return { feed, distributor, change };
}

describe('distributor', () => {
  test('a changed group goes to the jobs that may keep it, and to nobody else', () => {
    const [a, b, all] = [taker('a'), taker('b', 'c'), taker()];
    const { change } = setUp(a, b, all);
    change(pod('1', 'a'), pod('2', 'c'), pod('3', 'other'));
    expect([a.take(), b.take(), all.take()]).toEqual(['+1 .', '+2 .', '+1 +2 +3 .']);
    change(pod('3', 'another'));
    expect([a.take(), b.take(), all.take()]).toEqual(['', '', '+3 .']);
  });
  test('a group that changes its value changes its job', () => {
    const [a, b] = [taker('a'), taker('b')];
    const { change } = setUp(a, b);
    change(pod('1', 'a'));
    change(pod('1', 'b'));
    change(gone('1'));
    expect([a.take(), b.take()]).toEqual(['+1 . -1 .', '+1 . -1 .']);
  });
  test('a job stays told of a group while any of its targets may pass', () => {
    const a = taker('a', 'b');
    const { change } = setUp(a);
    change(pod('1', 'a', 'x'));
    change(pod('1', 'x', 'b'));
    change(pod('1', 'x'));
    expect(a.take()).toBe('+1 . +1 . -1 .');
  });
  test('a job that comes later gets what is there for it', () => {
    const [a, b] = [taker('a'), taker('b')];
    const { feed, distributor, change } = setUp(a);
    change(pod('1', 'a'), pod('2', 'b'));
    distributor.connect(b.one, [feed]);
    expect(b.take()).toBe('+2');
    distributor.disconnect(b.one);
    change(pod('2', 'b'));
    expect(b.take()).toBe('');
  });
  test('labels are read once per change, however many jobs share them', () => {
    let reads = 0;
    const takers = ['a', 'b', 'c'].map((ns) => taker(ns));
    const { change } = setUp(...takers, taker('a'), taker());
    change({ source: '1', targetCount: 1, labels: new Map(), get targets() { return (reads++, [new Map([['ns', 'a']])]); } });
    expect(reads).toBe(1);
  });
  test('nobody is told of a feed that nobody has', () => {
    const a = taker('a');
    const { feed, distributor, change } = setUp(a);
    distributor.connect(a.one, []);
    change(pod('1', 'a'));
    distributor.connect(a.one, [feed]);
    expect(a.take()).toBe('+1');
  });
});
