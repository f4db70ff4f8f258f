// Random bodies to random receivers over a link with faults, from printed seeds: every sample ends stored, in quarantine or counted, the samples of a
// series arrive in order, and what is settled is what happened.

import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { createDeliveryWorld, series, type DeliveryWorld, type ScriptedAnswer, type SentBody } from './delivery-world.ts';

const SEEDS = 60;
const START_MS = 1_700_000_000_000;

/** `rollback` stores nothing of a body with something bad in it, `partial` the rest; `any` takes what is repeated or old. */
type Personality = { readonly name: string; readonly settings: Parameters<typeof createDeliveryWorld>[0]; readonly order: 'kept' | 'any'; readonly onBad: 'rollback' | 'partial'; readonly speaks2: boolean };

const PERSONALITIES: readonly Personality[] = [
  { name: 'Prometheus, 1.0', settings: { profile: 'prometheus', protobufMessage: 'prometheus.WriteRequest' }, order: 'kept', onBad: 'rollback', speaks2: false },
  { name: 'Prometheus that reads 2.0 as nothing', settings: { profile: 'prometheus' }, order: 'kept', onBad: 'rollback', speaks2: false },
  { name: 'Mimir, 2.0', settings: { profile: 'mimir' }, order: 'kept', onBad: 'partial', speaks2: true },
  { name: 'VictoriaMetrics', settings: { profile: 'victoriametrics' }, order: 'any', onBad: 'rollback', speaks2: false },
];

class FakeReceiver {
  readonly stored = new Map<string, number[]>();
  readonly outOfOrder: string[] = [];
  readonly #personality: Personality;
  readonly #isBad: (name: string) => boolean;

  constructor(personality: Personality, isBad: (name: string) => boolean) {
    this.#personality = personality;
    this.#isBad = isBad;
  }

  receive(one: SentBody): ScriptedAnswer {
    const { order, onBad, speaks2 } = this.#personality;
    const is2 = one.protocol.startsWith('2.0');
    if (is2 && !speaks2) return 204;
    const samples = one.content.series.flatMap(({ labels, samples: list }) => list.map(({ timestampMs }) => ({ name: labels[0]![1], timestampMs })));
    const newest = new Map([...this.stored].map(([name, times]) => [name, times.at(-1)!]));
    const good = samples.filter(({ name, timestampMs }) => {
      const isTaken = !this.#isBad(name) && (order === 'any' || timestampMs >= (newest.get(name) ?? 0));
      if (isTaken) newest.set(name, timestampMs);
      return isTaken;
    });
    if (good.length < samples.length && onBad === 'rollback') return 400;
    for (const { name, timestampMs } of good) this.#store(name, timestampMs);
    const written = is2 ? { samples: good.length, histograms: 0, exemplars: 0 } : undefined;
    return { status: good.length < samples.length ? 400 : 204, written };
  }

  #store(name: string, timestampMs: number): void {
    const times = this.stored.get(name) ?? [];
    this.stored.set(name, times);
    if (times.includes(timestampMs)) return;
    if (timestampMs < (times.at(-1) ?? 0)) this.outOfOrder.push(name);
    times.push(timestampMs);
  }
}

/** A link that fails before or after the receiver has got the body, or in its place; a gate that probes and changes its mind about sizes. */
function breakThings(world: DeliveryWorld, receiver: FakeReceiver, random: ReturnType<typeof seededRandom>): void {
  world.answer = (one) => {
    const fault = random.next();
    world.itemsMax = random.next() < 0.1 ? 1 + Math.floor(random.next() * 40) : Number.POSITIVE_INFINITY;
    if (fault < 0.05) return { error: 'timeout' };
    if (fault < 0.1) return { error: 'refused', sentBody: false };
    if (fault < 0.15) return [503, 429, 401, 408][Math.floor(random.next() * 4)]!;
    const answer = receiver.receive(one);
    if (fault < 0.25) return fault < 0.2 ? { error: 'connection' } : 502;
    return answer;
  };
  world.admission = () => (random.next() < 0.1 ? 'probe' : 'go');
}

for (const personality of PERSONALITIES) {
  describe(`${personality.name}, seeds 1 to ${SEEDS}`, () => {
    const check = async (withBad: boolean) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        expect({ seed, ...(await deliverRandom(personality, seed, withBad)) }).toEqual({ seed, isComplete: true, missing: [], outOfOrder: [], uncounted: 0, underWay: 0 });
      }
    };
    it('everything arrives once and in order', () => check(false));
    it('a series is refused: it alone is missing', () => check(true));
  });
}

async function deliverRandom(personality: Personality, seed: number, withBad: boolean) {
  const random = seededRandom(seed);
  const upTo = (most: number) => Math.floor(random.next() * most);
  const world = createDeliveryWorld(personality.settings);
  const names = Array.from({ length: 1 + upTo(60) }, (_, i) => `m${i}`);
  const bad = new Set(withBad ? [names[upTo(names.length)]!] : []);
  const receiver = new FakeReceiver(personality, (name) => bad.has(name));
  breakThings(world, receiver, random);
  const sums = { rejected: 0, deduplicated: 0 };
  let isComplete = true;
  const sent = new Map<string, number[]>();
  for (let round = 0; round < 4; round++) {
    const times = Array.from({ length: 1 + upTo(4) }, (_, i) => START_MS + round * 1000 + i);
    const result = await world.deliver(names.map((name) => series(name, times)));
    for (const name of names) sent.set(name, [...(sent.get(name) ?? []), ...times]);
    isComplete &&= result.isComplete;
    sums.rejected += result.settled.rejected;
    sums.deduplicated += result.settled.deduplicated;
  }
  const isStored = (name: string, time: number) => receiver.stored.get(name)?.includes(time) === true;
  const isKept = (name: string, time: number) => world.quarantined.some(({ content }) => content.series.some((one) => one.labels[0]![1] === name && one.samples.some((sample) => sample.timestampMs === time)));
  const gone = [...sent].flatMap(([name, times]) => times.filter((time) => !isStored(name, time) && !isKept(name, time)).map((time) => ({ name, time })));
  return {
    isComplete, missing: gone.filter(({ name }) => !bad.has(name)), outOfOrder: receiver.outOfOrder,
    // Of bad series: what is not in quarantine is counted as rejected, or as deduplicated where an earlier try may have stored it.
    uncounted: personality.onBad === 'rollback' ? Math.max(0, gone.length - sums.rejected - sums.deduplicated) : 0,
    underWay: world.underWay,
  };
}
