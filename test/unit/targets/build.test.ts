import { describe, expect, test } from 'vitest';
import { targetGroup } from '../../../discovery/discovery.ts';
import { compileRules } from '../../../src/relabel/relabel.ts';
import type { RelabelSettings } from '../../../src/relabel/config.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import { buildTarget, discoveredLabels, readGroup } from '../../../src/targets/build.ts';
import { job, rule } from '../scrape/support/job.ts';

type Record_ = Record<string, string>;

function build(own: Record_, options: { group?: Record_; job?: Partial<ScrapeSettings>; rules?: RelabelSettings[] } = {}) {
  const group = targetGroup('s', [new Map(Object.entries(own))], new Map(Object.entries(options.group ?? {})));
  return buildTarget(readGroup(group), 0, job(options.job), compileRules(options.rules ?? [], 'utf8'));
}

function target(...args: Parameters<typeof build>) {
  const result = build(...args);
  if (result.kind !== 'target') throw new Error(JSON.stringify(result));
  return result.target;
}

const problem = (...args: Parameters<typeof build>) => {
  const result = build(...args);
  return result.kind === 'error' ? result.text : result.kind;
};

const set = (targetLabel: string, replacement: string) => rule({ targetLabel, replacement });
const address = { __address__: 'host:80' };

describe('discoveredLabels', () => {
  const discovered = (own: Record_, group: Record_, changes: Partial<ScrapeSettings> = {}) =>
    Object.fromEntries(discoveredLabels(targetGroup('s', [new Map(Object.entries(own))], new Map(Object.entries(group))), 0, job(changes)));

  test('the job seeds what discovery leaves open', () => {
    expect(discovered(address, {}, { params: new Map([['a', ['1', '2']]]), scrapeIntervalMs: 90_000 })).toEqual({
      __address__: 'host:80', job: 'test', __scrape_interval__: '1m30s', __scrape_timeout__: '10s', __metrics_path__: '/metrics', __scheme__: 'http',
      __convert_classic_histograms_to_nhcb__: 'false', __always_scrape_classic_histograms__: 'false', __scrape_native_histograms__: 'false', __param_a: '1',
    });
  });
  test("a target's own label goes before the group's", () => expect(discovered({ ...address, a: '1' }, { a: '2', b: '3' })).toMatchObject({ a: '1', b: '3' }));
  test("an empty own label hides the group's", () => expect(discovered({ ...address, a: '' }, { a: '2' })).not.toHaveProperty('a'));
  test('discovery overrides job, path, scheme and interval', () => {
    const own = { ...address, job: 'j', __metrics_path__: '/p', __scheme__: 'https', __scrape_interval__: '5s' };
    expect(discovered(own, {})).toMatchObject(own);
  });
});

describe('buildTarget', () => {
  test('public labels, URL, times and provenance of a plain target', () => {
    const t = target({ ...address, __meta_x: 'm' }, { job: { scrapeTimeoutMs: 5000 } });
    expect(t.labels).toEqual([['instance', 'host:80'], ['job', 'test']]);
    expect(t.url).toBe('http://host:80/metrics');
    expect([t.scrapeIntervalMs, t.scrapeTimeoutMs]).toEqual([10_000, 5000]);
    expect(t.provenance.get('__meta_x')).toBe('m');
    expect(t.discoveredLabels.get('__meta_x')).toBe('m');
  });
  test('instance set by a rule stays', () => expect(target(address, { rules: [set('instance', 'x')] }).labels).toContainEqual(['instance', 'x']));
  test('an instance emptied by a rule is the address again', () =>
    expect(target({ ...address, instance: 'x' }, { rules: [set('instance', '')] }).labels).toContainEqual(['instance', 'host:80']));
  test('__param_ replaces the first value only', () => {
    const t = target({ ...address, __param_a: 'ignored', __param_b: 'y' }, { job: { params: new Map([['a', ['1', '2', '3']]]) }, rules: [set('__param_a', 'x')] });
    expect(t.url).toBe('http://host:80/metrics?a=x&a=2&a=3&b=y');
  });
  test('interval and timeout follow relabelling', () => {
    const t = target(address, { rules: [set('__scrape_interval__', '2s'), set('__scrape_timeout__', '500ms')] });
    expect([t.scrapeIntervalMs, t.scrapeTimeoutMs]).toEqual([2000, 500]);
  });
  test('an address may be set by a rule', () => expect(target({}, { rules: [set('__address__', 'a:1')] }).url).toBe('http://a:1/metrics'));
  test('a dropped target is dropped', () => expect(problem(address, { rules: [rule({ action: 'drop', sourceLabels: ['job'] })] })).toBe('dropped'));

  test.each<[string, string, RelabelSettings[], string]>([
    ['an address is needed', '', [], 'no address'],
    ['labeldrop of the address', 'h', [rule({ action: 'labeldrop', regex: '__address__' })], 'no address'],
    ['no slash in the address', 'http://h', [], '"http://h" is not a valid hostname'],
    ['interval with an unknown unit', 'h', [set('__scrape_interval__', '2x')], 'error parsing scrape interval: unknown unit "x" in duration "2x"'],
    ['interval of zero', 'h', [set('__scrape_interval__', '0s')], 'scrape interval cannot be 0'],
    ['timeout with an unknown unit', 'h', [set('__scrape_timeout__', '2x')], 'error parsing scrape timeout: unknown unit "x" in duration "2x"'],
    ['timeout of zero', 'h', [set('__scrape_timeout__', '0s')], 'scrape timeout cannot be 0'],
    ['timeout above interval', 'h', [set('__scrape_interval__', '1s'), set('__scrape_timeout__', '2s')],
      'scrape timeout cannot be greater than scrape interval ("2s" > "1s")'],
    ['a histogram switch that is no boolean', 'h', [set('__convert_classic_histograms_to_nhcb__', 'yes')],
      'error parsing convert classic histograms to nhcb: strconv.ParseBool: parsing "yes": invalid syntax'],
    ['a value that is no text', 'h', [set('n', '\ud800')], 'invalid label value for "n": "\\ud800"'],
  ])('%s', (_rule, host, rules, text) => expect(problem({ __address__: host }, { rules })).toBe(text));
});

describe('target key', () => {
  const key = (...args: Parameters<typeof build>) => target(...args).key;
  test('does not depend on __meta_ labels', () => expect(key({ ...address, __meta_a: '1' })).toBe(key({ ...address, __meta_a: '2' })));
  test('depends on hidden labels', () => expect(key({ ...address, __x: '1' })).not.toBe(key({ ...address, __x: '2' })));
  test('depends on the URL', () => expect(key(address)).not.toBe(key(address, { job: { params: new Map([['a', ['1', '2']]]) } })));
});
