import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

function load(sharding: string, { hostName = 'tributary-2', env = {} }: { hostName?: string; env?: NodeJS.ProcessEnv } = {}) {
  const text = `tributary:\n  sharding: ${sharding}\n`;
  return loadConfig('/etc/t.yml', { readFile: () => Buffer.from(text), hostName, env });
}

const settings = (...args: Parameters<typeof load>) => {
  const result = load(...args);
  return result.ok ? result.config.settings.sharding : result.problems.map(formatProblem);
};

describe('tributary.sharding', () => {
  test('is one member by default, whatever the host is named', () =>
    expect(settings('{}', { hostName: 'tributary-7' })).toEqual({ members: 1, member: 0, replicationFactor: 1 }));
  test.each<[string, string, Parameters<typeof load>[1], number]>([
    ['the number at the end of the host name', '{members: 3}', {}, 2],
    ['of its first part', '{members: 3}', { hostName: 'tributary-1.tributary.monitoring.svc.cluster.local' }, 1],
    ['the environment goes before the host name', '{members: 3}', { env: { TRIBUTARY_MEMBER: '0' } }, 0],
    ['an empty one does not', '{members: 3}', { env: { TRIBUTARY_MEMBER: '' } }, 2],
    ['the configuration goes before both', '{members: 3, member: 1}', { env: { TRIBUTARY_MEMBER: '0' } }, 1],
  ])('the member is %s', (_rule, text, options, member) => expect(settings(text, options)).toEqual({ members: 3, member, replicationFactor: 1 }));

  const cannot = 'it cannot be told which member this is';
  const from = 'expected 0 to 2 from member, TRIBUTARY_MEMBER or a host name such as tributary-0';
  test.each<[string, string, Parameters<typeof load>[1], string]>([
    ['no members at all', '{members: 0}', {}, 'members: 0 members are out of range, expected 1 to 1000'],
    ['a member that does not exist', '{members: 3, member: 3}', {}, 'member: member 3 does not exist among 3, expected 0 to 2'],
    ['more copies than members', '{members: 3, replication_factor: 4}', {}, 'replication_factor: replication_factor 4 is out of range, expected 1 to members, 3'],
    ['no copies', '{members: 3, replication_factor: 0}', {}, 'replication_factor: replication_factor 0 is out of range, expected 1 to members, 3'],
    ['a host name without a number', '{members: 3}', { hostName: 'laptop' }, `members: ${cannot}: the host name "laptop" does not end in a number, ${from}`],
    ['a host name that only ends like one', '{members: 3}', { hostName: 'node12' }, `members: ${cannot}: the host name "node12" does not end in a number, ${from}`],
    ['a pod beyond the members', '{members: 3}', { hostName: 't-3' }, `members: ${cannot}: the host name "t-3" names member 3, which does not exist among 3, ${from}`],
    ['a wrong environment', '{members: 3}', { env: { TRIBUTARY_MEMBER: 'one' } }, `members: ${cannot}: TRIBUTARY_MEMBER="one" is no number, ${from}`],
  ])('refuses %s', (_rule, text, options, problem) => {
    const found = settings(text, options) as string[];
    expect(found.length).toBe(1);
    expect(found[0]).toMatch(/^\/etc\/t\.yml:2:\d+: tributary\.sharding\./);
    expect(found[0]!.split('tributary.sharding.')[1]).toBe(problem);
  });
  test('the effective configuration loads again to the same', () => {
    const first = load('{members: 3, replication_factor: 2}');
    if (!first.ok) throw new Error(JSON.stringify(first.problems));
    const again = loadConfig('/etc/t.yml', { readFile: () => Buffer.from(first.config.yaml), hostName: 'tributary-2', env: {} });
    expect(again.ok && again.config.settings.sharding).toEqual({ members: 3, member: 2, replicationFactor: 2 });
  });
});
