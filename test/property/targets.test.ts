// Laws of the way from groups to targets, on random groups, changes, jobs and rules: whatever happened before, feeds, index and pools hold exactly
// what a plain computation over the whole set gives. The seed is in the names of the tests; SEED=<number> repeats a run.

import { expect, test } from 'vitest';
import { targetGroup } from '../../discovery/discovery.ts';
import type { TargetGroup } from '../../discovery/discovery.ts';
import { Feed } from '../../discovery/feed.ts';
import { seededRandom } from '../../src/io/random.ts';
import { labelsKey } from '../../src/model/labels.ts';
import type { Target } from '../../src/model/target.ts';
import type { RelabelSettings } from '../../src/relabel/config.ts';
import { describeRule } from '../../src/relabel/describe.ts';
import { compileRules, droppingRule } from '../../src/relabel/relabel.ts';
import type { ScrapeSettings } from '../../src/scrape/config.ts';
import { buildTarget, discoveredLabels, readGroup } from '../../src/targets/build.ts';
import { Distributor } from '../../src/targets/distributor.ts';
import type { Taker } from '../../src/targets/distributor.ts';
import { createTargetPool } from '../../src/targets/pool.ts';
import type { TargetPool } from '../../src/targets/pool.ts';
import { createSharding } from '../../src/targets/sharding.ts';
import type { Sharding } from '../../src/targets/sharding.ts';
import { job, rule } from '../unit/scrape/support/job.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const WORLDS = 60;
const STEPS = 40;
const JOBS = 6;
const FEEDS = 3;

type Pick = <T>(from: readonly T[]) => T;
type Chance = (p: number) => boolean;

const names = ['ns', 'app', 'port', 'job', '__address__'];
const values: Readonly<Record<string, readonly string[]>> = {
  ns: ['', 'a', 'b', 'c', 'a;x'], app: ['', 'x', 'y', 'b'], port: ['80', '90', ''], job: ['', 'j'], __address__: ['h:1', 'h:2', 'h:3', 'h:1', 'h:2', 'h/bad', ''],
};

function randomLabels(pick: Pick, chance: Chance, p: number): Map<string, string> {
  return new Map(names.filter(() => chance(p)).map((name) => [name, pick(values[name]!)]));
}

/** Labels that are worked out on each access, as those of pods are. */
function randomGroup(source: string, pick: Pick, chance: Chance): TargetGroup {
  const labels = [...randomLabels(pick, chance, 0.6)];
  const targets = Array.from({ length: pick([0, 1, 1, 2, 3]) }, () => [...randomLabels(pick, chance, 0.7)]);
  if (chance(0.5)) return targetGroup(source, targets.map((one) => new Map(one)), new Map(labels));
  return { source, targetCount: targets.length, get targets() { return targets.map((one) => new Map(one)); }, get labels() { return new Map(labels); } };
}

const regexes = ['a', 'a|b', 'x', 'a;x', 'b;', ';x|a;x', '', 'a.*', '.+', '(?i)A', '80', 'h:1|h:2', 'j'];

function randomRule(pick: Pick, chance: Chance): RelabelSettings {
  const sourceLabels = chance(0.35) ? [pick(names), pick(names)] : [pick(names)];
  const action = pick(['keep', 'keep', 'keep', 'drop', 'replace', 'lowercase', 'labelmap', 'labeldrop', 'keepequal'] as const);
  const targetLabel = action === 'replace' ? pick([...names, 'out', '$1']) : pick([...names, 'out']);
  const separator = pick([';', ';', ';', '']);
  const selectors = chance(0.1) ? ['{ns="a"}'] : [];
  if (action === 'labelmap') return rule({ action, regex: pick(['n(.)', 'app']), replacement: pick(['app', 'ns', 'out']) });
  if (action === 'labeldrop') return rule({ action, regex: pick(['ns', 'app|port', 'out']) });
  return rule({ action, sourceLabels, separator, regex: pick(regexes), targetLabel, replacement: pick(['$1', 'a', 'b']), if: selectors });
}

/** A `keep` that looks as if the index could answer it: over a label that a rule before it writes, or that the job gives. */
function deceptiveRules(pick: Pick, chance: Chance, jobName: string): RelabelSettings[] {
  if (chance(0.7)) return [];
  if (chance(0.3)) return [rule({ action: 'keep', sourceLabels: ['job'], regex: `${jobName}|j` })];
  const name = pick(['ns', 'app']);
  return [
    rule({ sourceLabels: ['port'], regex: pick(['.*', '80']), targetLabel: pick([name, '$1', 'out']), replacement: pick(['a', 'x', '$1']) }),
    rule({ action: 'keep', sourceLabels: [name], regex: pick(['a', 'x', 'b|80']) }),
  ];
}

function randomSettings(pick: Pick, chance: Chance, name: string): ScrapeSettings {
  const rules = [...deceptiveRules(pick, chance, name), ...Array.from({ length: pick([0, 1, 1, 2, 3]) }, () => randomRule(pick, chance))];
  const params: ReadonlyMap<string, readonly string[]> = chance(0.2) ? new Map([['module', ['m']]]) : new Map();
  return job({ jobName: name, relabel: rules, params, keepDroppedTargets: pick([0, 0, 3]) });
}

/** A job as the scraper has it: a pool, and what runs, which only ever follows touched keys. */
class Running implements Taker {
  readonly pool: TargetPool;
  readonly live = new Map<string, Target>();
  readonly feeds: readonly Feed[];
  flushed = true;

  constructor(settings: ScrapeSettings, sharding: Sharding | undefined, feeds: readonly Feed[]) {
    this.pool = createTargetPool(settings, sharding);
    this.feeds = feeds;
    this.pool.setFeeds(feeds);
  }

  get keep() {
    return this.pool.keep;
  }

  put(...args: Parameters<Taker['put']>): void {
    this.pool.put(...args);
    this.flushed = false;
  }

  remove(...args: Parameters<Taker['remove']>): void {
    this.pool.remove(...args);
    this.flushed = false;
  }

  flush(): void {
    this.flushed = true;
    for (const key of this.pool.takeTouched()) {
      const target = this.pool.target(key);
      if (target === undefined) this.live.delete(key);
      else this.live.set(key, target);
    }
  }
}

interface Outcome {
  readonly live: readonly string[];
  readonly droppedCount: number;
  readonly left: number;
  readonly dropped: readonly string[];
}

const shownTarget = (target: Target) => `${target.key} ${target.url} ${labelsKey(target.labels)} from ${JSON.stringify([...target.discoveredLabels])}`;
const shownDropped = (labels: ReadonlyMap<string, string>, reason: string) => `${JSON.stringify([...labels])}: ${reason}`;

/** The plain computation: every group of every feed, every target, every rule. */
function wholeSet(settings: ScrapeSettings, sharding: Sharding | undefined, feeds: readonly Feed[]): Outcome {
  const rules = compileRules(settings.relabel, settings.nameScheme);
  const live = new Map<string, string>();
  const dropped: string[] = [];
  let left = 0;
  for (const { group } of feeds.flatMap((feed) => [...feed.entries.values()])) {
    for (let i = 0; i < group.targetCount; i++) {
      const built = buildTarget(readGroup(group), i, settings, rules);
      const labels = discoveredLabels(group, i, settings);
      if (built.kind === 'dropped') {
        const guilty = droppingRule(rules, new Map(labels))!;
        dropped.push(shownDropped(labels, `relabel rule ${settings.relabel.indexOf(guilty) + 1}: ${describeRule(guilty)}`));
      } else if (built.kind === 'target' && sharding?.owns(built.target.labels) === false) {
        left++;
        dropped.push(shownDropped(labels, `sharding: member ${sharding.owners(built.target.labels)[0]} of ${sharding.settings.members}`));
      } else if (built.kind === 'target' && !live.has(built.target.key)) live.set(built.target.key, shownTarget(built.target));
    }
  }
  const most = settings.keepDroppedTargets === 0 ? Infinity : settings.keepDroppedTargets;
  return { live: [...live.values()].sort(), droppedCount: dropped.length, left, dropped: dropped.slice(0, most) };
}

function outcomeOf({ pool, live }: Running): Outcome {
  return {
    live: [...live.values()].map(shownTarget).sort(),
    droppedCount: pool.droppedCount(),
    left: pool.leftCount,
    dropped: [...pool.dropped()].map(({ discoveredLabels: labels, reason }) => shownDropped(labels, reason)),
  };
}

function playWorld(world: number): void {
  const random = seededRandom(seed + world);
  const pick: Pick = (from) => from[Math.floor(random.next() * from.length)]!;
  const chance: Chance = (p) => random.next() < p;
  const distributor = new Distributor();
  const feeds = Array.from({ length: FEEDS }, () => new Feed());
  const sharding = chance(0.3) ? createSharding({ members: 3, member: pick([0, 1, 2]), replicationFactor: 1 }) : undefined;
  const jobs = new Map<string, Running>();

  const connect = (name: string, settings: ScrapeSettings, own: readonly Feed[]) => {
    const before = jobs.get(name);
    if (before !== undefined) distributor.disconnect(before);
    const running = new Running(settings, sharding, own);
    jobs.set(name, running);
    distributor.connect(running, own);
    running.flush();
  };
  const someFeeds = () => feeds.filter(() => chance(0.6)).sort(() => (chance(0.5) ? 1 : -1));
  for (let i = 0; i < JOBS; i++) connect(`j${i}`, randomSettings(pick, chance, `j${i}`), someFeeds());

  for (let step = 0; step < STEPS; step++) {
    if (chance(0.1)) {
      const name = pick([...jobs.keys()]);
      const { pool, feeds: own } = jobs.get(name)!;
      // A reload with other rules, or the same job with other feeds.
      connect(name, chance(0.5) ? randomSettings(pick, chance, name) : pool.settings, chance(0.5) ? own : someFeeds());
    } else {
      const feed = pick(feeds);
      const groups = Array.from({ length: pick([1, 1, 2, 4]) }, () => randomGroup(pick(['s0', 's1', 's2', 's3', 's4']), pick, chance));
      distributor.change(feed, feed.apply(groups));
    }
    for (const [name, running] of jobs) {
      expect(running.flushed).toBe(true);
      expect({ step, name, ...outcomeOf(running) }).toEqual({ step, name, ...wholeSet(running.pool.settings, sharding, running.feeds) });
    }
  }
}

test(`${WORLDS} worlds from seed ${seed}: targets, dropped counts and reasons are those of the whole set`, () => {
  for (let world = 0; world < WORLDS; world++) playWorld(world);
}, 60_000);

test(`a job that changes its feeds in place ends with theirs (seed ${seed})`, () => {
  const random = seededRandom(seed);
  const pick: Pick = (from) => from[Math.floor(random.next() * from.length)]!;
  const chance: Chance = (p) => random.next() < p;
  const feeds = Array.from({ length: FEEDS }, () => new Feed());
  const distributor = new Distributor();
  for (const feed of feeds) feed.apply(['s0', 's1', 's2', 's3'].map((source) => randomGroup(source, pick, chance)));
  for (let round = 0; round < 200; round++) {
    const running = new Running(randomSettings(pick, chance, 'j'), undefined, []);
    for (let change = 0; change < 4; change++) {
      const own = feeds.filter(() => chance(0.6)).sort(() => (chance(0.5) ? 1 : -1));
      running.pool.setFeeds(own);
      distributor.connect(running, own);
      running.flush();
      expect({ round, ...outcomeOf(running) }).toEqual({ round, ...wholeSet(running.pool.settings, undefined, own) });
    }
    distributor.disconnect(running);
  }
});
