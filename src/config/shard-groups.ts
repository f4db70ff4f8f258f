// Checks of shard groups that need the destinations: members that exist, in one group each, of one owner; names that are not taken.

import type { RemoteWriteBlock } from '../destinations/config.ts';
import { nearest } from '../model/nearest.ts';
import { CHOICES_MAX, choicesOf } from '../route/shards/config.ts';
import type { ShardGroupBlock } from '../route/shards/config.ts';
import { fail, joinPath, report } from './schema.ts';
import type { TributaryBlock } from './top.ts';

/** Members of a group may differ between series of one target in as many ways as all groups together allow: each is a branch with images of its own. */
const COMBINED_MAX = 10_000;
/** Words of routes that are not names. */
const words = ['owner', 'all', 'none'];

export function checkShardGroups(at: TributaryBlock, entries: readonly RemoteWriteBlock[]): void {
  const names = entries.map((entry) => entry.values.name).filter((name) => name !== '');
  const groupOf = new Map<string, string>();
  for (const [name, group] of at.values.shard_groups) {
    checkName(at, name, group, names);
    for (const member of group.values.members) {
      checkMember(group, member, names);
      const other = groupOf.get(member);
      if (other !== undefined && other !== name) fail(group, 'members', `${JSON.stringify(member)} is a member of ${other} as well, expected each destination in one group`);
      groupOf.set(member, name);
    }
    checkOwners(at, group);
  }
  const combined = [...at.values.shard_groups.values()].reduce((product, { values }) => product * choicesOf(values.members.length, values.replication_factor), 1);
  if (Number.isFinite(combined) && combined > COMBINED_MAX) fail(at, 'shard_groups', `members of all groups can be chosen in ${combined} ways together, expected at most ${COMBINED_MAX} (${CHOICES_MAX} each)`);
}

function checkName(at: TributaryBlock, name: string, group: ShardGroupBlock, names: readonly string[]): void {
  const path = joinPath('tributary.shard_groups', name);
  const place = group.at.line === 0 ? at.at : group.at;
  if (words.includes(name)) report(at.context, place, path, `${JSON.stringify(name)} has a meaning of its own in routes, expected another name`);
  else if (names.includes(name)) report(at.context, place, path, `a remote_write is named ${JSON.stringify(name)}, expected another name for the group`);
}

function checkMember(group: ShardGroupBlock, member: string, names: readonly string[]): void {
  if (names.includes(member)) return;
  const close = nearest(member, names);
  const expected = names.length === 0 ? 'no remote_write has a name' : close === undefined ? `expected one of ${names.join(', ')}` : `the nearest name is ${close}`;
  fail(group, 'members', `no remote_write is named ${JSON.stringify(member)}, ${expected}`);
}

/** A route to an owner leads to the whole group. */
function checkOwners({ values: { destinations } }: TributaryBlock, group: ShardGroupBlock): void {
  const owners = new Set(group.values.members.map((member) => destinations.get(member)?.values.owner ?? ''));
  if (owners.size > 1) fail(group, 'members', `the members have different owners (${[...owners].map((owner) => owner || 'none').join(', ')}), expected one for all of them`);
}

/** Destinations that routes cannot name alone, with their groups. */
export function membersOfGroups({ values }: TributaryBlock): ReadonlyMap<string, string> {
  return new Map([...values.shard_groups].flatMap(([name, group]) => group.values.members.map((member) => [member, name] as const)));
}
