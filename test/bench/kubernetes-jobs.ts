// A thousand jobs over the same pods, each with a leading exact-match `keep` for its namespace, against one job that keeps the same targets: CPU of the
// way from discovery to running loops, for the first list of pods and for a stream of changes. Nothing is scraped and nothing leaves the process;
// a pod's sixty labels are worked out on each access, as the real provider does.

import type { DiscoverySettings } from '../../discovery/config.ts';
import { targetGroup } from '../../discovery/discovery.ts';
import type { GroupSink, TargetGroup } from '../../discovery/discovery.ts';
import { createDiscoveryManager } from '../../discovery/manager.ts';
import { systemDisk } from '../../src/io/disk.ts';
import { defaultHttpClientSettings } from '../../src/io/http/config.ts';
import type { HttpClient } from '../../src/io/http/types.ts';
import { seededRandom } from '../../src/io/random.ts';
import type { PageSeries } from '../../src/scrape/page-series.ts';
import { createScraper } from '../../src/scrape/scraper.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { MemoryCluster } from '../support/kubernetes/memory-cluster.ts';
import { job, rule } from '../unit/scrape/support/job.ts';
import { createStepClock } from './support/step-clock.ts';

const JOBS = 1000;
const PODS = 20_000;
/** Every second pod is one of a team, which has a job. */
const TEAM_SHARE = 2;
const EVENTS = 10_000;
/** A hundred events a second. */
const EVENT_MS = 10;
const ROUNDS = 5;
const RATIO_MAX = 3;

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

const names = {
  labels: Array.from({ length: 14 }, (_, i) => [`__meta_kubernetes_pod_label_l${i}`, `__meta_kubernetes_pod_labelpresent_l${i}`] as const),
  annotations: Array.from({ length: 10 }, (_, i) => [`__meta_kubernetes_pod_annotation_a${i}`, `__meta_kubernetes_pod_annotationpresent_a${i}`] as const),
};

/** What is kept of a pod is a few numbers; its labels are made when they are read. */
class PodGroup implements TargetGroup {
  readonly source: string;
  readonly targetCount = 1;
  readonly #pod: number;
  readonly #version: number;

  constructor(pod: number, version: number) {
    this.source = `pod/${namespaceOf(pod)}/p${pod}`;
    this.#pod = pod;
    this.#version = version;
  }

  get targets(): readonly ReadonlyMap<string, string>[] {
    return [new Map([
      ['__address__', `10.${this.#pod >> 14}.${(this.#pod >> 7) & 127}.${this.#pod & 127}:8080`],
      ['__meta_kubernetes_pod_container_name', 'main'],
      ['__meta_kubernetes_pod_container_image', 'registry.example/team/app:1.2.3'],
      ['__meta_kubernetes_pod_container_port_name', 'metrics'],
      ['__meta_kubernetes_pod_container_port_number', '8080'],
      ['__meta_kubernetes_pod_container_port_protocol', 'TCP'],
      ['__meta_kubernetes_pod_container_init', 'false'],
    ])];
  }

  get labels(): ReadonlyMap<string, string> {
    const labels = new Map([
      ['__meta_kubernetes_namespace', namespaceOf(this.#pod)],
      ['__meta_kubernetes_pod_name', `p${this.#pod}`],
      ['__meta_kubernetes_pod_node_name', `node-${this.#pod % 500}`],
      ['__meta_kubernetes_pod_ready', 'true'],
      ['__meta_kubernetes_pod_phase', 'Running'],
    ]);
    for (const [i, [name, present]] of names.labels.entries()) labels.set(name, `value-${this.#version + i}`).set(present, 'true');
    for (const [i, [name, present]] of names.annotations.entries()) labels.set(name, `text-${this.#pod + i}`).set(present, 'true');
    return labels;
  }
}

function namespaceOf(pod: number): string {
  return pod % TEAM_SHARE === 0 ? `team-${(pod / TEAM_SHARE) % JOBS}` : `other-${pod % 97}`;
}

/** The way from discovery to loops, with a provider that is driven by hand. */
function buildLine(keeps: readonly string[]) {
  const clock = createStepClock();
  const metrics = createMetrics();
  let sink: GroupSink | undefined;
  let opened = 0;
  // Few scrapes begin within the measured time, and none is answered.
  const series = { begin: () => undefined, end: () => undefined, release: () => undefined, retarget: () => undefined } as unknown as PageSeries;
  const client: HttpClient = {
    request: () => Promise.reject(new Error('not used')),
    prepare: (url) => ({ url }),
    stream: () => ({ abort: () => undefined }),
    close: () => Promise.resolve(),
  };
  const scraper = createScraper({
    clock, metrics, disk: systemDisk, logger: silentLogger, userAgent: 'bench', seedText: 'bench', createHttpClient: () => client,
    openSeries: () => (opened++, series),
  });
  const manager = createDiscoveryManager({
    clock, metrics, logger: silentLogger, random: seededRandom(1), kubernetes: new MemoryCluster(),
    onFeeds: (name, feeds) => scraper.setFeeds(name, feeds),
    onChange: (feed, changed) => scraper.change(feed, changed),
    createProvider: () => ({ start: (told) => (sink = told, undefined), stop: () => Promise.resolve() }),
  });
  const pods: DiscoverySettings = { kind: 'http', url: 'http://pods.example/', refreshIntervalMs: 60_000, http: defaultHttpClientSettings };
  const hour = 3_600_000;
  const jobs = keeps.map((regex, i) => job({
    jobName: `job-${i}`, scrapeIntervalMs: 24 * hour, discovery: [pods],
    relabel: [
      rule({ action: 'keep', sourceLabels: ['__meta_kubernetes_namespace'], regex }),
      rule({ action: 'replace', sourceLabels: ['__meta_kubernetes_namespace'], targetLabel: 'namespace' }),
      rule({ action: 'replace', sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'pod' }),
    ],
  }));
  scraper.apply(jobs);
  manager.apply(jobs.map(({ jobName, discovery }) => ({ job: jobName, discovery })));
  return {
    clock, tell: (groups: readonly TargetGroup[]) => sink!(groups), opened: () => opened,
    targets: () => scraper.pools().reduce((sum, pool) => sum + pool.active.length, 0),
    stop: () => Promise.all([manager.stop(), scraper.stop()]),
  };
}

type Line = ReturnType<typeof buildLine>;

/** Milliseconds of CPU, all threads of the process. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function load(line: Line): void {
  line.tell(Array.from({ length: PODS }, (_, pod) => new PodGroup(pod, 0)));
  line.clock.advance(1000);
}

/** Pods change their labels, go, and come again, at any place. */
function change(line: Line): void {
  const random = seededRandom(7);
  let gone: number | undefined;
  for (let event = 0; event < EVENTS; event++) {
    const pod = Math.floor(random.next() * PODS);
    if (gone !== undefined) line.tell([new PodGroup(gone, 0)]);
    else if (event % 4 === 0) line.tell([targetGroup(new PodGroup(pod, 0).source, [])]);
    else line.tell([new PodGroup(pod, event)]);
    gone = gone === undefined && event % 4 === 0 ? pod : undefined;
    line.clock.advance(EVENT_MS);
  }
  line.clock.advance(1000);
}

interface Cost {
  readonly loadMs: number;
  readonly changesMs: number;
  readonly targets: number;
}

async function measure(keeps: readonly string[]): Promise<Cost> {
  const line = buildLine(keeps);
  const loadMs = cpuMs(() => load(line));
  const changesMs = cpuMs(() => change(line));
  const targets = line.targets();
  await line.stop();
  return { loadMs, changesMs, targets };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Both ways in turns, in one process; medians. Figures are milliseconds of CPU, bars the ratio of a thousand jobs to one. */
export async function measureJobs(): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const many: Cost[] = [];
  const one: Cost[] = [];
  const keeps = Array.from({ length: JOBS }, (_, i) => `team-${i}`);
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await measure(['team-[0-9]+']));
    many.push(await measure(keeps));
  }
  const targets = one[0]!.targets;
  if ([...one, ...many].some((cost) => cost.targets !== targets)) throw new Error(`targets differ: ${[...one, ...many].map((cost) => cost.targets).join(', ')}`);
  const rows = (['loadMs', 'changesMs'] as const).map((what) => {
    const [a, b] = [median(one.map((cost) => cost[what])), median(many.map((cost) => cost[what]))];
    return { what: what === 'loadMs' ? 'load' : 'changes', one: a, many: b, ratio: b / a };
  });
  return {
    table: [
      `${PODS} pods with 60 labels, ${targets} targets, ${EVENTS} changes`,
      `${'CPU ms'.padEnd(10)}${'one job'.padStart(10)}${`${JOBS} jobs`.padStart(12)}${'ratio'.padStart(8)}`,
      ...rows.map((row) => `${row.what.padEnd(10)}${row.one.toFixed(0).padStart(10)}${row.many.toFixed(0).padStart(12)}${row.ratio.toFixed(2).padStart(8)}`),
    ],
    figures: Object.fromEntries(rows.flatMap((row) => [
      [`jobs_${row.what}_one_cpu_ms`, Math.round(row.one)], [`jobs_${row.what}_many_cpu_ms`, Math.round(row.many)], [`jobs_${row.what}_ratio`, Number(row.ratio.toFixed(2))],
    ])),
    bars: rows.map((row) => ({ name: `${JOBS} jobs, ${row.what}: CPU over that of one job`, value: Number(row.ratio.toFixed(2)), limit: RATIO_MAX, holds: row.ratio <= RATIO_MAX })),
  };
}

export const run = measureJobs;
