// How much comes from whom: what is counted per scrape, whose it is, and what becomes of it when series move or vanish and configurations change.

import { beforeAll, describe, expect, test } from 'vitest';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import type { VolumeRow } from '../../../src/series/volume.ts';
import { initZstd } from '../../../src/wire/zstd.ts';
import { TestOwners } from '../../support/owners.ts';
import { rule } from '../relabel/rule.ts';
import { route, routing } from '../route/routing.ts';
import { job } from '../scrape/support/job.ts';
import { STEP_MS, World } from './world.ts';
import type { DestinationOptions, WorldOptions } from './world.ts';

beforeAll(initZstd);

const REPORTS = 5;
const masters: DestinationOptions[] = [{ name: 'a', owner: 'a' }, { name: 'b', owner: 'b' }, { name: 'user' }];
const namespace = /^hero-user-(.+)$/;
const inMonitoring = { __meta_kubernetes_namespace: 'monitoring' };
/** Series of two owners, one of a namespace that nobody owns, and one about none. */
const shared = 'c{namespace="hero-user-a",pod="p"} 1\nd{namespace="hero-user-a",pod="p"} 1\nc{namespace="hero-user-b",pod="q"} 2\nc{namespace="x",pod="r"} 2\nnode_x 3\n';

function routed(options: WorldOptions = {}): World {
  return new World({
    destinations: masters, routing: routing([route(['owner', 'user'])]), index: new TestOwners({ namespace, hasPods: false }), job: 'cadvisor',
    settings: { honorLabels: true }, provenance: inMonitoring, ...options,
  });
}

/** `name series samples/s`, by name. */
const short = (rows: readonly VolumeRow[]) => rows.map(({ name, series, samplesPerSecond }) => `${name} ${series} ${samplesPerSecond.toFixed(1)}`).sort();
const owners = (one: World) => short(one.stage.volume().owners);
const namespaces = (one: World) => short(one.stage.volume().namespaces);
const jobs = (one: World) => short(one.stage.volume().jobs);

describe('a job', () => {
  test('has the series of its pages, and the samples of the last scrape with report series', () => {
    const one = new World();
    one.scrape('x 1\ny 2\nz 3\n');
    expect(jobs(one)).toEqual([`j 3 ${((3 + REPORTS) / 10).toFixed(1)}`]);
  });
  test('rates are over the time since the scrape before', () => {
    const one = new World();
    one.scrape('x 1\n');
    one.nowMs += STEP_MS;
    one.scrape('x 1\n');
    expect(one.stage.volume().jobs[0]!.samplesPerSecond).toBeCloseTo((1 + REPORTS) / 20);
  });
  test('what metric rules drop is no part of it', () => {
    const one = new World({ settings: { metricRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'y' })] } });
    one.scrape('x 1\ny 2\n');
    expect(jobs(one)).toEqual([`j 1 ${((1 + REPORTS) / 10).toFixed(1)}`]);
  });
  test('bytes are those of the records, once per destination', () => {
    const columns = (destinations: DestinationOptions[]) => {
      const one = new World({ destinations });
      one.scrape('x 1.5\ny 2.25\n');
      const bytes = [...one.streams.values()].flatMap((stream) => stream.take()).reduce((sum, { payload }) => sum + payload.length, 0);
      expect(one.stage.volume().jobs[0]!.bytesPerSecond).toBeCloseTo(bytes / 10);
      return bytes;
    };
    expect(columns([{ name: 'a' }, { name: 'b' }])).toBe(2 * columns([{ name: 'a' }]));
  });
  test('a scrape that failed brings its report series alone, and its markers once', () => {
    const one = new World({ provenance: inMonitoring });
    one.scrape('x 1\ny 2\n');
    one.scrape(undefined, { error: new ScrapeError('refused', 'refused') });
    expect(jobs(one)).toEqual([`j 2 ${((2 + REPORTS) / 10).toFixed(1)}`]);
    one.scrape(undefined, { error: new ScrapeError('refused', 'refused') });
    expect(jobs(one)).toEqual([`j 2 ${(REPORTS / 10).toFixed(1)}`]);
    expect(namespaces(one)).toEqual(['monitoring 2 0.0']);
  });
  test('has metrics until its last target is gone', async () => {
    const one = new World();
    one.scrape('x 1\ny 2\n');
    one.scrape('x 1\ny 2\n');
    const second = one.stage.open(one.target, job({ jobName: 'j' }));
    second.release();
    const text = await one.metrics.text();
    expect(text).toContain('tributary_series_job_series{job="j"} 2\n');
    expect(text).toContain(`tributary_series_job_samples_total{job="j"} ${2 * (2 + REPORTS)}\n`);
    expect(text).toMatch(/tributary_series_job_appended_bytes_total\{job="j"\} [1-9]/);
    one.series.release();
    expect(await one.metrics.text()).not.toContain('{job="j"}');
    expect(one.stage.volume()).toEqual({ jobs: [], namespaces: [], owners: [] });
  });
});

describe('namespaces', () => {
  test('without routes it is that of the target', () => {
    const one = new World({ provenance: inMonitoring });
    one.scrape(shared);
    expect(namespaces(one)).toEqual(['monitoring 5 0.5']);
  });
  test('of a job that speaks about others it is the one that a series names, else that of the target', () => {
    const one = routed();
    one.scrape(shared);
    expect(namespaces(one)).toEqual(['hero-user-a 2 0.2', 'hero-user-b 1 0.1', 'monitoring 1 0.1', 'x 1 0.1']);
  });
  test('of any other job it is that of the target', () => {
    const one = routed({ job: 'web' });
    one.scrape(shared);
    expect(namespaces(one)).toEqual(['monitoring 5 0.5']);
  });
  test('bytes of a scrape are parted by series', () => {
    const one = routed();
    one.scrape(shared);
    const { jobs: [whole], namespaces: parts } = one.stage.volume();
    for (const { series, bytesPerSecond } of parts) expect(bytesPerSecond).toBeCloseTo((whole!.bytesPerSecond * series) / 5);
  });
  test('other provenance of a target counts from its next page on', () => {
    const one = new World({ provenance: inMonitoring });
    one.scrape('x 1\n');
    one.retarget({ __meta_kubernetes_namespace: 'other' });
    one.scrape('x 1\n');
    expect(namespaces(one)).toEqual(['other 1 0.1']);
  });
});

describe('owners', () => {
  test('have their series, also those without a destination; what nobody owns stands by itself', () => {
    const one = routed({ destinations: [{ name: 'a', owner: 'a' }, { name: 'user' }] });
    one.scrape(shared);
    expect(owners(one)).toEqual([' 2 0.2', 'a 2 0.2', 'b 1 0.1']);
  });
  test('several targets are added up', () => {
    const one = routed();
    one.scrape(shared);
    one.series = one.stage.open({ ...one.target, key: 'k2' }, job({ jobName: 'cadvisor', honorLabels: true }));
    one.scrape('c{namespace="hero-user-b",pod="q"} 2\n');
    expect(owners(one)).toEqual([' 2 0.2', 'a 2 0.2', 'b 2 0.2']);
    expect(one.stage.volume().jobs.map(({ targets, series }) => [targets, series])).toEqual([[2, 6]]);
    expect(one.stage.volume().owners.find(({ name }) => name === 'a')!.targets).toBe(1);
  });
  test('a series that changes hands counts for the new one', () => {
    const index = new TestOwners();
    for (const [pod, owner] of [['p', 'a'], ['q', 'b']] as const) index.setPod('n', pod, owner);
    const one = routed({ index });
    const page = 'c{namespace="n",pod="p"} 1\nd{namespace="n",pod="p"} 1\nc{namespace="n",pod="q"} 1\n';
    one.scrape(page);
    expect(owners(one)).toEqual(['a 2 0.2', 'b 1 0.1']);
    index.setPod('n', 'p', 'b');
    one.scrape(page);
    expect(owners(one)).toEqual(['b 3 0.3']);
  });
  test('a series that waits for its pod counts for the owner of its namespace until then', () => {
    const index = new TestOwners({ namespace });
    const one = routed({ index });
    const page = 'c{namespace="hero-user-a",pod="p"} 1\n';
    one.scrape(page);
    expect(owners(one)).toEqual(['a 1 0.1']);
    index.setPod('hero-user-a', 'p', 'b');
    one.scrape(page);
    expect(owners(one)).toEqual(['b 1 0.1']);
  });
  test('series that vanish are gone, and so is an owner of whom nothing is left', () => {
    const one = routed();
    one.scrape(shared);
    one.scrape('c{namespace="hero-user-b",pod="q"} 2\n');
    expect(owners(one)).toEqual(['b 1 0.1']);
    one.scrape(shared);
    expect(owners(one)).toEqual([' 2 0.2', 'a 2 0.2', 'b 1 0.1']);
  });
  test('a reload without routes forgets them, one with routes finds them again', () => {
    const one = routed();
    one.scrape(shared);
    const settings = routing([route(['owner', 'user'])]);
    one.configure(masters, {}, { ...settings, routes: [] });
    one.scrape(shared);
    expect([owners(one), namespaces(one)]).toEqual([[' 5 0.5'], ['monitoring 5 0.5']]);
    one.configure(masters, {}, settings);
    one.scrape(shared);
    expect(owners(one)).toEqual([' 2 0.2', 'a 2 0.2', 'b 1 0.1']);
  });
  test('write rules that look at the owner are enough to know it, and it is forgotten with them', () => {
    const writeRelabel = [rule({ action: 'drop', sourceLabels: ['__owner__'], regex: 'z' })];
    const one = routed({ destinations: [{ name: 'user' }, { name: 'ruled', writeRelabel }], routing: routing([]) });
    one.scrape(shared);
    expect(owners(one)).toEqual([' 2 0.2', 'a 2 0.2', 'b 1 0.1']);
    one.configure([{ name: 'user' }], {}, routing([]));
    one.scrape(shared);
    expect(owners(one)).toEqual([' 5 0.5']);
  });
});
