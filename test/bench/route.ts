// `npm run bench -- route`: what routing costs. The same pages go once to one destination and once to 14 with an owner each, through the whole line inside one process: page
// reader, series, columns, then assembly and compression of the bodies. Beside it: a decision about a new series, series that move to another owner, the owner index, and the whole
// collector beside vmagent on a split of the same kind.

import { createPageReader } from '../../src/exposition/page-reader.ts';
import { systemRandom } from '../../src/io/random.ts';
import { sortLabels } from '../../src/model/labels.ts';
import type { Target } from '../../src/model/target.ts';
import type { OwnerIndex } from '../../src/owners/owners.ts';
import type { QueuedRecord, RecordInput, Stream } from '../../src/queue/queue.ts';
import type { RoutingSettings } from '../../src/route/config.ts';
import { createRouter } from '../../src/route/router.ts';
import type { RouterOptions } from '../../src/route/router.ts';
import type { ShardGroupSettings } from '../../src/route/shards/config.ts';
import { Assembler } from '../../src/sender/assembly.ts';
import { createSeriesStage } from '../../src/series/stage.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { initZstd, zstdCompress } from '../../src/wire/zstd.ts';
import { cadvisorPage, kubeStatePage, nodeExporterPage } from './pages.ts';
import type { Page } from './pages.ts';
import { atMost, type Bar } from './queue-disk.ts';
import { collector, measureOwners, ownersBars } from './route-owners.ts';
import { measurePeers } from './route-peers.ts';
import { inProcessSettings } from './support/inside.ts';

export { servePages } from './support/page-server.ts';
export { serveSink } from './support/sink.ts';

const OWNERS = 14;
/** Scrapes in a turn. */
const SCRAPES = 20;
/** Different pages that they go round. */
const RENDERINGS = 5;
const ROUNDS = 9;
const MOVED = 10_000;
const START_MS = 1_760_000_000_000;
const STEP_MS = 15_000;
/** What a socket gives at a time. */
const CHUNK_BYTES = 64 * 1024;

/** An owner per namespace of the pages, until it is moved. */
class BenchOwners implements OwnerIndex {
  #shift = 0;
  #listeners = new Set<(entries: readonly number[]) => void>();
  readonly #ids = new Map<string, number>();
  readonly #numbers: number[] = [];

  pod(namespace: string, name: string): number {
    const key = `${namespace}/${name}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#numbers.push(Number(/\d+/.exec(namespace)?.[0] ?? 0)) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }

  node(): number {
    return -1;
  }

  ownerOfNamespace(): undefined {
    return undefined;
  }

  state(): 'known' {
    return 'known';
  }

  owner(entry: number): string {
    return `o${(this.#numbers[entry]! + this.#shift) % OWNERS}`;
  }

  owners(): readonly string[] {
    return [];
  }

  onChange(listener: (entries: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  move(): void {
    this.#shift++;
    for (const listener of this.#listeners) listener([...this.#numbers.keys()]);
  }
}

/** Keeps records until they are made into bodies. */
class BenchStream {
  readonly name: string;
  records: QueuedRecord[] = [];
  #sequence = 0;

  constructor(name: string) {
    this.name = name;
  }

  count(): void {
    // The accounts are not measured here.
  }

  append(inputs: readonly RecordInput[]): void {
    for (const input of inputs) {
      if (input.type !== 'samples') continue;
      const { type, samples, oldestMs, newestMs, timestampMs, image, positions, column } = input;
      this.records.push({ sequence: ++this.#sequence, type, samples, timestampMs, oldestMs, newestMs, bytes: column.length, image, positions, payload: column });
    }
  }
}

const routing: RoutingSettings = {
  owner: { rules: [], podLabel: 'cluster_id', namespace: undefined, followsLabels: false, tombstoneMs: 600_000 },
  jobs: [{ job: '.*', aboutOthers: true, namespaceLabels: ['exported_namespace', 'namespace'], podLabels: ['exported_pod', 'pod'], nodeLabels: ['node'], namespaceOnly: 'namespace', withoutPod: ['o0'] }],
  unowned: [],
  routes: [
    { match: ['{job=~"kube|cadvisor|node"}'], to: ['owner'], continue: false, samplesPerSecond: 0, overBudget: 'drop' },
    { match: [], to: ['o0'], continue: false, samplesPerSecond: 0, overBudget: 'drop' },
  ],
};

const names = Array.from({ length: OWNERS }, (_, i) => `o${i}`);
/** All of them share, in place of owners. */
const storage: ShardGroupSettings = { name: 'storage', members: names, shardBy: [], ignoreLabels: [], replicationFactor: 2 };

class Line {
  readonly streams: readonly BenchStream[];
  readonly #sources: readonly { readonly page: Page; readonly scrape: (body: Buffer, atMs: number) => void }[];
  readonly #assembler = new Assembler({ bodyBytes: () => 4_000_000 });
  /** The longest piece of work that the event loop gets at a time, milliseconds of CPU: a chunk of a page, or its end. Not by the clock, which counts what others do to the machine. */
  longestMs = 0;
  #atMs = START_MS;

  constructor(pages: readonly (readonly [string, Page])[], index: OwnerIndex | undefined) {
    const stage = createSeriesStage({ random: systemRandom, metrics: createMetrics(), nowMs: () => this.#atMs });
    this.streams = (index === undefined ? ['o0'] : names).map((name) => new BenchStream(name));
    const destinations = this.streams.map((stream) => ({ stream: stream as unknown as Stream, writeRelabel: [], sendExemplars: false, owner: stream.name }));
    stage.configure({ destinations, externalLabels: new Map([['cluster', 'bench']]), ...(index !== undefined && { routing, index }) });
    this.#sources = pages.map(([job, page], i) => {
      const series = stage.open(target(job, i), inProcessSettings);
      const reader = createPageReader('text', series);
      return {
        page,
        scrape: (body, atMs) => {
          this.#piece(() => {
            series.begin(atMs);
            reader.reset();
          });
          for (let at = 0; at < body.length; at += CHUNK_BYTES) this.#piece(() => reader.feed(body.subarray(at, at + CHUNK_BYTES)));
          this.#piece(() => {
            reader.finish();
            series.commit({ timestampMs: atMs, error: undefined, durationSeconds: 0.1, bodyBytes: body.length });
          });
        },
      };
    });
  }

  #piece(run: () => void): void {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    this.longestMs = Math.max(this.longestMs, (user + system) / 1000);
  }

  /** CPU seconds of one scrape of everything, up to compressed bodies. */
  scrape(bodies: readonly Buffer[]): number {
    const before = process.cpuUsage();
    for (const [i, source] of this.#sources.entries()) source.scrape(bodies[i]!, this.#atMs);
    for (const stream of this.streams) {
      for (const body of this.#assembler.bodies(stream.records)) zstdCompress(body.bytes, 3);
      stream.records = [];
    }
    this.#atMs += STEP_MS;
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  }

  render(): Buffer[] {
    return this.#sources.map(({ page }) => page.render());
  }
}

function target(job: string, i: number): Target {
  const labels = new Map([['job', job], ['instance', `${job}-${i}`]]);
  return { key: `${job}/${i}`, job, labels: sortLabels(labels), discoveredLabels: labels, provenance: new Map(), url: `http://127.0.0.1/${i}`, scrapeIntervalMs: STEP_MS, scrapeTimeoutMs: STEP_MS };
}

const makePages = (): [string, Page][] => [
  ...Array.from({ length: 2 }, (_, i): [string, Page] => ['kube', kubeStatePage(10_000, 10 + i)]),
  ...Array.from({ length: 4 }, (_, i): [string, Page] => ['cadvisor', cadvisorPage(5000, 20 + i)]),
  ...Array.from({ length: 6 }, (_, i): [string, Page] => ['node', nodeExporterPage(30 + i)]),
];

/**
 * Both lines take turns on the same bodies, so that whatever else the machine does meets both. The middle one of the rounds. Bodies are rendered before, and garbage is collected
 * between the turns: else one line pays for what the other and the pages left, and the collector is found to stay in step with the turns, always at the cost of the same line.
 */
function compareLines(): { one: number; many: number; ratio: number } {
  const gc = collector();
  const one = new Line(makePages(), undefined);
  const many = new Line(makePages(), new BenchOwners());
  const bodies = Array.from({ length: RENDERINGS }, () => one.render());
  const samples = makePages().reduce((sum, [, page]) => sum + page.seriesCount, 0);
  const turn = (line: Line) => {
    gc();
    let cpu = 0;
    for (let i = 0; i < SCRAPES; i++) cpu += line.scrape(bodies[i % RENDERINGS]!);
    return (cpu / SCRAPES / samples) * 1e6;
  };
  const rounds: { one: number; many: number; ratio: number }[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const [first, second] = round % 2 === 0 ? [one, many] : [many, one];
    const cost = new Map([[first, turn(first)], [second, turn(second)]]);
    const [cpuOne, cpuMany] = [cost.get(one)!, cost.get(many)!];
    // The first round fills caches.
    if (round > 0) rounds.push({ one: cpuOne, many: cpuMany, ratio: cpuMany / cpuOne });
  }
  return rounds.sort((a, b) => a.ratio - b.ratio)[ROUNDS >> 1]!;
}

function middle(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[list.length >> 1]!;
}

/** Microseconds of CPU per decision. */
function measureDecisions(options: Omit<RouterOptions, 'index'>): number {
  const router = createRouter({ ...options, index: new BenchOwners() });
  const open = router.open({ job: 'kube', labels: [['instance', 'i'], ['job', 'kube']], provenance: new Map(), honorLabels: true });
  const series = Array.from({ length: 20_000 }, (_, i) => new Map([['__name__', `m${i % 50}`], ['job', 'kube'], ['namespace', `team-${i % 60}`], ['pod', `p-${i % 5000}`], ['uid', String(i)]]));
  let bestUs = Infinity;
  for (let round = 0; round < 10; round++) {
    const before = process.cpuUsage();
    for (const labels of series) {
      open.notePage(labels);
      open.decide(labels);
    }
    const { user, system } = process.cpuUsage(before);
    bestUs = Math.min(bestUs, (user + system) / series.length);
  }
  return bestUs;
}

/** CPU milliseconds more than an ordinary scrape, and the longest time that the event loop is kept. */
function measureMove(): { cpuMs: number; stallMs: number } {
  const index = new BenchOwners();
  const page = kubeStatePage(MOVED, 77);
  const line = new Line([['kube', page]], index);
  for (let i = 0; i < 20; i++) line.scrape(line.render());
  const results: { cpuMs: number; stallMs: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const plain = Math.min(...Array.from({ length: 5 }, () => line.scrape(line.render())));
    index.move();
    line.longestMs = 0;
    const moving = line.scrape(line.render());
    results.push({ cpuMs: Math.max(0, moving - plain) * 1000, stallMs: line.longestMs });
  }
  // The piece that was disturbed least: what else the machine does is in the others.
  return { cpuMs: middle(results.map(({ cpuMs }) => cpuMs)), stallMs: Math.min(...results.map(({ stallMs }) => stallMs)) };
}

export async function run(): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  await initZstd();
  const lines = compareLines();
  const move = measureMove();
  const decisionUs = measureDecisions({ routing, destinations: names.map((name) => ({ name, owner: name })) });
  const shardedUs = measureDecisions({ routing: undefined, destinations: names.map((name) => ({ name })), shardGroups: [storage] });
  const owners = await measureOwners();
  const peers = await measurePeers(OWNERS);
  if (peers === undefined) console.error('vmagent: not available, left out');
  const figures = {
    one_destination_cpu_us_per_sample: lines.one,
    fourteen_destinations_cpu_us_per_sample: lines.many,
    fourteen_to_one: lines.ratio,
    decision_us: decisionUs,
    decision_with_shard_group_us: shardedUs,
    move_10000_series_cpu_ms: move.cpuMs,
    move_10000_series_longest_piece_ms: move.stallMs,
    ...owners,
    ...peers,
  };
  const bars = [
    atMost('14 destinations to one, CPU per sample', figures.fourteen_to_one, 1.15),
    atMost('decision for a new series, us', figures.decision_us, 5),
    atMost('decision for a new series with a shard group, us', figures.decision_with_shard_group_us, 5),
    atMost('10,000 series move, CPU ms', figures.move_10000_series_cpu_ms, 200),
    atMost('10,000 series move, longest piece of work, ms', figures.move_10000_series_longest_piece_ms, 50),
    ...ownersBars(owners),
  ];
  const rows = Object.entries(figures).map(([name, value]) => `${name.padEnd(44)} ${value.toPrecision(4)}`);
  return { table: [...rows, ...bars.map((b) => `${b.holds ? 'holds ' : 'MISSED'} ${b.name}: ${b.value.toPrecision(4)} of ${b.limit}`)], figures, bars };
}
