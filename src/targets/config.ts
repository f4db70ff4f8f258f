// tributary.sharding: how several collectors with one configuration share the targets.

import { block, fail, key, optional } from '../config/schema.ts';
import type { Block } from '../config/schema.ts';
import { uint } from '../config/types.ts';

export interface ShardingSettings {
  /** Collectors that share the targets; 1 is no sharding. */
  readonly members: number;
  /** Which of them this one is, from 0. */
  readonly member: number;
  /** How many members scrape each target. */
  readonly replicationFactor: number;
}

/** Every target is weighed for every member. */
const MEMBERS_MAX = 1000;

export const shardingKeys = {
  members: key(uint, 1, 'Collectors that share the targets, all with this configuration.', { limit: `1 to ${MEMBERS_MAX}` }),
  member: optional(uint, 'Which of them this one is.', {
    limit: 'below members', defaultText: '`TRIBUTARY_MEMBER` of the environment, else the number at the end of the host name, as in `tributary-2`',
  }),
  replication_factor: key(uint, 1, 'How many members scrape each target: with 2 a member may be down without a gap. The storage has to deduplicate.', { limit: '1 to members' }),
};
export type ShardingBlock = Block<typeof shardingKeys>;

export const shardingBlock = block(shardingKeys, { nullIsDefault: true, check: checkSharding });

function checkSharding(at: ShardingBlock): void {
  const { members, member, replication_factor: factor } = at.values;
  if (members < 1 || members > MEMBERS_MAX) return fail(at, 'members', `${members} members are out of range, expected 1 to ${MEMBERS_MAX}`);
  if (member !== undefined && member >= members) fail(at, 'member', `member ${member} does not exist among ${members}, expected ${expected(members)}`);
  if (factor < 1 || factor > members) fail(at, 'replication_factor', `replication_factor ${factor} is out of range, expected 1 to members, ${members}`);
}

function expected(members: number): string {
  return members === 1 ? '0' : `0 to ${members - 1}`;
}

/** What tells a member apart from the others where the configuration does not. */
export interface MemberSource {
  /** `TRIBUTARY_MEMBER`; '' counts as not set. */
  readonly environment?: string | undefined;
  readonly hostName: string;
}

/** A member that cannot be told is reported, and is 0 then. */
export function buildSharding(at: ShardingBlock, source: MemberSource): ShardingSettings {
  const { members, member, replication_factor: replicationFactor } = at.values;
  return { members, member: members === 1 ? 0 : (member ?? readMember(at, source)), replicationFactor };
}

function readMember(at: ShardingBlock, { environment = '', hostName }: MemberSource): number {
  const { members } = at.values;
  const isSet = environment !== '';
  const text = isSet ? environment : (/-(\d{1,9})$/.exec(hostName.split('.')[0] ?? '')?.[1] ?? '');
  const number = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (number !== undefined && number < members) return number;
  const where = isSet ? `TRIBUTARY_MEMBER=${JSON.stringify(environment)}` : `the host name ${JSON.stringify(hostName)}`;
  const wrong = number === undefined ? `${where} ${isSet ? 'is no number' : 'does not end in a number'}` : `${where} names member ${number}, which does not exist among ${members}`;
  fail(at, 'members', `it cannot be told which member this is: ${wrong}, expected ${expected(members)} from member, TRIBUTARY_MEMBER or a host name such as tributary-0`);
  return 0;
}
