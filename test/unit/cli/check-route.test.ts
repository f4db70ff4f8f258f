// `check route`: the way of a series under a configuration, in lines for people and one for programs.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRoute } from '../../../src/cli/check-route.ts';
import { parseCommandLine } from '../../../src/cli/flags.ts';
import type { SeriesExplanation } from '../../../src/series/explain.ts';

const config = `
global: {external_labels: {cluster: c1}}
remote_write:
- {name: a, url: "http://a/", write_relabel_configs: [{source_labels: [pod], target_label: workload}, {source_labels: [__name__], regex: secret_.*, action: drop}]}
- {name: user, url: "http://u/"}
- {name: vm-1, url: "http://vm-1/"}
- {name: vm-2, url: "http://vm-2/"}
- {name: vm-3, url: "http://vm-3/"}
tributary:
  shard_groups: {storage: {members: [vm-1, vm-2, vm-3], shard_by: [pod], replication_factor: 2}}
  destinations: {a: {owner: a, replica_label: {name: __replica__, value: r0}}}
  routing:
    owner: {namespace: 'hero-user-(.+)'}
    routes:
    - {match: ['{job="cadvisor"}'], to: [owner, user]}
    - {match: ['{job="none"}'], to: [none]}
    - {match: ['{job="shared"}'], to: [storage]}
`;

let folder = '';
let file = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-route-'));
  file = join(folder, 'config.yml');
  writeFileSync(file, config);
});
afterAll(() => rmSync(folder, { recursive: true }));

function ask(series: string): { code: number; lines: string[]; answer: Partial<SeriesExplanation> & { error?: string } } {
  const lines: string[] = [];
  const code = checkRoute(file, series, (line) => void lines.push(line));
  return { code, lines, answer: JSON.parse(lines.at(-1)!) as SeriesExplanation };
}

describe('the way of a series', () => {
  test('owner, route, destinations and what write rules do', () => {
    const { code, lines, answer } = ask('m{job="cadvisor",namespace="hero-user-a",pod="p"}');
    expect(code).toBe(0);
    expect(lines.slice(0, -1)).toEqual([
      'series      {cluster="c1", __name__="m", job="cadvisor", namespace="hero-user-a", pod="p"}',
      'provenance  {__meta_kubernetes_namespace="hero-user-a", __meta_kubernetes_pod_name="p", __owner__="a"}',
      'owner       a (named_namespace)',
      'index       pod hero-user-a/p: not known here',
      'route 1     matches {job="cadvisor"}: to owner, user',
      'goes to     a, user',
      'a: write rule 1 changed it: workload = $1 where pod =~ (.*)',
      'a: sent as {__name__="m", __replica__="r0", cluster="c1", job="cadvisor", namespace="hero-user-a", pod="p", workload="p"}',
      'user: sent as {__name__="m", cluster="c1", job="cadvisor", namespace="hero-user-a", pod="p"}',
    ]);
    expect(answer.destinations).toEqual(['a', 'user']);
  });
  test('the write rule that drops it', () => expect(ask('secret_x{job="cadvisor",namespace="hero-user-a"}').lines).toContain('a: write rule 2 dropped it: drop __name__ =~ secret_.*'));
  test('the members of a shard group, and what told them', () => {
    const { lines, answer } = ask('m{job="shared",pod="p"}');
    expect(lines).toContain('shard       storage: vm-1, vm-2, 2 of 3, by {pod="p"}');
    expect(answer).toMatchObject({ destinations: ['vm-1', 'vm-2'], shards: [{ group: 'storage', by: { pod: 'p' }, members: ['vm-1', 'vm-2'], of: 3 }] });
  });
  test('no route', () => expect(ask('m{job="x"}').answer).toMatchObject({ destinations: [], unrouted: { reason: 'no_route' } }));
  test('an owner without a destination', () => expect(ask('m{job="cadvisor",namespace="hero-user-z"}').answer).toMatchObject({ destinations: ['user'], unrouted: { reason: 'unowned', owner: 'z' } }));
  test('the scraped pod, by its provenance', () => expect(ask('m{job="none",__meta_kubernetes_namespace="hero-user-a"}').answer).toMatchObject({ owner: 'a', ownerSource: 'scraped_namespace', unrouted: { reason: 'none' } }));
});

describe('what is refused', () => {
  test.each([
    ['no selector', '{a=', 'expected'],
    ['a comparison', '{a=~"b"}', 'label a is compared with =~'],
    ['alternatives', '{a="b" or c="d"}', 'alternatives'],
  ])('%s', (_what, series, expected) => {
    const { code, answer } = ask(series);
    expect([code, answer.error]).toEqual([1, expect.stringContaining(expected)]);
  });
  test('a bad file', () => expect(checkRoute(join(folder, 'absent.yml'), '{a="b"}', () => undefined)).toBe(1));
});

test('the command line', () => {
  expect(parseCommandLine(['check', 'route', '--config.file=x.yml', 'up{}'])).toEqual({ kind: 'check-route', file: 'x.yml', series: 'up{}' });
  expect(parseCommandLine(['check', 'route'])).toMatchObject({ kind: 'error' });
});
