// The client and the provider against a server that does everything wrong, from seeds: streams cut at any byte, kinds out of order, old versions gone, restarts
// with an empty watch cache, minutes of silence, refusals, permissions that go and come. Afterwards objects and target groups are those of a fresh start;
// on the way nothing vanishes that was not removed, and no kind is listed more often than the back-off allows.
// One seed alone: npx vitest run --project full test/sim/kubernetes-chaos.test.ts -t 'seed 7'.

import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { KubernetesSdSettings } from '../../discovery/kubernetes/config.ts';
import { createDiscoveryMetrics } from '../../discovery/metrics.ts';
import { createProvider } from '../../discovery/provider.ts';
import type { Provider, TargetGroup } from '../../discovery/discovery.ts';
import { seededRandom, type Random } from '../../src/io/random.ts';
import { createKubernetes } from '../../src/kubernetes/create-kubernetes.ts';
import type { ApiServer, Kubernetes, Watch } from '../../src/kubernetes/kubernetes.ts';
import type { Kind, KindMap } from '../../src/kubernetes/objects.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createTestClock, type TestClock } from '../support/clock.ts';
import { changeSomething } from '../support/kubernetes/chaos-cluster.ts';
import { allow, beginFault, CHAOS_TOKEN } from '../support/kubernetes/chaos-faults.ts';
import { plainGroups, settingsOf, type PlainGroups } from '../support/kubernetes/discovered.ts';
import { startFakeApiServer, type FakeApiServer, type LoggedRequest } from '../support/kubernetes/fake-api-server.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const STEPS = 16;
/** Smaller than the shortest pause of the client, so that what is due is not far from when it happens. */
const TICK_MS = 500;
const SETTLE_MS_MAX = 600_000;

const kinds = ['pods', 'services', 'endpoints', 'endpointslices', 'nodes', 'namespaces', 'replicasets', 'ingresses'] as const satisfies readonly Kind[];
const attach = { node: true, namespace: true, deployment: true };
const entries = [
  { role: 'pod', attach_metadata: attach }, { role: 'endpointslice', attach_metadata: attach }, { role: 'endpoints', attach_metadata: attach },
  { role: 'service', attach_metadata: { namespace: true } }, { role: 'node' }, { role: 'ingress' },
  { role: 'pod', selectors: [{ role: 'pod', label: 'app=a', field: 'status.phase=Running' }] },
];

/** A process that watches everything: objects by kind, and groups by entry. */
interface Observer {
  readonly kubernetes: Kubernetes;
  readonly watches: ReadonlyMap<Kind, Watch<KindMap[Kind]>>;
  /** Keys that were told to be gone, as `kind key`. */
  readonly gone: Set<string>;
  groups(): PlainGroups[];
  isReady(): boolean;
  close(): Promise<void>;
}

function observe(server: FakeApiServer, clock: TestClock, random: Random): Observer {
  const metrics = createMetrics();
  const kubernetes = createKubernetes({ clock, random, metrics, logger: silentLogger, userAgent: 'chaos', environment: {}, serviceAccountFolder: '/nowhere' });
  const settings = entries.map((entry) => settingsOf({ api_server: server.url, bearer_token: CHAOS_TOKEN, ...entry }) as KubernetesSdSettings);
  // With the providers' settings, so that all share their reflectors.
  const api = kubernetes.connect(settings[0]!.server);
  const gone = new Set<string>();
  const watches = new Map(kinds.map((kind): [Kind, Watch<KindMap[Kind]>] => [kind, watchKind(api, kind, gone)]));
  const deps = { clock, random, kubernetes, metrics: createDiscoveryMetrics(metrics), logger: silentLogger, job: 'chaos', userAgent: 'chaos' };
  const discoveries = settings.map((one) => discover(createProvider(one, deps)));
  return {
    kubernetes, watches, gone,
    groups: () => discoveries.map(({ groups }) => plainGroups([...groups.values()])),
    isReady: () => kubernetes.state().every(({ state }) => state === 'live') && discoveries.every(({ isReady }) => isReady()),
    async close() {
      for (const { provider } of discoveries) await provider.stop();
      await api.release();
    },
  };
}

function watchKind<K extends Kind>(api: ApiServer, kind: K, gone: Set<string>): Watch<KindMap[K]> {
  return api.watch({ kind, namespaces: undefined, labelSelector: '', fieldSelector: '' }, {
    synced: () => undefined,
    changed: (key, _before, after) => void (after === undefined && gone.add(`${kind} ${key}`)),
  });
}

function discover(provider: Provider) {
  const groups = new Map<string, TargetGroup>();
  let isReady = false;
  provider.start((told) => {
    isReady = true;
    // A group without targets is one that is gone.
    for (const group of told) if (group.targetCount > 0) groups.set(group.source, group); else groups.delete(group.source);
  });
  return { provider, groups, isReady: () => isReady };
}

/** Time passes only as fast as the network keeps up. */
async function pass(clock: TestClock, ms: number, isOver: () => boolean = () => false): Promise<void> {
  for (let left = ms; left > 0 && !isOver(); left -= TICK_MS) {
    await clock.advance(Math.min(TICK_MS, left));
    await pause(0);
  }
}

/** An object of each kind that nobody has seen yet: who has it is up to date. */
function putSentinels(server: FakeApiServer): void {
  for (const kind of ['Pod', 'Service', 'Endpoints', 'EndpointSlice', 'ReplicaSet', 'Ingress']) server.put({ kind, metadata: { name: 'sentinel', namespace: 'team-a' } });
  for (const kind of ['Node', 'Namespace']) server.put({ kind, metadata: { name: 'sentinel' } });
}

const hasSentinels = ({ watches }: Observer) => [...watches.values()].every(({ objects }) => objects.has('sentinel') || objects.has('team-a/sentinel'));

interface Run {
  readonly subject: Observer;
  readonly fresh: Observer;
  /** `kind key` of what was removed. */
  readonly removed: ReadonlySet<string>;
  /** What the subject asked. */
  readonly asked: readonly LoggedRequest[];
  /** What went wrong and when, for people. */
  readonly story: string;
  readonly close: () => Promise<void>;
}

async function runSeed(seed: number): Promise<Run> {
  const random = seededRandom(seed);
  const clock = createTestClock();
  const server = await startFakeApiServer({ clock, watchList: random.next() < 0.5, pageItemsMax: 5 });
  allow(server);
  const removed = recordRemovals(server);
  for (let i = 0; i < 60; i++) changeSomething(server, random);
  const subject = observe(server, clock, halfJitter(seed));
  await pass(clock, 30_000, () => subject.isReady());
  const story = await rage({ server, clock, random, subject });
  putSentinels(server);
  await pass(clock, SETTLE_MS_MAX, () => hasSentinels(subject) && subject.isReady());
  const asked = [...server.requests];
  const fresh = observe(server, clock, halfJitter(seed));
  await pass(clock, 60_000, () => hasSentinels(fresh) && fresh.isReady());
  // Providers and kinds that depend on each other come to rest.
  await pass(clock, 5000);
  const close = async () => {
    for (const observer of [subject, fresh]) await observer.close();
    await server.close();
  };
  return { subject, fresh, removed, asked, story, close };
}

/** At least half of each step of the back-off is waited for, so that how often may be asked is known. */
function halfJitter(seed: number): Random {
  const random = seededRandom(1000 + seed);
  return { ...random, next: () => 0.5 + random.next() / 2 };
}

interface World {
  readonly server: FakeApiServer;
  readonly clock: TestClock;
  readonly random: Random;
  readonly subject: Observer;
}

async function rage({ server, clock, random, subject }: World): Promise<string> {
  const story: string[] = [];
  const changeSome = (max: number) => {
    for (let i = Math.floor(random.next() * max); i > 0; i--) changeSomething(server, random);
  };
  for (let step = 0; step < STEPS; step++) {
    const fault = beginFault(server, random);
    story.push(`${(clock.monotonicMs() / 1000).toFixed(1)} s: ${fault.name}`);
    changeSome(6);
    await pass(clock, fault.lastsMs);
    changeSome(4);
    fault.end();
    // Some faults meet a client that has recovered from the one before, some do not.
    if (random.next() < 0.5) await pass(clock, 120_000, () => subject.isReady());
  }
  return story.join('\n');
}

test.each(SEEDS)('after everything that can go wrong, all is as after a fresh start (seed %i)', async (seed) => {
  const { subject, fresh, removed, asked, story, close } = await runSeed(seed);
  for (const kind of kinds) expect(sorted(subject.watches.get(kind)!), `${kind} after\n${story}`).toEqual(sorted(fresh.watches.get(kind)!));
  for (const [i, groups] of fresh.groups().entries()) expect(subject.groups()[i], `${JSON.stringify(entries[i])} after\n${story}`).toEqual(groups);
  expect([...subject.gone].filter((key) => !removed.has(key)), `gone without having been removed, after\n${story}`).toEqual([]);
  expect(kinds.flatMap((kind) => tooFrequentLists(asked, kind)), `lists after\n${story}`).toEqual([]);
  await close();
});

/** Keys of all objects that are removed from now on, as `kind key`. */
function recordRemovals(server: FakeApiServer): Set<string> {
  const removed = new Set<string>();
  const remove = server.remove.bind(server);
  server.remove = (kind, namespace, name) => {
    removed.add(`${kind} ${namespace === '' ? name : `${namespace}/${name}`}`);
    return remove(kind, namespace, name);
  };
  return removed;
}

const sorted = ({ objects }: Watch<KindMap[Kind]>) => Object.fromEntries([...objects].sort(([a], [b]) => (a < b ? -1 : 1)));

/** A list begins: its first page, or a watch that sends everything. What is refused as unknown is asked for in the other way at once. */
function beginsList({ verb, query, status }: LoggedRequest): boolean {
  return verb === 'list' ? query['continue'] === undefined : query['sendInitialEvents'] !== undefined && status !== 422;
}

/**
 * The n-th list since the server was last well for half a minute comes at the earliest half of the n-th step of the back-off after the one before: 0.4 s
 * doubling to 15 s. Gives the gaps that were shorter.
 */
function tooFrequentLists(requests: readonly LoggedRequest[], kind: string): string[] {
  const lists = withoutRepetitions(requests.filter((one) => one.resource === kind && one.query['fieldSelector'] === undefined && beginsList(one)));
  const found: string[] = [];
  let step = 0;
  for (const [i, { atMs }] of lists.entries()) {
    const gapMs = i === 0 ? Number.POSITIVE_INFINITY : atMs - lists[i - 1]!.atMs;
    if (gapMs >= 30_000) step = 0;
    else if (gapMs < Math.min(15_000, 400 * 2 ** step++)) found.push(`${kind}: list ${i} after ${gapMs} ms in step ${step}`);
  }
  return found;
}

/** A request whose token was not known is repeated once, in the same step, because the token may just have been renewed. */
function withoutRepetitions(lists: readonly LoggedRequest[]): LoggedRequest[] {
  const kept: LoggedRequest[] = [];
  let isRepetition = false;
  for (const one of lists) {
    isRepetition = !isRepetition && one.status === 401 && kept.at(-1)?.status === 401;
    if (!isRepetition) kept.push(one);
  }
  return kept;
}
