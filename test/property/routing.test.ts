// Every series reaches exactly the destinations that a plain reference computes, whatever the routes are and however owners change while it is scraped: random
// clusters, routes, policies and churn. What arrived is decoded from request bodies. A series that goes elsewhere is marked where it was, once, and nobody else
// sees a marker; each destination gets the samples of a series in their order. Repeat a run with TEST_SEED.

import assert from 'node:assert/strict';
import { beforeAll, describe, test } from 'vitest';
import { initZstd } from '../../src/wire/zstd.ts';
import type { JobPolicySettings, RouteSettings } from '../../src/route/config.ts';
import { referenceOwner, referenceRoute } from '../support/route-reference.ts';
import type { ReferenceRoute, ReferenceSetup } from '../support/route-reference.ts';
import { TestOwners } from '../support/owners.ts';
import { seeded, testSeed } from '../unit/exposition/collecting-sink.ts';
import { rule } from '../unit/relabel/rule.ts';
import { route, routing } from '../unit/route/routing.ts';
import { decodeRecords, World } from '../unit/series/world.ts';
import type { DestinationOptions } from '../unit/series/world.ts';
import type { QueuedRecord } from '../../src/queue/queue.ts';

const seed = testSeed();
const RUNS = 40;
const SCRAPES = 25;
const STALE = '7ff0000000000002';
type Random = () => number;

beforeAll(initZstd);

/** One of them has rules of its own, one has rules that look at the owner, so that labels change with it, and one has a replica label. */
const destinations: readonly (DestinationOptions & { readonly name: string })[] = [
  { name: 'a', owner: 'a' },
  { name: 'b1', owner: 'b' },
  { name: 'b2', owner: 'b', writeRelabel: [rule({ targetLabel: 'to', replacement: 'b2' })] },
  { name: 'user', writeRelabel: [rule({ sourceLabels: ['__owner__'], targetLabel: 'owned_by' })] },
  { name: 'system', replicaLabel: { name: '__replica__', value: 'r' } },
];
const owners = ['a', 'b', 'c', undefined];
const namespaces = ['hero-user-a', 'hero-user-b', 'hero-user-c', 'kube-system', ''];
const podNames = ['p0', 'p1', 'p2', ''];
const nodes = ['n0', 'n1'];
const pick = <T>(list: readonly T[], random: Random): T => list[Math.floor(random() * list.length)]!;

/** Routes with their matchers once more as plain functions. */
const routePool: readonly { readonly settings: RouteSettings; readonly match: ReferenceRoute['match'] }[] = [
  { settings: route(['owner', 'user']), match: () => true },
  { settings: route(['owner'], ['{k=~"[0-4]"}']), match: (labels) => /^[0-4]$/.test(labels.get('k') ?? '') },
  { settings: route(['system'], ['m1', 'm2'], { continue: true }), match: (labels) => ['m1', 'm2'].includes(labels.get('__name__')!) },
  { settings: route(['user', 'owner'], ['{namespace=""}']), match: (labels) => !labels.has('namespace') },
  { settings: route([], ['m3']), match: (labels) => labels.get('__name__') === 'm3' },
  { settings: route(['all'], ['{k="7"}'], { continue: true }), match: (labels) => labels.get('k') === '7' },
  { settings: route(['b1', 'owner'], ['{job="cadvisor"}']), match: (labels) => labels.get('job') === 'cadvisor' },
  { settings: route(['system']), match: () => true },
];

/** What the API server would say; told to the index with every change. */
class Cluster {
  readonly index = new TestOwners({ namespace: /^hero-user-(.+)$/, unknownState: 'absent' });
  readonly #pods = new Map<string, string | undefined>();
  readonly #nodes = new Map<string, readonly string[]>();

  podOwner = (namespace: string, pod: string): string | undefined => (pod === '' ? undefined : this.#pods.get(`${namespace}/${pod}`));
  namespaceOwner = (namespace: string): string | undefined => /^hero-user-(.+)$/.exec(namespace)?.[1];
  nodeOwners = (node: string): readonly string[] => this.#nodes.get(node) ?? [];

  churn(random: Random): void {
    for (const namespace of namespaces) for (const pod of podNames) if (namespace !== '' && pod !== '' && random() < 0.15) this.#set(namespace, pod, pick(owners, random), random);
    for (const node of nodes) if (random() < 0.1) this.#setNode(node, owners.filter((owner) => owner !== undefined && random() < 0.5) as string[]);
  }

  #set(namespace: string, pod: string, owner: string | undefined, random: Random): void {
    this.#pods.set(`${namespace}/${pod}`, owner);
    this.index.setPod(namespace, pod, owner, random() < 0.2 ? 'tombstone' : 'known');
  }

  #setNode(node: string, list: readonly string[]): void {
    this.#nodes.set(node, list);
    this.index.setNode(node, list);
  }
}

interface Line {
  readonly page: ReadonlyMap<string, string>;
  readonly text: string;
}

function lineOf(random: Random): Line {
  const page = new Map([['__name__', `m${Math.floor(random() * 6)}`], ['k', String(Math.floor(random() * 10))], ['x', String(Math.floor(random() * 1e6))]]);
  const set = (name: string, value: string) => void (value !== '' && page.set(name, value));
  set(random() < 0.2 ? 'exported_namespace' : 'namespace', pick(namespaces, random));
  set(random() < 0.2 ? 'exported_pod' : 'pod', pick(podNames, random));
  if (random() < 0.3) set('node', pick(nodes, random));
  const labels = [...page].filter(([name]) => name !== '__name__').map(([name, value]) => `${name}="${value}"`);
  return { page, text: `${page.get('__name__')!}{${labels.join(',')}}` };
}

/** Final labels, by the rules of Prometheus; no exported label of the page meets one that is moved. */
function finalLabels(page: ReadonlyMap<string, string>, { labels, honorLabels }: ReferenceSetup['target']): Map<string, string> {
  const final = new Map(page);
  for (const [name, value] of labels) {
    const exposed = final.get(name);
    if (honorLabels && exposed !== undefined) continue;
    if (exposed !== undefined) final.set(final.has(`exported_${name}`) ? `exported_exported_${name}` : `exported_${name}`, exposed);
    final.set(name, value);
  }
  return final;
}

const keyOf = (labels: Iterable<readonly [string, string]>) => [...labels].map(([name, value]) => `${name}=${value}`).sort().join();

function pickRoutes(random: Random): typeof routePool {
  return Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(routePool, random));
}

const plainRoutes = (routes: typeof routePool): ReferenceRoute[] => routes.map(({ settings, match }) => ({ match, to: settings.to, continue: settings.continue }));

class Run {
  readonly cluster = new Cluster();
  readonly world: World;
  readonly kept = new Map<string, QueuedRecord[]>(destinations.map(({ name }) => [name, []]));
  #setup: ReferenceSetup;
  readonly #policies: Partial<JobPolicySettings>;
  /** By destination, the series that it has and that are alive. */
  readonly #alive = new Map<string, Set<string>>(destinations.map(({ name }) => [name, new Set()]));
  #health: ReadonlySet<string>;

  constructor(random: Random) {
    const aboutOthers = random() < 0.6;
    const job = aboutOthers ? 'cadvisor' : 'app';
    const honorLabels = random() < 0.5;
    const targetLabels = { ...(random() < 0.5 && { namespace: 'monitoring' }), ...(random() < 0.5 && { pod: 'exporter' }) };
    const scraped = pick(namespaces, random);
    const hidden = scraped === '' ? { namespace: '', pod: '' } : { namespace: scraped, pod: 'p0' };
    const policies = { withoutPod: pick(['none', 'broadcast', 'node_owners', ['system']] as const, random), namespaceOnly: pick(['namespace', 'broadcast', 'none', ['user']] as const, random) };
    const routes = pickRoutes(random);
    const unowned = random() < 0.3 ? ['system'] : [];
    this.#setup = {
      cluster: this.cluster,
      target: { aboutOthers, honorLabels, labels: new Map(Object.entries({ job, ...targetLabels })), ...hidden, node: 'n0', ...policies },
      routes: plainRoutes(routes),
      destinations,
      unowned,
    };
    this.#policies = { job: '.*', ...policies };
    this.cluster.churn(() => random() * 0.3);
    this.world = new World({
      destinations, job, targetLabels, index: this.cluster.index,
      settings: { honorLabels },
      provenance: { __meta_kubernetes_pod_node_name: 'n0', ...(scraped !== '' && { __meta_kubernetes_namespace: scraped, __meta_kubernetes_pod_name: 'p0' }) },
      routing: routing(routes.map(({ settings }) => settings), { unowned, jobs: [this.#policies] }),
    });
    const up = new Map(Object.entries({ __name__: 'up', job, ...targetLabels }));
    this.#health = referenceRoute(this.#setup, new Map(), up);
  }

  /** Other routes, from the next page on. */
  reroute(random: Random): void {
    const routes = pickRoutes(random);
    this.#setup = { ...this.#setup, routes: plainRoutes(routes) };
    this.world.configure(destinations, {}, routing(routes.map(({ settings }) => settings), { unowned: this.#setup.unowned, jobs: [this.#policies] }));
  }

  /** The series as a destination gets it. */
  #keyAt(name: string, page: ReadonlyMap<string, string>, labels: ReadonlyMap<string, string>): string {
    const owner = referenceOwner(this.#setup, page, labels);
    const more = { b2: [['to', 'b2']], user: owner === '' ? [] : [['owned_by', owner]], system: [['__replica__', 'r']] }[name] ?? [];
    return keyOf([...labels, ...more] as [string, string][]);
  }

  finalLabels(page: ReadonlyMap<string, string>): Map<string, string> {
    return finalLabels(page, this.#setup.target);
  }

  scrape(lines: readonly Line[]): void {
    const nowMs = this.world.nowMs;
    this.world.scrape(lines.map(({ text }, i) => `${text} ${i}\n`).join(''));
    const wanted = this.#expect(lines);
    for (const { name } of destinations) {
      const records = this.world.streams.get(name)!.take();
      this.kept.get(name)!.push(...records);
      const found = new Map<string, boolean>();
      for (const { labels, samples } of decodeRecords(records)) {
        const series = keyOf(labels);
        assert.deepEqual([name, series, samples.length, found.has(series)], [name, series, 1, false]);
        assert.equal(samples[0]!.timestampMs, nowMs);
        if (!/__name__=scrape_/.test(series)) found.set(series, samples[0]!.value !== STALE);
      }
      assert.deepEqual([name, found], [name, wanted.get(name)]);
      this.#identity(name);
    }
  }

  /** By destination, what it should get: series to whether it is a value. */
  #expect(lines: readonly Line[]): Map<string, Map<string, boolean>> {
    const wanted = new Map(destinations.map(({ name }) => [name, new Map<string, boolean>()]));
    const health = new Set<string>();
    const present = new Set<string>();
    for (const { page } of lines) {
      const labels = this.finalLabels(page);
      present.add(labels.get('x')!);
      for (const name of referenceRoute(this.#setup, page, labels)) {
        wanted.get(name)!.set(this.#keyAt(name, page, labels), true);
        health.add(name);
      }
    }
    // Series that left this page are still known while it is handed on: their destinations hear of the target once more.
    for (const [name, alive] of this.#alive) if ([...alive].some((series) => !series.includes('__name__=up') && !present.has(/(?:^|,)x=(\d+)/.exec(series)![1]!))) health.add(name);
    if (health.size > 0) this.#health = health;
    const up = new Map([['__name__', 'up'], ...this.#setup.target.labels]);
    for (const name of this.#health) wanted.get(name)!.set(this.#keyAt(name, new Map(), up), true);
    for (const [name, alive] of this.#alive) {
      const values = wanted.get(name)!;
      const now = new Set(values.keys());
      for (const series of alive) if (!now.has(series)) values.set(series, false);
      this.#alive.set(name, now);
    }
    return wanted;
  }

  #identity(name: string): void {
    const { scrape, appended } = this.world.streams.get(name)!;
    assert.deepEqual([name, scrape.scraped], [name, scrape.failed + scrape.relabelled + scrape.limited + scrape.unrouted + appended]);
  }

  /** Everything at once, as after an outage: the samples of a series come in their order. */
  checkOrder(): void {
    for (const [name, records] of this.kept) {
      const newest = new Map<string, number>();
      for (const { labels, samples } of decodeRecords(records)) {
        const series = keyOf(labels);
        for (const { timestampMs } of samples) {
          assert.ok(timestampMs > (newest.get(series) ?? -Infinity), `${name}: ${series} at ${timestampMs} after ${newest.get(series)}`);
          newest.set(series, timestampMs);
        }
      }
    }
  }
}

function run(random: Random): void {
  const one = new Run(random);
  let lines: Line[] = [];
  const known = new Set<string>();
  for (let i = 0; i < SCRAPES; i++) {
    lines = lines.filter(() => random() < 0.9);
    // Two lines that come to be one series are another matter, and so are series that come back.
    for (let n = 0; n < 12; n++) {
      const line = lineOf(random);
      const key = keyOf(one.finalLabels(line.page));
      if (!known.has(key)) lines.push(line);
      known.add(key);
    }
    one.scrape(lines);
    if (random() < 0.7) one.cluster.churn(random);
    if (random() < 0.1) one.reroute(random);
  }
  one.checkOrder();
}

describe(`series reach exactly the destinations that the reference says (TEST_SEED=${seed})`, () => {
  test.each(Array.from({ length: RUNS }, (_, i) => i))('run %i', (i) => run(seeded(seed + i)));
});
