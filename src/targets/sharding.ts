// Which members scrape a target: rendezvous hashing on the target's final labels.

import { labelsKey } from '../model/labels.ts';
import type { Labels } from '../model/labels.ts';
import { heaviest, saltOfNumber } from '../model/rendezvous.ts';
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
  const salts = Array.from({ length: members }, (_, number) => saltOfNumber(number));
  const owners = (labels: Labels) => heaviest(labelsKey(labels), salts, replicationFactor);
  return { settings, owners, owns: (labels) => owners(labels).includes(member) };
}

/** `sharding: member 3 of 4`, or `sharding: members 1 and 3 of 4`. */
export function describeOwners(owners: readonly number[], members: number): string {
  const names = owners.length < 2 ? String(owners[0]) : `${owners.slice(0, -1).join(', ')} and ${owners.at(-1)}`;
  return `sharding: member${owners.length < 2 ? '' : 's'} ${names} of ${members}`;
}
