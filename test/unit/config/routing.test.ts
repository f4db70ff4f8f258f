// tributary.routing: what is read, and what is refused where it stands.

import { describe, expect, test } from 'vitest';
import { indent, loaded, problems } from './helper.ts';

const head = 'remote_write:\n- {name: a, url: "http://a/"}\n- {name: user, url: "http://u/"}\n';
const routing = (lines: string) => `${head}tributary:\n  destinations: {a: {owner: a}}\n  routing:\n${indent(lines, 4)}\n`;
const catchAll = 'routes: [{to: [user]}]';

describe('what is read', () => {
  test('without the block there is no routing', () => expect(loaded(head).settings.routing).toBeUndefined());
  test('owner, routes and defaults', () => {
    const text = routing("owner: {pod_label: cluster_id, namespace: 'hero-user-(.+)'}\nroutes:\n- {match: ['{job=\"x\"}'], to: [owner, user], samples_per_second: 100}\n- {to: [none]}");
    expect(loaded(text).settings.routing).toEqual({
      owner: { rules: [], podLabel: 'cluster_id', namespace: 'hero-user-(.+)', followsLabels: false, tombstoneMs: 600_000 },
      jobs: [],
      unowned: [],
      routes: [
        { match: ['{job="x"}'], to: ['owner', 'user'], continue: false, samplesPerSecond: 100, overBudget: 'thin' },
        { match: [], to: [], continue: false, samplesPerSecond: 0, overBudget: 'thin' },
      ],
    });
  });
  test('labels that are followed, and how long owners are kept', () => {
    const { owner } = loaded(routing(`${catchAll}\nowner: {pod_label: cluster_id, follow_labels: true, tombstone: 1h}`)).settings.routing!;
    expect(owner).toMatchObject({ followsLabels: true, tombstoneMs: 3_600_000 });
  });
  test('policies of jobs', () => {
    const [job] = loaded(routing(`${catchAll}\njobs: {my-exporter: {about_others: true, pod_labels: [k8s_pod], without_pod: [user]}}`)).settings.routing!.jobs;
    expect(job).toEqual({ job: 'my-exporter', aboutOthers: true, namespaceLabels: ['exported_namespace', 'namespace'], podLabels: ['k8s_pod'], nodeLabels: ['exported_node', 'node', 'Hostname'], namespaceOnly: 'namespace', withoutPod: ['user'] });
  });
  test('the replica label takes its value from the environment', () => {
    const text = `${head}tributary: {destinations: {a: {replica_label: {name: __replica__, value: '\${POD}-x'}}}}\n`;
    expect(loaded(text, { POD: 'p0' }).settings.destinations[0]!.replicaLabel).toEqual({ name: '__replica__', value: 'p0-x' });
  });
});

describe('what is refused', () => {
  test.each([
    ['a namespace pattern without a group', `${catchAll}\nowner: {namespace: 'hero-user-.+'}`, 'has no group'],
    ['a namespace pattern with two groups', `${catchAll}\nowner: {namespace: '(a)-(b)'}`, 'has 2 groups'],
    ['a namespace pattern that is none', `${catchAll}\nowner: {namespace: '('}`, 'expected a regular expression'],
    ['owners that are kept for longer than anybody reports a pod', `${catchAll}\nowner: {tombstone: 2d}`, 'expected at most 24h'],
    ['a selector that is none', "routes: [{match: ['{a='], to: [user]}]", 'expected a series selector'],
    ['a route to nowhere that does not say so', 'routes: [{}]', 'to is empty'],
    ['none beside others', 'routes: [{to: [none, user]}]', 'expected it alone'],
    ['a rule without an owner', `${catchAll}\nowner: {rules: [{match: ['{a="b"}']}]}`, 'owner is empty'],
    ['a policy that is none', `${catchAll}\njobs: {j: {without_pod: maybe}}`, 'unknown policy "maybe"'],
    ['a job pattern that is none', `${catchAll}\njobs: {'(': {}}`, 'expected a regular expression'],
    ['a negative budget', 'routes: [{to: [user], samples_per_second: -1}]', 'expected 0 or more'],
  ])('%s', (_what, lines, expected) => expect(problems(routing(lines)).join('\n')).toContain(expected));
});
