// Which members scrape a target: rendezvous hashing on the target's final labels. Every member is weighed for every target, the heaviest ones have
// it. A new member takes its share from all others and nothing else moves; when the last one leaves, only its targets do.
//
// Members that run different versions must agree, so the weights must never change: a golden test holds them.

import { hash } from 'node:crypto';
import { labelsKey } from '../model/labels.ts';
import type { Labels } from '../model/labels.ts';
import type { ShardingSettings } from './config.ts';

export interface Sharding {
  readonly settings: ShardingSettings;
  /** Whether this member scrapes a target with these labels. */
  owns(labels: Labels): boolean;
  /** The members that scrape it, in ascending order. */
  owners(labels: Labels): number[];
}

/** Undefined when there is one member, which has everything. */
export function createSharding(settings: ShardingSettings): Sharding | undefined {
  const { members, member, replicationFactor } = settings;
  if (members === 1) return undefined;
  const owners = (labels: Labels) => heaviest(weights(labels, members), replicationFactor);
  return { settings, owners, owns: (labels) => owners(labels).includes(member) };
}

/** `sharding: member 3 of 4`, or `sharding: members 1 and 3 of 4`. */
export function describeOwners(owners: readonly number[], members: number): string {
  const names = owners.length < 2 ? String(owners[0]) : `${owners.slice(0, -1).join(', ')} and ${owners.at(-1)}`;
  return `sharding: member${owners.length < 2 ? '' : 's'} ${names} of ${members}`;
}

/**
 * One weight per member, whole numbers below 2^53. The first eight bytes of SHA-256 over the labels (`name NUL value SOH` in order of names) are two
 * words; each member's number changes both, and they are mixed anew.
 */
function weights(labels: Labels, members: number): number[] {
  const digest = hash('sha256', labelsKey(labels), 'buffer');
  const high = digest.readInt32BE(0);
  const low = digest.readInt32BE(4);
  return Array.from({ length: members }, (_, member) => {
    const salt = mix(member + 1);
    return mix(high ^ salt) * 2 ** 21 + (mix(low ^ Math.imul(salt, 0x9e3779b1)) >>> 11);
  });
}

/** A bijection of 32 bits in which every bit of the input moves half of the output's. */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function heaviest(all: readonly number[], count: number): number[] {
  const order = [...all.keys()].sort((a, b) => all[b]! - all[a]! || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}
