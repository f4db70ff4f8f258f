// Laws of the owner index, over random lives of a small cluster: pods come, go, come back under their name, change label, node and phase; the API server is away for a
// while and then told in full; the process starts again with its snapshot.
//
//   1. what the index says of pods that exist is what a fresh one says that was told the cluster as it is (the first owner of a pod where labels are frozen)
//   2. what it says of others is a tombstone with the last owner, for as long as it stands, and nothing afterwards
//   3. who asks once and again only when told has the answers that who asks now gets
//   4. a start from the snapshot answers as the process before it did

import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import { namespaceRule } from '../../src/owners/by-namespace.ts';
import type { PodFact, PodIndex } from '../../src/owners/pod-index.ts';
import { PodIndex as Index } from '../../src/owners/pod-index.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/owners/snapshot.ts';
import { createTestClock } from '../support/clock.ts';
import { noCounters } from '../unit/owners/world.ts';

const STEPS = 150;
const TOMBSTONE_MS = 60_000;
const namespaces = ['user-a', 'user-b', 'system'];
const names = ['p0', 'p1', 'p2', 'p3'];
const nodes = ['n0', 'n1', ''];
const labels = ['', 'a', 'b', 'c'];
const keys = namespaces.flatMap((namespace) => names.map((name) => ({ namespace, name, key: `${namespace}/${name}` })));
const ruleOf = namespaceRule('user-(.+)');
const clock = createTestClock();

function open(followsLabels: boolean): PodIndex {
  return new Index({ clock, hasPods: true, hasNodes: true, ruleOf, followsLabels, tombstoneMs: TOMBSTONE_MS, waitMs: 15_000, counters: noCounters });
}

/** Who asks once, and again when told. */
class Asker {
  readonly #index: PodIndex;
  readonly #asked = new Map<string, { ask: () => number; entry: number; answer: string }>();

  constructor(index: PodIndex) {
    this.#index = index;
    index.onChange((entries) => {
      const changed = new Set(entries);
      for (const [what, { ask, entry }] of this.#asked) if (changed.has(entry)) this.ask(what, ask);
    });
  }

  ask(what: string, ask: () => number): void {
    const entry = ask();
    this.#asked.set(what, { ask, entry, answer: this.#answer(entry) });
  }

  #answer(entry: number): string {
    return `${this.#index.state(entry)} ${this.#index.owner(entry) ?? '-'} ${this.#index.owners(entry).join()}`;
  }

  /** What it believes, and what it would hear now. */
  compare(): { believed: string[]; now: string[] } {
    const all = [...this.#asked];
    return { believed: all.map(([what, { answer }]) => `${what}: ${answer}`), now: all.map(([what, { ask }]) => `${what}: ${this.#answer(ask())}`) };
  }
}

class World {
  readonly #int: (below: number) => number;
  readonly #follows: boolean;
  /** The cluster, and what of it the index has been told. */
  readonly cluster = new Map<string, PodFact>();
  #told = new Map<string, PodFact>();
  /** First owner that was told, by uid. */
  readonly #first = new Map<string, string>();
  /** Last owner and end of the tombstone of names that are gone. */
  readonly gone = new Map<string, { owner: string; untilMs: number }>();
  index: PodIndex;
  asker: Asker;
  #isOnline = true;
  #uids = 0;

  constructor(seed: number, follows: boolean) {
    const random = seededRandom(seed);
    this.#int = (below) => Math.floor(random.next() * below);
    this.#follows = follows;
    this.index = open(follows);
    this.asker = new Asker(this.index);
    this.index.complete();
  }

  get isOnline(): boolean {
    return this.#isOnline;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#int(from.length)]!;
  }

  async step(): Promise<string> {
    const what = this.#int(20);
    const { key, namespace, name } = this.#pick(keys);
    if (what < 5) return this.#put(key, { namespace, name, uid: `u${++this.#uids}`, owner: this.#pick(labels), node: this.#pick(nodes), isRunning: this.#int(3) > 0 });
    if (what < 8) return this.#change(key);
    if (what < 11) return this.#delete(key);
    if (what < 15) return this.#ask(key, namespace, name);
    if (what === 15) return this.#goOffline();
    if (what < 18) return this.#goOnline();
    if (what === 18) return this.#restart();
    await clock.advance(this.#pick([1000, 15_000, 40_000, 700_000]));
    return 'time passes';
  }

  #put(key: string, fact: PodFact): string {
    this.cluster.set(key, fact);
    if (this.#isOnline) this.#tell(key);
    return `put ${JSON.stringify(fact)}`;
  }

  #change(key: string): string {
    const fact = this.cluster.get(key);
    return fact === undefined ? 'nothing' : this.#put(key, { ...fact, owner: this.#pick(labels), node: this.#pick(nodes), isRunning: this.#int(2) === 0 });
  }

  #delete(key: string): string {
    this.cluster.delete(key);
    if (this.#isOnline) this.#tell(key);
    return `delete ${key}`;
  }

  /** The difference of one name. */
  #tell(key: string): void {
    const [before, after] = [this.#told.get(key), this.cluster.get(key)];
    // A new process is told everything, also what has not changed.
    if (before === after && (after === undefined || this.index.isComplete)) return;
    if (after !== undefined) {
      this.#told.set(key, after);
      this.gone.delete(key);
      if (this.#follows || (this.#first.get(after.uid) ?? '') === '') this.#first.set(after.uid, after.owner);
      return this.index.set(after);
    }
    this.#told.delete(key);
    this.gone.set(key, { owner: this.#first.get(before!.uid)!, untilMs: clock.monotonicMs() + TOMBSTONE_MS });
    // A new process is not told of what it has not seen: that it is complete says so.
    if (this.index.isComplete) this.index.remove(before!.namespace, before!.name);
  }

  #ask(key: string, namespace: string, name: string): string {
    const uid = this.#pick(['', this.cluster.get(key)?.uid ?? '', `u${this.#int(this.#uids + 2)}`]);
    // Through `this.index`: after a restart it is another one, and the asker as well.
    this.asker.ask(`${key} ${uid}`, () => this.index.pod(namespace, name, uid));
    const node = this.#pick(nodes.slice(0, 2));
    this.asker.ask(node, () => this.index.node(node));
    return `ask ${key} ${uid}`;
  }

  #goOffline(): string {
    this.#isOnline = false;
    return 'offline';
  }

  #goOnline(): string {
    this.#isOnline = true;
    for (const { key } of keys) this.#tell(key);
    if (!this.index.isComplete) this.index.complete();
    return 'online';
  }

  /** With what the snapshot holds, and the API server away. */
  #restart(): string {
    const before = this.index;
    const snapshot = decodeSnapshot(encodeSnapshot({ writtenAtMs: 0, podLabel: 'l', pods: [...before.kept()] }));
    if ('reason' in snapshot) throw new Error(snapshot.text);
    this.index = open(this.#follows);
    this.index.restore(snapshot.pods);
    this.asker = new Asker(this.index);
    const answers = (index: PodIndex) => [...keys.map(({ namespace, name }) => known(index, index.pod(namespace, name))), ...nodes.map((node) => index.owners(index.node(node)).join())];
    assert.deepEqual(answers(this.index), answers(before));
    before.stop();
    this.#isOnline = false;
    return 'restart';
  }

  check(): void {
    for (const { key, namespace, name } of keys) assert.equal(`${key} ${known(this.index, this.index.pod(namespace, name))}`, `${key} ${this.#expected(key)}`);
    if (!this.#isOnline) return;
    const fresh = open(this.#follows);
    for (const fact of this.cluster.values()) fresh.set({ ...fact, owner: this.#first.get(fact.uid)! });
    const seen = (index: PodIndex) => [...nodes.map((node) => index.owners(index.node(node)).join()), ...index.owned().filter(({ pods }) => pods > 0).map((owner) => `${owner.name} ${owner.pods}`)];
    assert.deepEqual(seen(this.index), seen(fresh));
    fresh.stop();
  }

  #expected(key: string): string {
    const fact = this.#told.get(key);
    if (fact !== undefined) return `known ${this.#first.get(fact.uid)! || '-'}`;
    const gone = this.gone.get(key);
    return gone !== undefined && clock.monotonicMs() < gone.untilMs ? `tombstone ${gone.owner || '-'}` : 'nothing';
  }
}

function known(index: PodIndex, entry: number): string {
  const state = index.state(entry);
  return state === 'known' || state === 'tombstone' ? `${state} ${index.owner(entry) ?? '-'}` : 'nothing';
}

describe.each([[true], [false]])('labels are followed: %j', (follows) => {
  test.each(Array.from({ length: 20 }, (_, i) => i + 1))('seed %i', async (seed) => {
    const world = new World(seed, follows);
    const steps: string[] = [];
    for (let i = 0; i < STEPS; i++) {
      steps.push(await world.step());
      await clock.settle();
      const { believed, now } = world.asker.compare();
      expect(believed, steps.slice(-12).join('\n')).toEqual(now);
      world.check();
    }
    world.index.stop();
  });
});
