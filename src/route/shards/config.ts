// tributary.shard_groups: destinations that share the series of one storage, such as the nodes of a cluster without a common address.

import { block, fail, key } from '../../config/schema.ts';
import type { Block } from '../../config/schema.ts';
import { listOf, mapOf, text, uint } from '../../config/types.ts';

export interface ShardGroupSettings {
  /** Its word in routes. */
  readonly name: string;
  /** Names of destinations. */
  readonly members: readonly string[];
  /** Labels that tell the members of a series; empty: all but `ignoreLabels`. */
  readonly shardBy: readonly string[];
  readonly ignoreLabels: readonly string[];
  /** How many members get each series. */
  readonly replicationFactor: number;
}

/** Every series is weighed for every member. */
const MEMBERS_MAX = 100;
/** Every choice of members that series of a target have is an image and a column per scrape. */
export const CHOICES_MAX = 200;

export const shardGroupKeys = {
  members: key(listOf(text, 'empty or null member'), [], 'Names of the destinations that share.', { limit: `required, 1 to ${MEMBERS_MAX}` }),
  shard_by: key(listOf(text, 'empty or null label'), [], 'Labels that tell which members get a series: series that agree in them stay together.', { defaultText: 'all labels' }),
  ignore_labels: key(listOf(text, 'empty or null label'), [], 'Labels that do not tell it, where all others do.', { limit: 'without shard_by' }),
  replication_factor: key(uint, 1, 'How many members get each series.', { limit: '1 to members' }),
};
export type ShardGroupBlock = Block<typeof shardGroupKeys>;

export const shardGroupsMap = mapOf(block(shardGroupKeys, { check: checkGroup }));

function checkGroup(at: ShardGroupBlock): void {
  const { members, shard_by: by, ignore_labels: ignored, replication_factor: factor } = at.values;
  if (by.length > 0 && ignored.length > 0) fail(at, 'ignore_labels', 'ignore_labels stands beside shard_by, expected one of the two');
  if (at.bad.has('members') || at.bad.has('replication_factor')) return;
  const { length } = members;
  if (length < 1 || length > MEMBERS_MAX) return fail(at, 'members', `${length} members are out of range, expected 1 to ${MEMBERS_MAX}`);
  const twice = members.find((name, i) => members.indexOf(name) < i);
  if (twice !== undefined) return fail(at, 'members', `${JSON.stringify(twice)} stands there twice, expected each member once`);
  if (factor < 1 || factor > length) return fail(at, 'replication_factor', `replication_factor ${factor} is out of range, expected 1 to the number of members, ${length}`);
  const choices = choicesOf(length, factor);
  if (choices > CHOICES_MAX) fail(at, 'replication_factor', `${factor} of ${length} members can be chosen in more than ${CHOICES_MAX} ways, expected fewer members, or groups of them`);
}

/** In how many ways `factor` of the members can be chosen; Infinity once it is beyond CHOICES_MAX. */
export function choicesOf(members: number, factor: number): number {
  let choices = 1;
  for (let i = 1; i <= Math.min(factor, members - factor); i++) {
    choices = (choices * (members - i + 1)) / i;
    if (choices > CHOICES_MAX) return Infinity;
  }
  return choices;
}

export function buildShardGroups(groups: ReadonlyMap<string, ShardGroupBlock>): ShardGroupSettings[] {
  return [...groups].map(([name, { values }]) => ({
    name,
    members: values.members,
    shardBy: values.shard_by,
    ignoreLabels: values.ignore_labels,
    replicationFactor: values.replication_factor,
  }));
}
