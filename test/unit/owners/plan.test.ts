import { describe, expect, test } from 'vitest';
import type { OwnersPlan } from '../../../src/owners/plan.ts';
import { planOwners } from '../../../src/owners/plan.ts';
import { indent, loaded } from '../config/helper.ts';

function plan(owner: string, jobs = '{}', scrape: readonly string[] = []): OwnersPlan {
  const written = `remote_write:\n- {name: u, url: "http://u/"}\nscrape_configs:${scrape.length === 0 ? ' []' : ''}\n${scrape.map((job, i) => `- job_name: j${i}\n${indent(job, 2)}\n`).join('')}`;
  const { settings } = loaded(`${written}tributary:\n  routing:\n    owner: ${owner}\n    jobs: ${jobs}\n    routes: [{to: [u]}]\n`);
  return planOwners({ ...settings, routing: settings.routing! });
}

const sd = (lines: string) => `kubernetes_sd_configs: [${lines}]`;

describe('what is watched', () => {
  test.each([
    ['nothing where namespaces are enough', plan("{namespace: 'user-(.+)'}").kind, undefined],
    ['metadata of pods where their label counts', plan('{pod_label: id}').kind, 'podmetadata'],
    ['whole pods where a policy asks for nodes', plan('{pod_label: id}', '{x: {without_pod: node_owners}}').kind, 'pods'],
    ['whole pods also without a label', plan("{namespace: 'user-(.+)'}", '{x: {namespace_only: node_owners}}').kind, 'pods'],
    ['whole pods where discovery watches them anyway', plan('{pod_label: id}', '{}', [sd('{role: pod}')]).kind, 'pods'],
    ['also for endpoints', plan('{pod_label: id}', '{}', [sd('{role: endpointslice}')]).kind, 'pods'],
    ['metadata where discovery watches other kinds', plan('{pod_label: id}', '{}', [sd('{role: node}')]).kind, 'podmetadata'],
    ['metadata where discovery watches some namespaces', plan('{pod_label: id}', '{}', [sd('{role: pod, namespaces: {names: [x]}}')]).kind, 'podmetadata'],
    ['metadata where discovery selects pods', plan('{pod_label: id}', '{}', [sd('{role: pod, selectors: [{role: pod, label: a=b}]}')]).kind, 'podmetadata'],
    ['metadata where discovery asks another server', plan('{pod_label: id}', '{}', [sd('{role: pod, api_server: "http://k/"}')]).kind, 'podmetadata'],
  ])('%s', (_what, kind, expected) => expect(kind).toBe(expected));
});

describe('how long the watch has to tell', () => {
  test.each([
    ['15 s without jobs', [], 15_000],
    ['the longest interval', ['scrape_interval: 10s', 'scrape_interval: 30s'], 30_000],
    ['a minute at most', ['scrape_interval: 10m'], 60_000],
  ])('%s', (_what, scrape, expected) => expect(plan('{pod_label: id}', '{}', scrape).waitMs).toBe(expected));
});
