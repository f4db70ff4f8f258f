// Who owns a series: the order in which it is looked for, and whose labels count.

import { describe, expect, test } from 'vitest';
import type { JobPolicySettings } from '../../../src/route/config.ts';
import { createRouter } from '../../../src/route/router.ts';
import { TestOwners } from '../../support/owners.ts';
import { route, routing } from './routing.ts';
import type { RoutingOptions } from './routing.ts';

const destinations = [{ name: 'da', owner: 'a' }, { name: 'db', owner: 'b' }, { name: 'other' }];

interface Case extends RoutingOptions {
  readonly job?: string;
  readonly honorLabels?: boolean;
  readonly target?: Readonly<Record<string, string>>;
  readonly hidden?: Readonly<Record<string, string>>;
  /** Of the page. */
  readonly page?: Readonly<Record<string, string>>;
  /** Final ones, beyond those of page and target. */
  readonly final?: Readonly<Record<string, string>>;
}

function index(): TestOwners {
  const owners = new TestOwners({ namespace: /^hero-user-(.+)$/ });
  owners.setPod('n', 'pa', 'a');
  owners.setPod('n', 'pb', 'b');
  owners.setPod('n', 'plain', undefined);
  owners.setPod('hero-user-a', 'plain', undefined);
  owners.setPod('hero-user-a', 'lent', 'b');
  owners.setNode('n1', ['a', 'b']);
  return owners;
}

/** Where a route to the owner leads, as names, and whether the index may yet tell otherwise. */
function owner(of: Case, owners = index()): string {
  const router = createRouter({ routing: routing([route(['owner'])], of), destinations, index: owners });
  const labels = new Map(Object.entries({ job: of.job ?? 'app', ...of.target }));
  const target = router.open({ job: of.job ?? 'app', labels: [...labels], provenance: new Map(Object.entries(of.hidden ?? {})), honorLabels: of.honorLabels ?? false });
  const page = new Map(Object.entries({ __name__: 'm', ...of.page }));
  target.notePage(page);
  const { set, isUnresolved } = target.decide(new Map([...page, ...(of.honorLabels === true ? [...labels].filter(([name]) => !page.has(name)) : labels), ...Object.entries(of.final ?? {})]));
  return set.legs.map(({ name }) => name).join() + (isUnresolved ? '?' : '');
}

const scraped = (namespace: string, pod: string) => ({ __meta_kubernetes_namespace: namespace, __meta_kubernetes_pod_name: pod });
const policy = (own: Partial<JobPolicySettings>) => ({ jobs: [{ aboutOthers: true, ...own }] });
const cadvisor = { job: 'cadvisor', honorLabels: true };

test.each<readonly [string, Case, string]>([
  ['nobody', {}, ''],
  ['a rule goes before everything', { rules: [{ match: ['{q="1"}'], owner: 'b' }], hidden: scraped('n', 'pa'), page: { q: '1' } }, 'db'],
  ['the label of the scraped pod', { hidden: scraped('n', 'pa') }, 'da'],
  ['the namespace of the scraped pod', { hidden: scraped('hero-user-a', 'plain') }, 'da'],
  ['the label goes before the namespace', { hidden: scraped('hero-user-a', 'lent') }, 'db'],
  ['a workload cannot give its series to another owner', { hidden: scraped('hero-user-a', 'plain'), page: { namespace: 'hero-user-b', pod: 'x' } }, 'da'],
  ['an exporter that nobody owns is believed', { hidden: scraped('n', 'plain'), page: { namespace: 'hero-user-b', pod: 'x' } }, 'db?'],
  ['a job that speaks about others: the pod that is named', { ...cadvisor, hidden: scraped('n', 'pa'), page: { namespace: 'n', pod: 'pb' } }, 'db'],
  ['never its own pod', { ...cadvisor, hidden: scraped('n', 'pa') }, ''],
  ['nor the labels that its target has', { ...cadvisor, hidden: scraped('n', 'pa'), target: { namespace: 'n', pod: 'pa' } }, ''],
  ['without honor_labels the page speaks in exported labels', { job: 'dcgm-exporter', target: { namespace: 'n', pod: 'pa' }, final: { exported_namespace: 'n', exported_pod: 'pb' } }, 'db'],
  ['labels of both kinds together', { job: 'dcgm-exporter', target: { namespace: 'gpu' }, page: { pod: 'pb' }, final: { exported_namespace: 'n' } }, 'db'],
  ['a named pod without the label: its namespace', { ...cadvisor, page: { namespace: 'hero-user-a', pod: 'plain' } }, 'da'],
  ['a named pod that is not known yet: its namespace, for now', { ...cadvisor, page: { namespace: 'hero-user-a', pod: 'new' } }, 'da?'],
  ['a namespace alone', { ...cadvisor, page: { namespace: 'hero-user-b' } }, 'db'],
  ['empty labels name nothing', { ...cadvisor, page: { namespace: '', pod: '' } }, ''],
  ['other labels name the pod where the job says so', { ...cadvisor, ...policy({ namespaceLabels: ['ns'], podLabels: ['p'] }), page: { ns: 'n', p: 'pa', namespace: 'n', pod: 'pb' } }, 'da'],
  ['without a pod: broadcast goes to every owner', { ...policy({ withoutPod: 'broadcast' }) }, 'da,db'],
  ['without a pod: the owners on the node that is named', { ...policy({ withoutPod: 'node_owners' }), page: { node: 'n1' } }, 'da,db'],
  ['without a pod: the owners on the node of the target', { ...policy({ withoutPod: 'node_owners' }), hidden: { __meta_kubernetes_node_name: 'n1' } }, 'da,db'],
  ['without a pod: destinations by name', { ...policy({ withoutPod: ['other'] }) }, 'other'],
  ['a namespace that nobody owns has a policy of its own', { ...policy({ withoutPod: 'broadcast', namespaceOnly: ['other'] }), page: { namespace: 'kube-system' } }, 'other'],
  ['a pod that nobody owns has none', { ...policy({ withoutPod: 'broadcast', namespaceOnly: 'broadcast' }), page: { namespace: 'n', pod: 'plain' } }, ''],
])('%s', (_what, of, expected) => expect(owner(of)).toBe(expected));

describe('what a decision came from', () => {
  const open = (routes: ReturnType<typeof route>[]) =>
    createRouter({ routing: routing(routes), destinations, index: index() }).open({ job: 'cadvisor', labels: [], provenance: new Map(), honorLabels: true });
  const labels = new Map([['namespace', 'n'], ['pod', 'pa']]);

  test('nothing where no route asks for the owner', () => expect(open([route(['other'])]).decide(labels).entries).toEqual([]));
  test('the pod where one does', () => expect(open([route(['owner'])]).decide(labels).entries.length).toBe(1));
  test('the pod where a selector does', () => expect(open([route(['other'], ['{__owner__="a"}'])]).decide(labels).entries.length).toBe(1));
});
