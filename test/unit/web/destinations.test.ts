// What people and scripts see of destinations: every figure, both identities, alarms, forecasts, and removed destinations.

import { afterEach, describe, expect, test } from 'vitest';
import type { DestinationView } from '../../../src/web/destination-view.ts';
import { alarmsOf, identityHolds, scrapeIdentityHolds } from '../../../src/web/identities.ts';
import { formatBytes, formatDrain, formatRate } from '../../../src/web/page-text.ts';
import type { AgentView } from '../../../src/web/view.ts';
import { destination, quietDestination, startTestServer, type TestServer } from './fake-agent.ts';

const open: TestServer[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map(({ server }) => server.close()))));

async function get(path: string, view: Partial<AgentView>): Promise<string> {
  const web = await startTestServer(view);
  open.push(web);
  return (await fetch(web.base + path)).text();
}

interface Status {
  readonly destinations: readonly Record<string, unknown>[];
  readonly retired: readonly Record<string, unknown>[];
}

async function status(...destinations: DestinationView[]): Promise<Status> {
  return (JSON.parse(await get('/api/v1/status/destinations', { destinations: () => destinations })) as { data: Status }).data;
}

/** Tags and runs of blanks are taken out, so that a test reads what a person reads. */
async function pageText(...destinations: DestinationView[]): Promise<string> {
  const page = await get('/', { destinations: () => destinations });
  return page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
}

const withCounters = (change: Partial<DestinationView['counters']>): DestinationView => ({ ...destination, counters: { ...destination.counters, ...change } });

describe('the API', () => {
  test('tells every figure; moments are RFC 3339', async () => {
    const moments = new Set(['lastErrorMs', 'lastSuccessMs', 'retryAtMs', 'heldUntilMs', 'drainedAtMs']);
    const figures = Object.fromEntries(Object.entries(destination).filter(([name]) => !moments.has(name)));
    expect((await status(destination)).destinations[0]).toEqual({
      ...figures,
      lastErrorTime: '2026-01-02T00:00:00Z',
      lastSuccessTime: '0001-01-01T00:00:00Z',
      retryTime: '2026-01-02T00:00:30Z',
      heldUntilTime: '2026-01-02T01:00:00Z',
      drainedTime: '2026-01-02T02:10:00Z',
      drainText: '2 h 10 min',
      specimens: [{ status: 400, reason: 'out_of_order', samples: 3, time: '2026-01-02T00:00:00Z', body: 'sample <script>alert(1)</script> refused', series: 'up{job="a<b>"}' }],
      identityHolds: true,
      scrapeIdentityHolds: true,
      alarms: [],
    });
  });

  test('figures that are not known are absent', async () => {
    const unknown = { ...destination, drainSeconds: undefined, outageHours: undefined, clockSkewSeconds: undefined, linkBytesPerSecond: undefined, backfill: undefined, tenant: undefined };
    const [told] = (await status(unknown)).destinations;
    for (const name of ['drainSeconds', 'outageHours', 'clockSkewSeconds', 'linkBytesPerSecond', 'backfill', 'tenant']) expect(told).not.toHaveProperty(name);
  });

  test('destinations are sorted by name', async () => expect((await status(quietDestination, destination)).destinations.map(({ name }) => name)).toEqual(['master-a', 'quiet']));

  test('removed destinations with a queue are told', async () =>
    expect((await status()).retired).toEqual([{ name: 'master-old', removedTime: '2026-01-01T00:00:00Z', state: 'parked', pendingSamples: 1_234_567, diskBytes: 3 * 1024 ** 2 }]));
});

describe('identities', () => {
  test('hold when the sums are equal', () => expect([identityHolds(destination), scrapeIdentityHolds(destination)]).toEqual([true, true]));

  const { counters } = destination;
  test.each<[string, Partial<DestinationView['counters']>]>([
    ...(['movedIn', 'acknowledged', 'deduplicated', 'pending'] as const).map((part): [string, Partial<DestinationView['counters']>] => [part, { [part]: counters[part] + 1 }]),
    ...Object.entries(counters.lost).map(([reason, samples]): [string, Partial<DestinationView['counters']>] => [`lost ${reason}`, { lost: { ...counters.lost, [reason]: samples + 1 } }]),
  ])('one sample too many as %s breaks that of the queue only', (_part, change) => {
    const broken = withCounters(change);
    expect([identityHolds(broken), scrapeIdentityHolds(broken)]).toEqual([false, true]);
  });

  test.each(['scraped', 'failed', 'relabelled', 'limited', 'unrouted'] as const)('one sample too many as %s breaks that of the scrapes only', (part) => {
    const broken = withCounters({ scrape: { ...counters.scrape, [part]: counters.scrape[part] + 1 } });
    expect([identityHolds(broken), scrapeIdentityHolds(broken)]).toEqual([true, false]);
  });

  test('a sample that was appended without a scrape breaks both', () => {
    const broken = withCounters({ appended: counters.appended + 1 });
    expect([identityHolds(broken), scrapeIdentityHolds(broken)]).toEqual([false, false]);
  });

  test('a broken one is an alarm, in the API and on the page', async () => {
    const broken = withCounters({ pending: 31 });
    expect((await status(broken)).destinations[0]).toMatchObject({ identityHolds: false, scrapeIdentityHolds: true, alarms: [{ kind: 'identity_broken' }] });
    expect(await pageText(broken)).toMatch(/Alarms \(1\).*master-a identity broken.*BROKEN/);
  });
});

describe('alarms', () => {
  const kinds = (change: Partial<DestinationView>) => alarmsOf({ ...destination, ...change }).map(({ kind }) => kind);
  test.each<[string, Partial<DestinationView>, string[]]>([
    ['a link that is being retried', { state: 'retrying' }, []],
    ['parked', { state: 'parked' }, ['parked']],
    ['more comes in than goes out', { isFallingBehind: true }, ['falling_behind']],
    ['the queue refuses samples', { queueMode: 'full' }, ['queue_full']],
    ['there is no room and scrapes wait', { isBlocked: true }, ['queue_blocked']],
    ['the disk fails', { queueMode: 'failing' }, ['queue_failing']],
    ['several at once', { state: 'parked', queueMode: 'full' }, ['parked', 'queue_full']],
  ])('%s', (_name, change, expected) => expect(kinds(change)).toEqual(expected));

  test('stand at the top of the page, before everything else', async () => {
    const page = await pageText({ ...destination, state: 'parked', lastError: 'status 401' });
    expect(page).toContain('master-a parked: sending stopped until somebody changes something (credentials, path, certificate); nothing is dropped. Last error: status 401');
    expect(page.indexOf('Alarms (1)')).toBeLessThan(page.indexOf('The last reload failed'));
    expect(page.indexOf('Alarms (1)')).toBeLessThan(page.indexOf('Destinations (1)'));
  });

  test('falling behind tells the rates and how long the quota holds', () =>
    expect(alarmsOf({ ...destination, isFallingBehind: true, drainSeconds: undefined })[0]?.text).toBe(
      'more comes in than goes out, which is 8,000 samples/s; 30 samples wait, the oldest for 1 min 15 s; at the present rate the free quota holds 18 h 30 min of data',
    ));

  test('no heading without an alarm', async () => expect(await pageText(destination)).not.toContain('Alarms'));
});

describe('texts', () => {
  test.each([
    [7800, false, '2 h 10 min'],
    [42, false, '42 s'],
    [366 * 86_400, false, 'over a year'],
    [Number.POSITIVE_INFINITY, false, 'over a year'],
    [0, false, '-'],
    [undefined, true, 'grows'],
    [undefined, false, '-'],
  ])('drained in %s s, falling behind %s', (drainSeconds, isFallingBehind, expected) => expect(formatDrain({ drainSeconds, isFallingBehind })).toBe(expected));
  test.each([[0, '0 samples/s'], [0.25, '0.3 samples/s'], [9.96, '10 samples/s'], [12_345.6, '12,346 samples/s']])('rate %s', (rate, expected) => expect(formatRate(rate, 'samples')).toBe(expected));
  test.each([[0, '0 B'], [99.7, '100 B'], [1536, '1.5 KiB'], [1024 ** 3, '1.0 GiB']])('%s bytes', (bytes, expected) => expect(formatBytes(bytes)).toBe(expected));
});

describe('the page', () => {
  test.each([
    'http://storage.example/api/v1/write (victoriametrics, remote write 1.0, zstd)', 'Drained in', '2 h 10 min', 'Drained at 2026-01-02 02:10:00 UTC', 'Free quota holds 18 h 30 min', '4.0 KiB of 1.0 GiB', 'Disk 4.0 KiB in 2 segments',
    'Scraped 110', '= failed 1', '+ relabelled away 2', '+ over a limit 3', '+ unrouted 4', '+ appended 100', 'Scrapes holds',
    'Appended + moved in 100 + 4', '= acknowledged 60', '+ deduplicated 4', '+ evicted (lost) 5', '+ corrupt (lost) 2', '+ rejected (lost) 3', '+ pending 30', 'Queue holds',
    'Order live first', 'Live lag 2.5 s', 'Live rate 1,500 samples/s', 'Backfill lag 1 h 6 min', 'Backfill rate 6,500 samples/s', 'Backfill requests 2 under way',
    'Longest delay of live data 15 s', 'Remote write 1.0, zstd level 5', 'Tenant 7:3 (by path)', 'Sent 1,234 requests, 5.0 MiB', 'Link carries 25.5 KiB/s',
    'Pace 9,000 items/s, learned', 'Burst 50,000 items', 'Bandwidth cap 32.0 KiB/s', 'Concurrency 3 requests', 'Clock skew -1.3 s',
    'Held by the clock guard 4 samples, the first until 2026-01-02 01:00:00 UTC', 'In quarantine 6 entries', 'http://storage-2.example/api/v1/write standby', 'Mode ok',
    'Removed destinations whose queue is kept (1)', 'master-old', '1,234,567 samples', '3.0 MiB',
  ])('shows "%s"', async (text) => expect(await pageText(destination)).toContain(text));

  test('what is not there is said, not left out', async () => {
    const page = await pageText({ ...quietDestination, counters: { ...destination.counters, pending: 0 } });
    for (const text of ['Backfill none', 'Drained at -', 'Held by the clock guard none', 'Last success never']) expect(page).toContain(text);
    expect(page).not.toContain('Last error 0');
  });

  test('a name, a series and an answer of the receiver are text, never markup', async () => {
    const page = await get('/', { destinations: () => [{ ...destination, name: '<i>a</i>', state: 'parked', lastError: '<img src=x>', queueError: '<u>' }], retired: () => [{ name: '<s>b</s>', removedMs: 0, state: 'grace', pendingSamples: 1, diskBytes: 1 }] });
    expect(page).toContain('<pre>sample &lt;script&gt;alert(1)&lt;/script&gt; refused</pre>');
    expect(page).toContain('<code>up{job=&quot;a&lt;b&gt;&quot;}</code>');
    for (const text of ['&lt;i&gt;a', '&lt;img', '&lt;u&gt;', '&lt;s&gt;b']) expect(page).toContain(text);
    expect(page).not.toMatch(/<script|<i>|<img|<u>|<s>|a<b>/);
  });

  test('moments out of every calendar do not break it', async () => {
    const page = await get('/', { destinations: () => [{ ...destination, heldUntilMs: 9e18, drainedAtMs: 1e300 }] });
    expect(page).toContain('the first until 9999-12-31 23:59:59 UTC');
  });
});
