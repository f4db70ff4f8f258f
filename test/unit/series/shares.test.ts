// Counts of series by owner and namespace, against a plain map, over seeded sequences of what may happen to a series.

import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/io/random.ts';
import { Shares } from '../../../src/series/shares.ts';
import type { About } from '../../../src/series/shares.ts';

const names = ['', 'a', 'b'];

function countOf(known: ReadonlyMap<number, About>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { owner, namespace } of known.values()) counts[`${owner}/${namespace}`] = (counts[`${owner}/${namespace}`] ?? 0) + 1;
  return counts;
}

const shown = (shares: Shares) => Object.fromEntries([...shares].map(({ owner, namespace, series }) => [`${owner}/${namespace}`, series]));

test.each([1, 2, 3])('counts are those of a plain map (seed %i)', (seed) => {
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random.next() * n);
  const known = new Map<number, About>();
  let capacity = 8;
  const shares = new Shares(capacity);
  for (let step = 0; step < 1000; step++) {
    if (step % 200 === 199) shares.grow((capacity *= 2));
    const id = below(capacity);
    const about = below(3) === 0 ? undefined : { owner: names[below(3)]!, namespace: names[below(3)]! };
    shares.set(id, about);
    if (about === undefined) known.delete(id);
    else known.set(id, about);
    expect(shown(shares)).toEqual(countOf(known));
  }
});
