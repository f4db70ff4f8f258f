import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { systemDisk } from '../../../src/io/disk.ts';
import { ScrapeError } from '../../../src/model/scrape-error.ts';
import type { ScrapeSettings } from '../../../src/scrape/config.ts';
import { createScraper } from '../../../src/scrape/scraper.ts';
import type { Scraper } from '../../../src/scrape/scraper.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { createTestClock } from '../../support/clock.ts';
import { FakeSeries, failRequest, fakeClient } from './support/fakes.ts';
import { discoveryOf, group, job, rule } from './support/job.ts';

const START = 1_700_000_000_000;
let running: Scraper | undefined;
afterEach(() => running?.stop());

function rig(page?: string) {
  const clock = createTestClock(START);
  const client = fakeClient(page);
  const series: FakeSeries[] = [];
  const metrics = createMetrics();
  const scraper = createScraper({
    clock, metrics, disk: systemDisk, logger: silentLogger, userAgent: 'test', seedText: 'seed',
    openSeries(target, settings) {
      const one = new FakeSeries(target, settings);
      series.push(one);
      return one;
    },
    createHttpClient: () => client,
  });
  running = scraper;
  const discover = discoveryOf(scraper);
  const active = () => scraper.pools()[0]!.active[0]!;
  const value = async (name: string) => {
    const line = (await metrics.text()).split('\n').find((text) => text.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { clock, client, series, scraper, discover, active, value };
}

/** One target, at the moment its first request is open. */
async function atFirstRequest(changes: Partial<ScrapeSettings> = {}) {
  const r = rig();
  r.scraper.apply([job(changes)]);
  r.discover([group(['a:1'])]);
  await r.clock.advance(10_000);
  return { ...r, request: r.client.open[0]!, first: r.series[0]! };
}

describe('a scrape', () => {
  test('asks with the headers of Prometheus', async () => {
    const { client, request } = await atFirstRequest({ scrapeTimeoutMs: 500 });
    expect(request.timeoutMs).toBe(500);
    expect(client.prepared[0]).toEqual({
      url: 'http://a:1/metrics',
      headers: {
        Accept: 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,'
          + 'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
        'Accept-Encoding': 'gzip',
        'X-Prometheus-Scrape-Timeout-Seconds': '0.5',
      },
    });
  });
  test('asks for identity where compression is off', async () =>
    expect((await atFirstRequest({ enableCompression: false })).request.headers['Accept-Encoding']).toBe('identity'));
  test('reads a page in pieces and commits it at the time of the grid', async () => {
    const { request, first, active } = await atFirstRequest();
    request.answer({ body: ['a 1\nb', ' 2\n'] });
    expect(first.commits[0]).toMatchObject({ error: undefined, bodyBytes: 8, page: ['a 1', 'b 2'] });
    expect(first.commits[0]!.timestampMs % 250).toBe(0);
    expect(active()).toMatchObject({ health: 'up', lastError: '', lastSamples: 2, lastBodyBytes: 8, lastScrapeMs: first.commits[0]!.timestampMs });
  });

  test('that cannot be committed fails, and the next one is made', async () => {
    const { client, clock, request, first, active, value } = await atFirstRequest();
    first.commitThrows = new Error('no room');
    request.answer({ body: ['a 1\n'] });
    expect(active()).toMatchObject({ health: 'down', errorClass: 'internal', lastError: 'no room' });
    expect(await value('tributary_scrape_failures_total{class="internal"}')).toBe(1);
    first.commitThrows = undefined;
    await clock.advance(10_000);
    client.open[0]!.answer({ body: ['a 2\n'] });
    expect(active()).toMatchObject({ health: 'up', lastError: '' });
  });

  interface Ending {
    settings?: Partial<ScrapeSettings>;
    status?: number;
    statusText?: string;
    headers?: Record<string, string>;
    body?: (string | Buffer)[];
    expected: { class?: string; error?: string; bodyBytes: number; page?: string[] };
  }
  const plain = { 'content-type': 'text/plain' };
  const gzip = { ...plain, 'content-encoding': 'gzip' };
  const zipped = gzipSync('a 1\nb 2\n');
  const random = Buffer.from(Array.from({ length: 300_000 }, (_, i) => `m${i} ${(i * 7919) % 1009}.${i % 7}\n`).join(''));
  test.each<[string, Ending]>([
    ['another status than 200 fails', { status: 404, statusText: 'Not Found', body: ['a 1\n'],
      expected: { class: 'status', error: 'server returned HTTP status 404 Not Found', bodyBytes: 0, page: [] } }],
    ['204 fails', { status: 204, statusText: 'No Content', expected: { class: 'status', error: 'server returned HTTP status 204 No Content', bodyBytes: 0 } }],
    ['an empty body is good whatever its type', { headers: { 'content-type': 'text/html' }, expected: { bodyBytes: 0, page: [] } }],
    ['a page without a type fails', { headers: {}, body: ['a 1\n'],
      expected: { class: 'content_type', error: 'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target', bodyBytes: 4, page: [] } }],
    ['the fallback reads it', { settings: { fallbackScrapeProtocol: 'PrometheusText0.0.4' }, headers: {}, body: ['a 1\n'], expected: { bodyBytes: 4, page: ['a 1'] } }],
    ['a bad line fails, what was before it counts as seen', { body: ['a 1\n{{{\nb 2\n'], expected: { class: 'parse', bodyBytes: 12, page: ['a 1'] } }],
    ['OpenMetrics without its end fails', { headers: { 'content-type': 'application/openmetrics-text' }, body: ['a 1\n'],
      expected: { class: 'parse', bodyBytes: 4, page: ['a 1'] } }],
    ['an error of the series stage fails the scrape', { body: ['a 1\nrefused 1\n'],
      expected: { class: 'label_limit', error: 'label_limit exceeded', bodyBytes: 14, page: ['a 1'] } }],
    ['a body below its limit is good', { settings: { bodySizeLimit: 5 }, body: ['a 1\n'], expected: { bodyBytes: 4 } }],
    ['a body at its limit is too large', { settings: { bodySizeLimit: 4 }, body: ['a 1\n'],
      expected: { class: 'body_size', error: 'body size limit exceeded', bodyBytes: -1 } }],
    ['gzip is expanded', { headers: gzip, body: [zipped], expected: { bodyBytes: 8, page: ['a 1', 'b 2'] } }],
    ['gzip in pieces is expanded', { headers: gzip, body: [zipped.subarray(0, 9), zipped.subarray(9)], expected: { bodyBytes: 8, page: ['a 1', 'b 2'] } }],
    ['expanded bytes count against the limit', { settings: { bodySizeLimit: 8 }, headers: gzip, body: [zipped],
      expected: { class: 'body_size', error: 'body size limit exceeded', bodyBytes: -1 } }],
    ['far too many expanded bytes are not expanded', { settings: { bodySizeLimit: 1000 }, headers: gzip, body: [gzipSync(Buffer.alloc(1 << 20))],
      expected: { class: 'body_size', error: 'body size limit exceeded', bodyBytes: -1 } }],
    ['what is no gzip fails', { headers: gzip, body: ['a 1\n'], expected: { class: 'encoding', error: 'gzip: invalid header', bodyBytes: 0, page: [] } }],
    ['gzip that ends early fails', { headers: gzip, body: [zipped.subarray(0, 12)], expected: { class: 'encoding', error: 'unexpected EOF', bodyBytes: 0, page: [] } }],
    ['no gzip at all where it is promised fails', { headers: gzip, expected: { class: 'encoding', error: 'EOF', bodyBytes: 0 } }],
    ['another encoding is read as it is', { headers: { ...plain, 'content-encoding': 'br' }, body: ['a 1\n'], expected: { bodyBytes: 4, page: ['a 1'] } }],
    ['a large gzip body is streamed', { headers: gzip, body: [gzipSync(random)], expected: { bodyBytes: random.length } }],
    ['a large gzip body that is broken fails', { headers: gzip, body: [gzipSync(random).subarray(0, 300_000)], expected: { class: 'encoding', error: 'unexpected EOF', bodyBytes: 0 } }],
    ['a large gzip body over the limit fails', { settings: { bodySizeLimit: 1_000_000 }, headers: gzip, body: [gzipSync(random)],
      expected: { class: 'body_size', error: 'body size limit exceeded', bodyBytes: -1 } }],
  ])('%s', async (_rule, { settings, expected, ...answer }) => {
    const { request, first, active } = await atFirstRequest(settings);
    request.answer(answer);
    await expect.poll(() => first.commits.length, { timeout: 20_000 }).toBe(1);
    const commit = first.commits[0]!;
    expect({ class: commit.error?.class, bodyBytes: commit.bodyBytes }).toEqual({ class: expected.class, bodyBytes: expected.bodyBytes });
    expect(commit.error?.message).toEqual(expected.error ?? commit.error?.message);
    expect(commit.page).toEqual(expected.page ?? commit.page);
    expect(active()).toMatchObject({ health: expected.class === undefined ? 'up' : 'down', errorClass: expected.class });
  });

  test('a connection that breaks after a bad line fails as a connection', async () => {
    const { client, request, first } = await atFirstRequest();
    request.answer({ body: ['a 1\n{{{\n'], end: false });
    failRequest(client, request, 'connection', 'unexpected EOF');
    expect(first.commits[0]?.error).toMatchObject({ class: 'connection', message: 'unexpected EOF' });
  });
  test('the class of an HTTP error is kept', async () => {
    const { client, request, active } = await atFirstRequest();
    failRequest(client, request, 'timeout', 'context deadline exceeded');
    expect(active()).toMatchObject({ health: 'down', errorClass: 'timeout', lastError: 'context deadline exceeded' });
  });
  test('a limit that only the whole page shows fails the scrape and is counted', async () => {
    const { request, first, active, value } = await atFirstRequest();
    first.commitError = new ScrapeError('sample_limit', 'sample limit exceeded');
    request.answer({ body: ['a 1\n'] });
    expect(active()).toMatchObject({ health: 'down', errorClass: 'sample_limit' });
    expect(await value('prometheus_target_scrapes_exceeded_sample_limit_total')).toBe(1);
  });
  test('a client that cannot be built fails every scrape', async () => {
    const clock = createTestClock(START);
    const series: FakeSeries[] = [];
    running = createScraper({
      clock, metrics: createMetrics(), disk: systemDisk, logger: silentLogger, userAgent: 'test', seedText: '',
      openSeries: (target, settings) => (series.push(new FakeSeries(target, settings)), series[0]!),
      createHttpClient: () => {
        throw new Error('unable to load CA');
      },
    });
    running.apply([job()]);
    discoveryOf(running)([group(['a:1'])]);
    await clock.advance(10_000);
    expect(series[0]!.commits[0]?.error).toMatchObject({ class: 'configuration', message: 'unable to load CA' });
  });
});

describe('ticks', () => {
  test('come once per interval at one offset', async () => {
    const { clock, series, scraper, discover } = rig('a 1\n');
    scraper.apply([job()]);
    discover([group(['a:1'])]);
    await clock.advance(35_000);
    const times = series[0]!.commits.map((commit) => commit.timestampMs);
    expect(times.length).toBeGreaterThanOrEqual(3);
    for (let i = 1; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBe(10_000);
  });
  test('one that comes during a scrape waits for its end, a second one is skipped and counted', async () => {
    const { clock, client, first, value, request } = await atFirstRequest();
    await clock.advance(20_000);
    expect(client.open).toEqual([request]);
    expect(await value('tributary_scrape_ticks_skipped_total')).toBe(1);
    request.answer({ body: ['a 1\n'] });
    expect(client.open.length).toBe(1);
    expect(first.commits.length).toBe(1);
  });
  test('a body that is too large ends its own scrape only', async () => {
    const { clock, client, first, request } = await atFirstRequest({ bodySizeLimit: 8 });
    await clock.advance(10_000);
    request.answer({ headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, body: [gzipSync('a 1\nb 2\n')] });
    expect(first.commits.map((commit) => commit.error?.class)).toEqual(['body_size']);
    client.open[0]!.answer({ body: ['a 1\n'] });
    expect(first.commits.map((commit) => commit.error?.class)).toEqual(['body_size', undefined]);
  });
  test('a scrape that starts late has its own time', async () => {
    const { clock, client, first, request } = await atFirstRequest();
    await clock.advance(10_000);
    await clock.advance(3);
    const now = clock.nowMs();
    request.answer({});
    client.open[0]!.answer({});
    expect(first.commits[1]!.timestampMs).toBe(now);
  });
});

describe('discovery', () => {
  test('a new target does not disturb the others', async () => {
    const { clock, series, scraper, discover } = rig('a 1\n');
    scraper.apply([job()]);
    discover([group(['a:1'])]);
    await clock.advance(20_000);
    discover([group(['a:1', 'b:1'])]);
    await clock.advance(10_000);
    expect(series.map((one) => one.commits.length)).toEqual([3, 1]);
  });
  test('bursts of changes are gathered', async () => {
    const { clock, scraper, discover } = rig();
    scraper.apply([job()]);
    for (let i = 1; i <= 50; i++) discover([group([`t${i}:1`])]);
    expect(scraper.pools()[0]!.active.map((one) => one.target.url)).toEqual(['http://t1:1/metrics']);
    await clock.advance(1000);
    expect(scraper.pools()[0]!.active.map((one) => one.target.url)).toEqual(['http://t50:1/metrics']);
  });
  test('many targets are started in several turns', async () => {
    const { clock, scraper, discover } = rig();
    scraper.apply([job({ targetLimit: 1000 })]);
    const addresses = Array.from({ length: 1100 }, (_, i) => `t${i}:1`);
    discover([group(addresses)]);
    expect(scraper.pools()[0]!.active.length).toBe(500);
    await clock.advance(0);
    expect(scraper.pools()[0]!.active.length).toBe(1100);
    discover([group(addresses.slice(0, 900))]);
    await clock.advance(1000);
    expect(scraper.pools()[0]!.active.length).toBe(900);
  });
  test('a target that is gone gets its markers two ticks and a tenth later, at the time of the first', async () => {
    const { clock, series, scraper, discover } = rig('a 1\n');
    scraper.apply([job()]);
    discover([group(['a:1'])]);
    await clock.advance(20_000);
    const last = series[0]!.commits.at(-1)!.timestampMs;
    discover([group([])]);
    await clock.advance(last + 20_900 - clock.nowMs());
    expect([series[0]!.ends, series[0]!.commits.at(-1)!.timestampMs]).toEqual([[], last]);
    await clock.advance(200);
    expect([series[0]!.ends, series[0]!.released]).toEqual([[last + 10_000], true]);
  });
  test('a target that was never scraped leaves without markers', async () => {
    const { clock, series, scraper, discover } = rig();
    scraper.apply([job({ scrapeIntervalMs: 3_600_000 })]);
    discover([group(['a:1'])]);
    discover([group([])]);
    await clock.advance(3 * 3_600_000);
    expect(series[0]).toMatchObject({ commits: [], ends: [], released: true });
  });
  test('a target that comes back goes on with its series and gets no markers', async () => {
    const { clock, series, scraper, discover, active } = rig('a 1\n');
    scraper.apply([job()]);
    discover([group(['a:1'])]);
    await clock.advance(20_000);
    discover([group([])]);
    await clock.advance(5000);
    expect(scraper.pools()[0]!.active).toEqual([]);
    discover([group(['a:1'])]);
    expect(active().health).toBe('up');
    await clock.advance(60_000);
    expect([series.length, series[0]!.ends, series[0]!.released]).toEqual([1, [], false]);
  });
  test('over the target limit every target fails, without being asked', async () => {
    const { clock, client, series, scraper, discover, value } = rig('a 1\n');
    scraper.apply([job({ targetLimit: 1 })]);
    discover([group(['a:1', 'b:1'])]);
    await clock.advance(10_000);
    expect(client.open).toEqual([]);
    for (const one of series) expect(one.commits[0]?.error?.message).toBe('target_limit exceeded (number of targets: 2, limit: 1)');
    expect(await value('prometheus_target_scrape_pool_exceeded_target_limit_total')).toBe(1);
    discover([group(['a:1'])]);
    await clock.advance(11_000);
    expect(series[0]!.commits.at(-1)?.error).toBeUndefined();
  });
  test('other __meta_ labels are shown at once, the loop goes on', async () => {
    const { clock, series, scraper, discover, active } = rig('a 1\n');
    scraper.apply([job()]);
    discover([group(['a:1'], { __meta_x: '1' })]);
    await clock.advance(2000);
    discover([group(['a:1'], { __meta_x: '2' })]);
    expect(active().target.discoveredLabels.get('__meta_x')).toBe('2');
    expect(series.length).toBe(1);
  });
});

describe('what it tells', () => {
  test('failures by class, and pools by name', async () => {
    const { client, request, scraper, value } = await atFirstRequest();
    failRequest(client, request, 'refused', 'connection refused');
    expect(await value('tributary_scrape_failures_total{class="refused"}')).toBe(1);
    scraper.apply([job({ jobName: 'z' }), job(), job({ jobName: 'a' })]);
    expect(scraper.pools().map((pool) => pool.name)).toEqual(['a', 'test', 'z']);
  });
  test('relabel steps of a job, and nothing for one that does not exist', () => {
    const { scraper } = rig();
    scraper.apply([job({ relabel: [rule({ targetLabel: 'x', replacement: 'y' })] })]);
    expect(scraper.relabelSteps('test', new Map())?.map((step) => [...step.output])).toEqual([[['x', 'y']]]);
    expect(scraper.relabelSteps('other', new Map())).toBeUndefined();
  });
  test('a job that is gone leaves none of its metrics', async () => {
    const { scraper, discover, value } = rig();
    scraper.apply([job()]);
    discover([group(['a:1', 'x/y'])]);
    const names = ['prometheus_target_scrape_pool_targets{scrape_job="test"}', 'prometheus_target_sync_failed_total{scrape_job="test"}'];
    expect([await value(names[0]!), await value(names[1]!)]).toEqual([1, 1]);
    scraper.apply([]);
    expect([await value(names[0]!), await value(names[1]!)]).toEqual([undefined, undefined]);
  });
});

describe('sharding', () => {
  const addresses = Array.from({ length: 20 }, (_, i) => `t${i}:1`);
  const urls = (scraper: Scraper) => scraper.pools()[0]!.active.map(({ target }) => target.url).sort();

  test('members share the targets, and what is left to others is counted apart from what rules drop', async () => {
    const drop = rule({ action: 'drop', sourceLabels: ['__address__'], regex: 't0:1' });
    const members = [0, 1].map((member) => {
      const one = rig();
      one.scraper.apply([job({ relabel: [drop] })], { members: 2, member, replicationFactor: 1 });
      one.discover([group(addresses)]);
      return one;
    });
    expect(members.flatMap(({ scraper }) => urls(scraper)).sort()).toEqual(addresses.slice(1).map((address) => `http://${address}/metrics`).sort());
    for (const { scraper, value } of members) {
      const kept = urls(scraper).length;
      expect(await value('tributary_targets_left_to_members{scrape_job="test"}')).toBe(19 - kept);
      expect(await value('tributary_targets_dropped{scrape_job="test"}')).toBe(1);
      expect(scraper.pools()[0]).toMatchObject({ droppedCount: 20 - kept, leftCount: 19 - kept });
    }
    await members[0]!.scraper.stop();
  });
  test('a resize takes over at a reload, and loops of targets that stay go on', async () => {
    const { clock, series, scraper, discover, value } = rig('a 1\n');
    scraper.apply([job()], { members: 1, member: 0, replicationFactor: 1 });
    discover([group(addresses)]);
    await clock.advance(10_000);
    scraper.apply([job()], { members: 2, member: 0, replicationFactor: 1 });
    const kept = urls(scraper).length;
    expect([kept > 0 && kept < 20, series.length]).toEqual([true, 20]);
    expect(await value('prometheus_target_scrape_pool_reloads_total')).toBe(1);
    scraper.apply([job()], { members: 2, member: 0, replicationFactor: 1 });
    expect(await value('prometheus_target_scrape_pool_reloads_total')).toBe(1);
    await clock.advance(40_000);
    expect(series.filter(({ ends }) => ends.length > 0).length).toBe(20 - kept);
    scraper.apply([job()], { members: 1, member: 0, replicationFactor: 1 });
    expect([urls(scraper).length, await value('tributary_targets_left_to_members{scrape_job="test"}')]).toEqual([20, undefined]);
  });
});

describe('reload', () => {
  async function scraped(changes: Partial<ScrapeSettings> = {}) {
    const r = rig('a 1\nb 2\n');
    r.scraper.apply([job(changes)]);
    r.discover([group(['a:1'])]);
    await r.clock.advance(20_000);
    return { ...r, first: r.series[0]! };
  }
  test('an unchanged job is untouched', async () => {
    const { clock, client, first, scraper } = await scraped();
    scraper.apply([job()]);
    await clock.advance(20_000);
    expect([client.closed, first.commits.length]).toEqual([false, 4]);
  });
  test.each<[string, Partial<ScrapeSettings>]>([
    ['sample_limit', { sampleLimit: 7 }],
    ['interval and timeout', { scrapeIntervalMs: 5000, scrapeTimeoutMs: 5000 }],
    ['HTTP settings', { http: { ...job().http, followRedirects: false } }],
  ])('%s may change under the same series', async (_name, changes) => {
    const { clock, client, series, first, scraper, active } = await scraped();
    scraper.apply([job(changes)]);
    expect([client.closed, active().health]).toEqual([true, 'up']);
    await clock.advance(60_000);
    expect([series.length, first.ends]).toEqual([1, []]);
    const settings = job(changes);
    expect(first.limits).toEqual([{ sampleLimit: settings.sampleLimit, scrapeTimeoutMs: settings.scrapeTimeoutMs }]);
    expect(active().target.scrapeIntervalMs).toBe(settings.scrapeIntervalMs);
  });
  test('other changes build new series; the old ones end later, but for what goes on', async () => {
    const { clock, client, series, first, scraper, active } = await scraped();
    const last = first.commits.at(-1)!.timestampMs;
    client.page = 'b 2\n';
    scraper.apply([job({ metricRelabel: [rule({ action: 'drop', sourceLabels: ['__name__'], regex: 'a' })] })]);
    expect([series.length, active().health, first.released]).toEqual([2, 'up', false]);
    await clock.advance(40_000);
    expect([first.untracked, first.ends, first.released]).toEqual([['b'], [last + 10_000], true]);
    expect(series[1]!.ends).toEqual([]);
  });
  test('a scrape that runs ends as it began', async () => {
    const { client, request, series, first, scraper } = await atFirstRequest();
    scraper.apply([job({ honorLabels: true })]);
    expect([series.length, request.aborted, client.open.length]).toEqual([1, false, 1]);
    request.answer({ body: ['a 1\n'] });
    expect([series.length, first.commits[0]?.page]).toEqual([2, ['a 1']]);
  });
  test('new rules drop and add targets', async () => {
    const { clock, first, scraper } = await scraped();
    scraper.apply([job({ relabel: [rule({ action: 'drop', sourceLabels: ['__address__'], regex: 'a.*' })] })]);
    expect(scraper.pools()[0]).toMatchObject({ active: [], droppedCount: 1 });
    await clock.advance(40_000);
    expect(first.ends.length).toBe(1);
  });
  test('a job that is gone leaves without markers', async () => {
    const { clock, client, first, scraper } = await scraped();
    scraper.apply([]);
    await clock.advance(60_000);
    expect([first.ends, first.released, client.closed, scraper.pools()]).toEqual([[], true, true, []]);
  });
  test('stop cancels what runs and leaves no timer', async () => {
    const { clock, request, first, scraper } = await atFirstRequest();
    await scraper.stop();
    expect([request.aborted, first.commits, first.ends, first.released, clock.pending()]).toEqual([true, [], [], true, 0]);
  });
});
