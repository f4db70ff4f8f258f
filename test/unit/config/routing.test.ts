// tributary.routing: what is read, and what is refused where it stands.

import { describe, expect, test } from 'vitest';
import { indent, loaded, problems, remarks } from './helper.ts';

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
  test('a destination whose name is too long for the folder of its queue', () => {
    expect(problems(`remote_write:\n- {name: ${'x'.repeat(240)}, url: "http://u/"}\n`)).toEqual([]);
    expect(problems(`remote_write:\n- {name: ${'x'.repeat(241)}, url: "http://u/"}\n`).join()).toContain('needs 1 to 240 bytes as a folder name, got 241');
  });
  test('a destination of the name of those that wait', () => expect(problems('remote_write:\n- {name: (unresolved), url: "http://u/"}\n').join()).toContain('expected another name'));
  test.each([
    ['a namespace pattern without a group', `${catchAll}\nowner: {namespace: 'hero-user-.+'}`, 'has no group'],
    ['a namespace pattern with two groups', `${catchAll}\nowner: {namespace: '(a)-(b)'}`, 'has 2 groups'],
    ['a namespace pattern that is none', `${catchAll}\nowner: {namespace: '('}`, 'expected a regular expression'],
    ['owners that are kept for longer than anybody reports a pod', `${catchAll}\nowner: {tombstone: 2d}`, 'expected at most 24h'],
    ['a selector with a pattern that is none', "routes: [{match: ['{a=~\"(\"}'], to: [user]}]", 'expected a series selector'],
    ['a selector that is none', "routes: [{match: ['{a='], to: [user]}]", 'expected a series selector'],
    ['a route to nowhere that does not say so', 'routes: [{}]', 'to is empty'],
    ['none beside others', 'routes: [{to: [none, user]}]', 'expected it alone'],
    ['a rule without an owner', `${catchAll}\nowner: {rules: [{match: ['{a="b"}']}]}`, 'owner is empty'],
    ['a policy that is none', `${catchAll}\njobs: {j: {without_pod: maybe}}`, 'unknown policy "maybe"'],
    ['a job pattern that is none', `${catchAll}\njobs: {'(': {}}`, 'expected a regular expression'],
    ['a destination that does not exist', 'routes: [{to: [usr]}]', 'no remote_write is named "usr", the nearest name is user'],
    ['an unknown destination for series without an owner', `${catchAll}\nunowned: [x]`, 'tributary.routing.unowned: no remote_write is named "x"'],
    ['an unknown destination in a policy', `${catchAll}\njobs: {j: {without_pod: [x]}}`, 'no remote_write is named "x"'],
    ['a selector that can never match', "routes: [{match: ['{a=\"x\",a=~\"y.*\"}'], to: [user]}]", 'can never match'],
    ['a route to the owner without owners', 'routes: [{to: [owner]}]', 'nothing tells owners'],
    ['a negative budget', 'routes: [{to: [user], samples_per_second: -1}]', 'expected 0 or more'],
  ])('%s', (_what, lines, expected) => expect(problems(routing(lines)).join('\n')).toContain(expected));
});

test('a destination cannot be called as a word of routes', () => {
  expect(problems('remote_write: [{name: all, url: "http://a/"}]\ntributary: {routing: {routes: [{to: [all]}]}}\n').join()).toContain('has a meaning of its own');
});

describe('what deserves a warning', () => {
  const jobs = 'scrape_configs: [{job_name: app, static_configs: [{targets: ["h:1"]}]}]\n';
  const found = (text: string) => remarks(text).join('\n');

  test('a selector that matches no job', () => expect(found(jobs + routing("routes: [{match: ['{job=\"ap\"}'], to: [user]}]"))).toContain('matches no job: they are app'));
  test('none where jobs are renamed', () => {
    const renamed = 'scrape_configs: [{job_name: app, relabel_configs: [{target_label: job, replacement: ap}], static_configs: [{targets: ["h:1"]}]}]\n';
    expect(found(renamed + routing("routes: [{match: ['{job=\"ap\"}'], to: [user]}]"))).toBe('');
  });
  test('a route behind one that takes everything', () => expect(found(routing('routes: [{to: [user]}, {to: [a]}]'))).toContain('is never reached: route 1 takes everything'));
  test('a route to the owner while no destination has one', () => {
    expect(found(`${head}tributary: {routing: {owner: {namespace: 'u-(.+)'}, routes: [{to: [owner, user]}]}}\n`)).toContain('no destination has an owner');
  });
});

describe('write rules that can never match', () => {
  const rules = (rule: string) => `remote_write: [{name: a, url: "http://a/", write_relabel_configs: [${rule}]}]\n`;
  const byNamespace = 'source_labels: [__meta_kubernetes_namespace], regex: hero-user-b';
  const job = (name: string, more = 'static_configs: [{targets: ["h:1"]}]') => `scrape_configs: [{job_name: ${name}, ${more}}]\n`;

  test.each([
    ['drop', `{${byNamespace}, action: drop}`, 'never matches: nothing has the label __meta_kubernetes_namespace'],
    ['keep', `{${byNamespace}, action: keep}`, 'drops everything: nothing has the label __meta_kubernetes_namespace'],
    ['replace', `{${byNamespace}, target_label: x, replacement: y}`, 'never matches'],
    ['the owner without owners', '{source_labels: [__owner__], regex: b, action: drop}', 'nothing has the label __owner__'],
  ])('%s', (_what, rule, expected) => expect(remarks(job('app') + rules(rule)).join()).toContain(expected));
  test.each([
    ['a job that speaks about others has the label', job('cadvisor'), `{${byNamespace}, action: drop}`],
    ['a static target may bring it', job('app', 'static_configs: [{targets: ["h:1"], labels: {__meta_kubernetes_namespace: n}}]'), `{${byNamespace}, action: drop}`],
    ['a list of targets may bring it', job('app', 'file_sd_configs: [{files: [x.json]}]'), `{${byNamespace}, action: drop}`],
    ['a rule before it may', job('app'), '{target_label: __tmp, replacement: x}, {source_labels: [__tmp], regex: x, action: drop}'],
    ['it matches what is absent', job('app'), '{source_labels: [__meta_x], regex: "", action: drop}'],
    ['other labels', job('app'), '{source_labels: [pod, __meta_x], regex: "a;", action: drop}'],
    ['every target has an address', job('app'), '{source_labels: [__address__], regex: "h:1", action: drop}'],
  ])('no remark: %s', (_what, jobs, rule) => expect(remarks(jobs + rules(rule))).toEqual([]));
});
