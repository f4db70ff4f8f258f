// The HTTP API: fields, filters and errors as Prometheus has them.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from './fake-agent.ts';

let web: TestServer;
beforeAll(async () => {
  web = await startTestServer({}, '--web.external-url=https://outside.example:8443');
});
afterAll(() => web.server.close());

interface Envelope {
  status: string;
  errorType?: string;
  error?: string;
  data: any; // oxlint-disable-line typescript/no-explicit-any -- answers are read field by field
}

async function ask(path: string): Promise<Envelope> {
  const response = await fetch(`${web.base}/api/v1/${path}`);
  return (await response.json()) as Envelope;
}

describe('targets', () => {
  test('every field of an active target', async () => {
    const { data } = await ask('targets');
    expect(data.activeTargets[1]).toEqual({
      discoveredLabels: { __address__: '127.0.0.1:9100', job: 'node' },
      labels: { instance: '127.0.0.1:9100', job: 'node' },
      scrapePool: 'node',
      scrapeUrl: 'http://127.0.0.1:9100/metrics',
      globalUrl: 'http://outside.example:9100/metrics',
      lastError: '',
      errorClass: '',
      lastScrape: '2026-01-02T03:04:05.678Z',
      lastScrapeDuration: 0.25,
      health: 'up',
      scrapeInterval: '15s',
      scrapeTimeout: '10s',
    });
  });
  test('pools come sorted by name', async () => expect((await ask('targets')).data.activeTargets[0].scrapePool).toBe('api'));
  test('never scraped is the zero time', async () => expect((await ask('targets')).data.activeTargets[0].lastScrape).toBe('0001-01-01T00:00:00Z'));
  test('dropped targets tell the pool and why', async () =>
    expect((await ask('targets')).data.droppedTargets).toEqual([{ discoveredLabels: { __address__: 'd:1' }, scrapePool: 'api', reason: 'drop __address__ =~ d:.*' }]));
  test('dropped targets are counted per pool', async () => expect((await ask('targets')).data.droppedTargetCounts).toEqual({ api: 4, node: 0 }));

  test.each([
    ['', 3, 1, true],
    ['?state=any', 3, 1, true],
    ['?state=ACTIVE', 3, 0, false],
    ['?state=dropped', 0, 1, true],
    ['?state=other', 0, 0, false],
    ['?scrapePool=node', 2, 0, true],
    ['?scrapePool=none', 0, 0, true],
  ])('targets%s', async (query, active, dropped, hasCounts) => {
    const { data } = await ask(`targets${query}`);
    expect([data.activeTargets.length, data.droppedTargets.length, data.droppedTargetCounts !== null]).toEqual([active, dropped, hasCounts]);
  });

  test('scrape pools are sorted', async () => expect((await ask('scrape_pools')).data).toEqual({ scrapePools: ['api', 'node'] }));
});

describe('relabel steps', () => {
  const steps = (query: string) => ask(`targets/relabel_steps?${query}`);
  test('rule, output and keep for every step', async () => {
    const { data } = await steps(`scrapePool=node&labels=${encodeURIComponent('{"a":"1","e":""}')}`);
    expect(data).toEqual({
      steps: [
        { rule: { source_labels: ['a'], separator: ';', regex: '(.*)', target_label: 'b', replacement: '$1', action: 'replace' }, output: { a: '1' }, keep: true },
        { rule: { separator: ';', regex: '', action: 'drop', if: ['{x="y"}'] }, output: {}, keep: false },
      ],
    });
  });
  test.each([
    ['', 'no scrapePool parameter provided'],
    ['scrapePool=node', 'no labels parameter provided'],
    ['scrapePool=node&labels=%5B%5D', 'error parsing labels: expected a JSON object'],
    ['scrapePool=node&labels=%7B%22a%22:1%7D', 'error parsing labels: label "a" is not a string'],
    ['scrapePool=gone&labels=%7B%7D', 'error retrieving scrape config: scrape pool "gone" not found'],
  ])('%s is refused', async (query, error) => expect(await steps(query)).toEqual({ status: 'error', errorType: 'bad_data', error }));
});

describe('metadata', () => {
  test('distinct variants by family', async () =>
    expect((await ask('metadata')).data).toEqual({
      a_bytes: [{ type: 'gauge', help: 'A.', unit: 'bytes' }],
      up_total: [{ type: 'counter', help: 'Ups of node.', unit: '' }, { type: 'counter', help: 'Ups of api.', unit: '' }],
    }));
  test('limit counts families', async () => expect(Object.keys((await ask('metadata?limit=1')).data)).toEqual(['a_bytes']));
  test('limit_per_metric counts variants', async () => expect((await ask('metadata?limit_per_metric=1')).data.up_total).toHaveLength(1));
  test('metric selects one family', async () => expect(Object.keys((await ask('metadata?metric=up_total')).data)).toEqual(['up_total']));
  test('of targets, with the family', async () =>
    expect((await ask('targets/metadata?match_target=%7Bjob%3D%22api%22%7D')).data).toEqual([
      { target: { instance: 'c:1', job: 'api' }, metric: 'up_total', type: 'counter', help: 'Ups of api.', unit: '' },
      { target: { instance: 'c:1', job: 'api' }, metric: 'a_bytes', type: 'gauge', help: 'A.', unit: 'bytes' },
    ]));
  test('of targets, one family, without its name', async () =>
    expect((await ask('targets/metadata?metric=a_bytes&limit=1')).data).toEqual([{ target: { instance: 'c:1', job: 'api' }, type: 'gauge', help: 'A.', unit: 'bytes' }]));
  test('a limit that is no number', async () => expect((await ask('targets/metadata?limit=x')).error).toBe('limit must be a number'));
  test('a bad selector', async () => expect((await ask('targets/metadata?match_target=%7B')).errorType).toBe('bad_data'));
});

describe('status', () => {
  test('config holds YAML, remarks and the reload', async () => {
    const { data } = await ask('status/config');
    expect(data.yaml).toBe('global: {}\n');
    expect(data.remarks).toHaveLength(1);
    expect(data.reload).toMatchObject({ successful: false, problems: [{ text: 'unknown key' }] });
  });
  test('flags are texts', async () => expect((await ask('status/flags')).data).toMatchObject({ 'web.enable-lifecycle': 'false', 'storage.tsdb.path': 'data/' }));
  test('buildinfo', async () =>
    expect((await ask('status/buildinfo')).data).toEqual({ version: '1.2.3', revision: 'abc', branch: 'main', buildUser: '', buildDate: '2026-01-01', goVersion: process.version }));
  test('runtimeinfo has the fields of Prometheus', async () =>
    expect((await ask('status/runtimeinfo')).data).toMatchObject({ startTime: '1970-01-01T00:00:00Z', reloadConfigSuccess: false, corruptionCount: 2, CWD: process.cwd() }));
});

test.each(['query', 'query_range', 'query_exemplars', 'format_query', 'parse_query', 'labels', 'label/job/values', 'series', 'alertmanagers', 'status/tsdb', 'status/tsdb/blocks', 'alerts', 'rules', 'admin/tsdb/snapshot'])(
  '%s is unavailable as in agent mode', async (path) => {
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${web.base}/api/v1/${path}`, { method });
      expect([response.status, await response.json()]).toEqual([422, { status: 'error', errorType: 'execution', error: 'unavailable with Prometheus Agent' }]);
    }
  },
);

test('an unknown path of the API is a JSON 404', async () => expect(await ask('nope')).toMatchObject({ status: 'error', errorType: 'not_found' }));
