// Randomness that can be replayed: a seed from the environment, or a fresh one that the test prints.

import { randomInt } from 'node:crypto';

/** TRIBUTARY_SEED when it is set, else a new one. */
export function pickSeed(): number {
  const given = process.env['TRIBUTARY_SEED'];
  return given === undefined ? randomInt(2 ** 31) : Number(given);
}

/** Numbers from 0 (included) to 1, always the same for a seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
