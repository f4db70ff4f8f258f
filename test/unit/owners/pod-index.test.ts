import { describe, expect, test } from 'vitest';
import { FORGET_MS } from '../../../src/owners/pod-index.ts';
import { NO_ENTRY } from '../../../src/owners/owners.ts';
import { answer, createIndex, pod } from './world.ts';

describe('a pod', () => {
  test('is known with the owner that its label names', () => {
    const { index } = createIndex();
    index.set(pod('x/p', 'a'));
    expect(answer(index, index.pod('x', 'p'))).toBe('known a');
  });

  test('is known without an owner when its label names none', () => {
    const { index } = createIndex();
    index.set(pod('x/p', ''));
    expect(answer(index, index.pod('x', 'p'))).toBe('known -');
  });

  test('has one entry by its name and another by its uid, each always the same', () => {
    const { index } = createIndex();
    index.set(pod('x/p', 'a'));
    const [byName, byUid] = [index.pod('x', 'p'), index.pod('x', 'p', 'uid-p')];
    expect(byName).not.toBe(byUid);
    expect([index.pod('x', 'p'), index.pod('x', 'p', 'uid-p')]).toEqual([byName, byUid]);
    expect([answer(index, byName), answer(index, byUid)]).toEqual(['known a', 'known a']);
  });

  test('of another namespace is another pod', () => {
    const { index } = createIndex();
    index.set(pod('x/p', 'a'));
    index.set(pod('y/p', 'b'));
    expect([answer(index, index.pod('x', 'p')), answer(index, index.pod('y', 'p'))]).toEqual(['known a', 'known b']);
  });

  test('has no entry where pods have no say', () => {
    const { index } = createIndex({ hasPods: false });
    expect([index.pod('x', 'p'), index.pod('x', 'p', 'u')]).toEqual([NO_ENTRY, NO_ENTRY]);
  });
});

describe('a pod that is not known', () => {
  test('is unresolved while the watch is not complete, however long that takes', async () => {
    const { index, clock } = createIndex();
    const entry = index.pod('x', 'p');
    await clock.advance(60_000);
    expect(answer(index, entry)).toBe('unresolved -');
  });

  test('is absent when the watch is complete and has had time to tell, and listeners are told', async () => {
    const { index, clock, told } = createIndex();
    index.complete();
    const entry = index.pod('x', 'p');
    await clock.advance(14_999);
    expect([answer(index, entry), told]).toEqual(['unresolved -', []]);
    await clock.advance(1);
    expect([answer(index, entry), told]).toEqual(['absent -', [[entry]]]);
  });

  test('that was asked for long before the watch was complete is absent at once', async () => {
    const { index, clock, told } = createIndex();
    const entry = index.pod('x', 'p');
    await clock.advance(20_000);
    index.complete();
    await clock.settle();
    expect([answer(index, entry), told]).toEqual(['absent -', [[entry]]]);
  });

  test('that comes is told to those who asked', async () => {
    const { index, clock, told } = createIndex();
    const entry = index.pod('x', 'p');
    index.set(pod('x/p', 'a'));
    await clock.settle();
    expect([answer(index, entry), told]).toEqual(['known a', [[entry]]]);
  });

  test('and was asked for by its uid does not take the place of the one that is there', async () => {
    const { index, clock } = createIndex();
    index.set(pod('x/p', 'a', { uid: 'u1' }));
    const next = index.pod('x', 'p', 'u2');
    expect([answer(index, next), answer(index, index.pod('x', 'p'))]).toEqual(['unresolved -', 'known a']);
    index.set(pod('x/p', 'b', { uid: 'u2' }));
    await clock.settle();
    expect([answer(index, next), answer(index, index.pod('x', 'p')), answer(index, index.pod('x', 'p', 'u1'))]).toEqual(['known b', 'known b', 'tombstone a']);
  });

  test('and was asked for by its name and by its uid is one pod', () => {
    const { index } = createIndex();
    const entries = [index.pod('x', 'p'), index.pod('x', 'p', 'u1')];
    index.set(pod('x/p', 'a', { uid: 'u1' }));
    expect([entries.map((entry) => answer(index, entry)), index.counts().unresolved]).toEqual([['known a', 'known a'], 0]);
  });
});

describe('a pod that is gone', () => {
  test('keeps its owner until its tombstone ends', async () => {
    const { index, clock, told } = createIndex({ tombstoneMs: 60_000 });
    index.set(pod('x/p', 'a'));
    const entry = index.pod('x', 'p');
    index.remove('x', 'p');
    await clock.advance(59_999);
    expect([answer(index, entry), told.length]).toEqual(['tombstone a', 1]);
    await clock.advance(1);
    expect([answer(index, entry), told.length]).toEqual(['absent -', 2]);
  });

  test('is absent at once without tombstones', () => {
    const { index } = createIndex({ tombstoneMs: 0 });
    index.set(pod('x/p', 'a'));
    const entry = index.pod('x', 'p');
    index.remove('x', 'p');
    expect(answer(index, entry)).toBe('absent -');
  });

  test('answers for its uid while its name stands for the next one', async () => {
    const { index, clock, told } = createIndex();
    index.set(pod('x/p', 'a', { uid: 'u1' }));
    const [byName, first] = [index.pod('x', 'p'), index.pod('x', 'p', 'u1')];
    index.set(pod('x/p', 'b', { uid: 'u2' }));
    await clock.settle();
    expect([answer(index, byName), answer(index, first)]).toEqual(['known b', 'tombstone a']);
    expect(told).toEqual([[byName, first]]);
  });

  test('and comes back with its uid is known again', () => {
    const { index } = createIndex();
    index.set(pod('x/p', 'a'));
    const entry = index.pod('x', 'p');
    index.remove('x', 'p');
    index.set(pod('x/p', 'a'));
    expect([answer(index, entry), index.counts()]).toEqual(['known a', { pods: 1, tombstones: 0, unresolved: 0, absent: 0 }]);
  });

  test('leaves nothing behind when nobody asked for it', async () => {
    const { index, clock } = createIndex({ tombstoneMs: 1000 });
    index.set(pod('x/p', 'a'));
    index.remove('x', 'p');
    await clock.advance(1000);
    expect([index.counts(), index.owned(), [...index.kept()]]).toEqual([{ pods: 0, tombstones: 0, unresolved: 0, absent: 0 }, [], []]);
  });
});

describe('a label that changes while its pod lives', () => {
  test('is not followed: the first owner counts', async () => {
    const { index, clock, told } = createIndex();
    index.set(pod('x/p', 'a'));
    const entry = index.pod('x', 'p');
    index.set(pod('x/p', 'b'));
    index.set(pod('x/p', ''));
    await clock.settle();
    expect([answer(index, entry), told]).toEqual(['known a', []]);
  });

  test('that came after the pod is the first one', () => {
    const { index } = createIndex();
    index.set(pod('x/p', ''));
    index.set(pod('x/p', 'a'));
    expect(answer(index, index.pod('x', 'p'))).toBe('known a');
  });

  test('is followed where that is asked for', async () => {
    const { index, clock, told } = createIndex({ followsLabels: true });
    index.set(pod('x/p', 'a'));
    const entry = index.pod('x', 'p');
    index.set(pod('x/p', 'b'));
    await clock.settle();
    expect([answer(index, entry), told, index.owned().map(({ name }) => name)]).toEqual(['known b', [[entry]], ['b']]);
  });

  test('of the next incarnation counts for that one', () => {
    const { index } = createIndex();
    index.set(pod('x/p', 'a', { uid: 'u1' }));
    index.set(pod('x/p', 'b', { uid: 'u2' }));
    expect(answer(index, index.pod('x', 'p'))).toBe('known b');
  });
});

describe('a node', () => {
  test('has the owners of its running pods, each once, sorted, by label or else by namespace', () => {
    const { index } = createIndex({ namespace: 'user-(.+)' });
    index.set(pod('user-c/p1', 'b'));
    index.set(pod('user-c/p2', 'b'));
    index.set(pod('user-a/p3', ''));
    index.set(pod('x/p4', 'z', { isRunning: false }));
    index.set(pod('x/p5', 'y', { node: 'n2' }));
    expect(index.owners(index.node('n1'))).toEqual(['a', 'b']);
  });

  test('is told of once its owners differ, and gives the same array until then', async () => {
    const { index, clock, told } = createIndex();
    index.set(pod('x/p', 'a'));
    const node = index.node('n1');
    const before = index.owners(node);
    index.set(pod('x/q', 'a'));
    index.set(pod('x/p', 'a', { isRunning: false }));
    await clock.settle();
    expect([index.owners(node) === before, told]).toEqual([true, []]);
    index.remove('x', 'q');
    await clock.settle();
    expect([index.owners(node), told]).toEqual([[], [[node]]]);
  });

  test('without pods is awaited until the watch is complete', async () => {
    const { index, clock, told } = createIndex();
    const node = index.node('n9');
    expect(index.state(node)).toBe('unresolved');
    index.complete();
    await clock.settle();
    expect([index.state(node), told]).toEqual(['absent', [[node]]]);
  });

  test('has no entry where the watch does not tell nodes', () => expect(createIndex({ hasNodes: false }).index.node('n1')).toBe(NO_ENTRY));

  test('knows owners by namespace where pods have no say', () => {
    const { index } = createIndex({ hasPods: false, namespace: 'user-(.+)' });
    index.set(pod('user-a/p', ''));
    expect(index.owners(index.node('n1'))).toEqual(['a']);
  });
});

describe('listeners', () => {
  test('are called once for all changes of a turn, and not for what nobody asked for', async () => {
    const { index, clock, told, counted } = createIndex();
    const entries = ['p', 'q'].map((name) => index.pod('x', name));
    for (const name of ['p', 'q', 'r']) index.set(pod(`x/${name}`, 'a'));
    index.set(pod('x/p', 'a', { isRunning: false }));
    await clock.settle();
    expect([told, counted.told]).toEqual([[entries], 2]);
  });

  test('that have left are not called', async () => {
    const { index, clock } = createIndex();
    const calls: unknown[] = [];
    index.onChange((entries) => void calls.push(entries))();
    index.pod('x', 'p');
    index.set(pod('x/p', 'a'));
    await clock.settle();
    expect(calls).toEqual([]);
  });
});

describe('what does not exist', () => {
  test('is asked about anew from time to time, under another number, and forgotten once nobody asks', async () => {
    const { index, clock, told } = createIndex();
    index.complete();
    const entry = index.pod('x', 'p');
    await clock.advance(FORGET_MS);
    expect([answer(index, entry), told.at(-1)]).toEqual(['absent -', [entry]]);
    const again = index.pod('x', 'p');
    expect([again > entry, answer(index, again), index.counts().absent]).toEqual([true, 'absent -', 1]);
    await clock.advance(FORGET_MS);
    await clock.advance(FORGET_MS);
    expect(index.counts().absent).toBe(0);
  });

  test('is told when it comes to exist after all, by the number it has then', async () => {
    const { index, clock, told } = createIndex();
    index.complete();
    index.pod('x', 'p');
    await clock.advance(FORGET_MS);
    const entry = index.pod('x', 'p');
    index.set(pod('x/p', 'a'));
    await clock.settle();
    expect([answer(index, entry), told.at(-1)]).toEqual(['known a', [entry]]);
  });

  test('nodes included', async () => {
    const { index, clock } = createIndex();
    index.complete();
    const node = index.node('gone');
    await clock.advance(FORGET_MS);
    expect([index.state(node), index.node('gone') > node]).toEqual(['absent', true]);
  });
});

describe('limits', () => {
  const limits = { pods: 2, unknown: 2, tombstones: 1, nodes: 1 };

  test('pods above it are not known, and counted', () => {
    const { index, refused } = createIndex({ limits });
    for (const name of ['p', 'q', 'r']) index.set(pod(`x/${name}`, 'a'));
    expect([index.counts().pods, refused, answer(index, index.pod('x', 'r'))]).toEqual([2, ['pods'], 'unresolved -']);
  });

  test('names above it have no entry; pods that come later are found', () => {
    const { index, refused } = createIndex({ limits });
    const entries = ['p', 'q', 'r'].map((name) => index.pod('x', name));
    expect([entries[2], refused]).toEqual([NO_ENTRY, ['unknown']]);
    index.set(pod('x/r', 'a'));
    expect(answer(index, index.pod('x', 'r'))).toBe('known a');
  });

  test('of tombstones the oldest goes first', () => {
    const { index, refused } = createIndex({ limits });
    const entries = ['p', 'q'].map((name) => {
      index.set(pod(`x/${name}`, 'a'));
      return index.pod('x', name);
    });
    for (const name of ['p', 'q']) index.remove('x', name);
    expect([entries.map((entry) => answer(index, entry)), refused]).toEqual([['absent -', 'tombstone a'], ['tombstones']]);
  });

  test('nodes above it have no entry', () => {
    const { index, refused } = createIndex({ limits });
    expect([index.node('n1') === NO_ENTRY, index.node('n2'), refused]).toEqual([false, NO_ENTRY, ['nodes']]);
  });
});

describe('a snapshot that is restored', () => {
  const restored = (tombstoneMs?: number) => ({ namespace: 'x', name: 'p', uidNumber: 7, owner: 'a', node: 'n1', isRunning: true, tombstoneMs });

  test('answers before the watch does, and what the watch does not confirm is gone', async () => {
    const { index, clock, told } = createIndex();
    index.restore([restored(), { ...restored(), name: 'q' }]);
    const entries = ['p', 'q'].map((name) => index.pod('x', name));
    expect([entries.map((entry) => answer(index, entry)), index.owners(index.node('n1'))]).toEqual([['known a', 'known a'], ['a']]);
    index.set(pod('x/p', 'a', { uid: '' }));
    index.complete();
    await clock.settle();
    expect(answer(index, entries[1]!)).toBe('tombstone a');
    expect(told.length).toBe(1);
  });

  test('has tombstones that end when they would have', async () => {
    const { index, clock } = createIndex();
    index.restore([restored(500), { ...restored(200), name: 'q' }]);
    const entries = ['p', 'q'].map((name) => index.pod('x', name));
    await clock.advance(200);
    expect(entries.map((entry) => answer(index, entry))).toEqual(['tombstone a', 'absent -']);
    await clock.advance(300);
    expect(answer(index, entries[0]!)).toBe('absent -');
  });

  test('keeps the first owner of a pod, whatever the label has become meanwhile', () => {
    const first = createIndex().index;
    first.set(pod('x/p', 'a'));
    const second = createIndex().index;
    second.restore([...first.kept()]);
    second.set(pod('x/p', 'b'));
    expect(answer(second, second.pod('x', 'p'))).toBe('known a');
  });
});
