// Rendezvous hashing: which members of a group have something, told by its key. Every member is weighed for every key, the heaviest ones have it. A new member takes its
// share from all others and nothing else moves; when one leaves, only what it had does.
//
// Members that run different versions must agree, and a series must not move because of an update, so the weights must never change: golden tests hold them.

import { hash } from 'node:crypto';

/** What tells a member apart: a number that changes both words of every key. */
export type Salt = number;

/** Of a member that is known by its number, from 0. */
export function saltOfNumber(member: number): Salt {
  return mix(member + 1);
}

/** Of a member that is known by its name, wherever it stands in a list: the first four bytes of SHA-256. */
export function saltOfName(name: string): Salt {
  return hash('sha256', name, 'buffer').readUInt32BE(0);
}

/**
 * The places in `salts` of the `count` members that have a key, in ascending order. Weights are whole numbers below 2^53: the first eight bytes of SHA-256 over the key are
 * two words; each member's salt changes both, and they are mixed anew.
 */
export function heaviest(key: string, salts: readonly Salt[], count: number): number[] {
  const digest = hash('sha256', key, 'buffer');
  const high = digest.readInt32BE(0);
  const low = digest.readInt32BE(4);
  const weights = salts.map((salt) => mix(high ^ salt) * 2 ** 21 + (mix(low ^ Math.imul(salt, 0x9e3779b1)) >>> 11));
  const chosen: number[] = [];
  // Copies are few: looking for the heaviest that is left, as often as there are copies, is quicker than sorting.
  for (let i = 0; i < Math.min(count, salts.length); i++) {
    const place = weights.indexOf(Math.max(...weights));
    chosen.push(place);
    weights[place] = -1;
  }
  return chosen.sort((a, b) => a - b);
}

/** A bijection of 32 bits in which every bit of the input moves half of the output's. */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
