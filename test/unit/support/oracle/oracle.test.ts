// The oracle is a measuring device: every personality is held against what reference receivers do, every finding of the verdict against a known case.

import { beforeAll, describe, expect, it } from 'vitest';
import { initZstd } from '../../../../src/wire/zstd.ts';
import { createOracle, personalities, seriesKey, TSDB_ORDER, type OracleOptions } from '../../../support/oracle/oracle.ts';
import { STALE_BITS } from '../../../support/write-request.ts';
import { NOW_MS, one, send } from './helper.ts';

beforeAll(() => initZstd());

const key = (name: string) => seriesKey({ __name__: name, job: 'x' });
const at = (name: string, seconds: number, value: number | string) => ({ series: key(name), timestampMs: NOW_MS + seconds * 1000, value });
const noFindings = { missing: 0, duplicated: 0, altered: 0, outOfOrder: 0, extra: 0 };

describe('what is kept', () => {
  for (const message of ['1.0', '2.0'] as const) {
    for (const codec of ['snappy', 'zstd'] as const) {
      it(`${message} in ${codec} keeps every sample`, () => {
        const oracle = createOracle();
        const answer = send(oracle, [one('a', [0, 1], [1, 2.5]), one('b', [0, -0])], { message, codec });
        expect([answer.status, oracle.compare([at('a', 0, 1), at('a', 1, 2.5), at('b', 0, -0)])]).toMatchObject([204, { ...noFindings, expected: 3 }]);
      });
    }
  }

  it('a series is the same in 1.0 and 2.0', () => {
    const oracle = createOracle();
    send(oracle, [one('a', [0, 1])]);
    send(oracle, [one('a', [1, 2])], { message: '2.0' });
    expect([...oracle.seriesKeys()]).toEqual([key('a')]);
  });

  it('counts only: how many, from when to when, and whether they ascended', () => {
    const oracle = createOracle({ countsOnly: true });
    send(oracle, [one('a', [0, 1], [2, 1], [1, 1])]);
    expect(oracle.series(key('a'))).toMatchObject({ count: 3, oldestMs: NOW_MS, newestMs: NOW_MS + 2000, notAscending: 1 });
    expect(() => oracle.compare([])).toThrow('counts only');
  });
});

describe('the verdict', () => {
  const stored = (...seconds: readonly (readonly [number, number])[]) => {
    const oracle = createOracle();
    for (const sample of seconds) send(oracle, [one('a', sample)]);
    return oracle;
  };
  const expected = [at('a', 0, 1), at('a', 1, 1), at('a', 2, 1)];

  it('missing', () => expect(stored([0, 1], [2, 1]).compare(expected)).toMatchObject({ ...noFindings, missing: 1, examples: [`missing: ${key('a')} at ${NOW_MS + 1000}`] }));
  it('missing: the whole series', () => expect(createOracle().compare(expected)).toMatchObject({ ...noFindings, missing: 3 }));
  it('duplicated', () => expect(stored([0, 1], [1, 1], [1, 1], [2, 1]).compare(expected)).toMatchObject({ ...noFindings, duplicated: 1 }));
  it('a repetition behind newer samples is duplicated, not out of order', () => expect(stored([0, 1], [1, 1], [2, 1], [0, 1]).compare(expected)).toMatchObject({ ...noFindings, duplicated: 1 }));
  it('altered', () => expect(stored([0, 1], [1, 7], [2, 1]).compare(expected)).toMatchObject({ ...noFindings, altered: 1 }));
  it('altered on its second arrival', () => expect(stored([0, 1], [1, 1], [1, 7], [2, 1]).compare(expected)).toMatchObject({ ...noFindings, altered: 1 }));
  it('out of order', () => expect(stored([0, 1], [2, 1], [1, 1]).compare(expected)).toMatchObject({ ...noFindings, outOfOrder: 1 }));
  it('extra samples and extra series', () => {
    const oracle = stored([0, 1], [1, 1], [2, 1], [3, 1]);
    send(oracle, [one('b', [0, 1])]);
    expect(oracle.compare(expected)).toMatchObject({ ...noFindings, extra: 2 });
  });
  it('values are compared bit by bit', () => {
    const oracle = createOracle();
    send(oracle, [{ ...one('a'), samples: [{ value: STALE_BITS, timestampMs: NOW_MS }] }]);
    expect([oracle.compare([at('a', 0, STALE_BITS)]).altered, oracle.compare([at('a', 0, Number.NaN)]).altered]).toEqual([0, 1]);
  });
  it('a rule does what a list does', () => {
    const rule = { series: [key('a')], timestampsMs: () => [NOW_MS, NOW_MS + 1000, NOW_MS + 2000], value: () => 1 };
    const oracle = stored([2, 1], [0, 1], [0, 1], [5, 1]);
    expect(oracle.compare(rule)).toEqual(oracle.compare(expected));
  });
});

describe('time rules of a TSDB', () => {
  const partial = (options: OracleOptions = {}) => createOracle({ order: TSDB_ORDER, ...options });
  const after = (oracle: ReturnType<typeof createOracle>, ...samples: readonly (readonly [number, number])[]) => samples.map((sample) => send(oracle, [one('a', sample)]).status);

  it('an older sample is out of order', () => expect(after(partial(), [0, 1], [-1, 1])).toEqual([204, 400]));
  it('the newest one again is fine', () => expect(after(partial(), [0, 1], [0, 1])).toEqual([204, 204]));
  it('the newest one with another value is a duplicate', () => expect(after(partial(), [0, 1], [0, 2])).toEqual([204, 400]));
  it('more than 10 minutes ahead is refused', () => expect(after(partial(), [601, 1], [600, 1])).toEqual([400, 204]));
  it('within the window any order goes, beyond it is too old', () => {
    expect(after(partial({ order: { ...TSDB_ORDER, windowMs: 60_000 } }), [0, 1], [-60, 1], [-60, 1], [-61, 1])).toEqual([204, 204, 204, 400]);
  });
  it('a new series an hour behind the newest sample of the tenant is out of bounds', () => {
    const oracle = partial();
    send(oracle, [one('a', [0, 1])]);
    expect([send(oracle, [one('b', [-3600, 1])]).status, send(oracle, [one('c', [-3601, 1])]).status]).toEqual([204, 400]);
  });
  it('the floor holds within a request, in its order', () => {
    expect(send(partial(), [one('a', [0, 1]), one('b', [-3601, 1])]).body).toContain('out of bounds');
    expect(send(partial(), [one('b', [-3601, 1]), one('a', [0, 1])]).status).toBe(204);
  });
  it('a skewed receiver judges the future by its own clock and shows it', () => {
    const oracle = partial({ skewMs: -700_000 });
    const answer = send(oracle, [one('a', [0, 1])]);
    expect([answer.status, answer.headers['Date']]).toEqual([400, new Date(NOW_MS - 700_000).toUTCString()]);
  });
});

describe('receivers', () => {
  const good = [one('a', [0, 1])];
  const mixed = [one('a', [1, 1], [2, 1]), one('b', [1, 1], [0, 1])];
  const kept = (options: OracleOptions, message: '1.0' | '2.0' = '1.0') => {
    const oracle = createOracle(options);
    const answer = send(oracle, mixed, { message });
    return [answer.status, oracle.sampleCount()];
  };

  it('prometheus rolls a 1.0 request back and is as before', () => {
    const oracle = createOracle(personalities.prometheus);
    expect([send(oracle, mixed).status, oracle.sampleCount()]).toEqual([400, 0]);
    expect([send(oracle, [mixed[0]!, one('b', [0, 1], [1, 1])]).status, oracle.sampleCount()]).toEqual([204, 4]);
  });
  it('prometheus keeps the good part of a 2.0 request', () => expect(kept(personalities.prometheus, '2.0')).toEqual([400, 3]));
  it('prometheus takes no zstd', () => expect(send(createOracle(personalities.prometheus), good, { codec: 'zstd' }).status).toBe(415));
  it('mimir keeps the good part', () => expect(kept(personalities.mimir)).toEqual([400, 3]));
  it('mimir cannot decode zstd', () => expect(send(createOracle(personalities.mimir), good, { codec: 'zstd' }).status).toBe(400));
  it('cortex takes no 2.0', () => expect(send(createOracle(personalities.cortex), good, { message: '2.0' }).status).toBe(415));
  it('thanos answers 409 and keeps the rest', () => expect(kept(personalities.thanos)).toEqual([409, 3]));
  it('victoriametrics takes any order', () => expect(kept(personalities.victoriametrics)).toEqual([204, 4]));
  it('victoriametrics answers 204 to 2.0, keeps nothing and tells no counts', () => {
    const oracle = createOracle(personalities.victoriametrics);
    const answer = send(oracle, good, { message: '2.0' });
    expect([answer.status, Object.keys(answer.headers), oracle.sampleCount()]).toEqual([204, ['Date'], 0]);
  });
  it('2.0 is answered with what was written', () => {
    const answer = send(createOracle(personalities.mimir), mixed, { message: '2.0' });
    expect(answer.headers).toMatchObject({ 'X-Prometheus-Remote-Write-Samples-Written': '3', 'X-Prometheus-Remote-Write-Exemplars-Written': '0' });
  });
  it('bad series are thrown away silently where the receiver is so', () => {
    const oracle = createOracle({ ...personalities.victoriametrics, badSeries: (series) => series.startsWith('b{') });
    expect([send(oracle, mixed).status, oracle.sampleCount()]).toEqual([204, 2]);
  });
  it('a replica that is not elected gets 202, nothing is kept', () => expect(kept({ deduplicates: true })).toEqual([202, 0]));
  it('credentials that expire', () => {
    const oracle = createOracle({ authorization: 'Bearer a' });
    const headers = { authorization: 'Bearer a' };
    const first = send(oracle, good, { headers }).status;
    oracle.set({ authorization: 'Bearer b' });
    expect([first, send(oracle, good, { headers }).status, send(oracle, good, { headers: { authorization: 'Bearer b' } }).status]).toEqual([204, 401, 204]);
  });
});

describe('limits', () => {
  const series = (count: number) => Array.from({ length: count }, (_, i) => one(`m${i}`, [0, i]));

  it('items pass at the rate, after the burst', () => {
    const oracle = createOracle({ itemRate: { perSecond: 10, burst: 20 } });
    const statuses = [0, 0, 1000, 1999].map((ms) => send(oracle, series(10), { nowMs: NOW_MS + ms }).status);
    expect([...statuses, send(oracle, series(10), { nowMs: NOW_MS + 1000 }).status]).toEqual([204, 204, 204, 429, 429]);
  });
  it('a request above the burst never passes', () => {
    const oracle = createOracle({ itemRate: { perSecond: 10, burst: 20 } });
    expect([0, 1e6].map((ms) => send(oracle, series(21), { nowMs: NOW_MS + ms }).body)).toEqual(Array(2).fill('exceeds the burst: limit 10 items a second, burst 20, request 21'));
  });
  it('exemplars are items', () => {
    const exemplar = { labels: [], value: '0000000000000000', timestampMs: NOW_MS };
    const oracle = createOracle({ itemRate: { perSecond: 1, burst: 2 } });
    expect(send(oracle, [{ ...one('a', [0, 1]), exemplars: [exemplar, exemplar] }]).status).toBe(429);
  });
  it('Retry-After as seconds, doubled with each attempt, and as a date', () => {
    const after = (retryAfter: 'seconds' | 'date' | 'none', attempt: string) =>
      send(createOracle({ itemRate: { perSecond: 1, burst: 1, retryAfter } }), series(2), { headers: { 'retry-attempt': attempt } }).headers['Retry-After'];
    expect([after('seconds', '1'), after('seconds', '2'), after('seconds', '9'), after('date', '1'), after('none', '1')])
      .toEqual(['6', '12', '96', new Date(NOW_MS + 6000).toUTCString(), undefined]);
  });
  it('a series limit refuses new series whole and lets known ones pass', () => {
    const oracle = createOracle({ seriesMax: 2 });
    expect([send(oracle, series(2)).status, send(oracle, series(3)).status, send(oracle, series(2)).status, oracle.sampleCount()]).toEqual([204, 429, 204, 4]);
  });
  it('413 by the size of the body, and by what it expands to', () => {
    expect([send(createOracle({ bodyBytesMax: 20 }), series(9)).status, send(createOracle({ rawBytesMax: 100 }), series(9)).status]).toEqual([413, 413]);
    expect(send(createOracle({ rawBytesMax: 100, tooLargeStatus: 400 }), series(9), { codec: 'zstd' }).status).toBe(400);
  });
});

describe('faults', () => {
  it('reset after commit keeps the samples, reset before does not', () => {
    const oracle = createOracle();
    oracle.script('reset-before', 'reset-after-commit');
    const actions = [0, 1, 2].map((second) => send(oracle, [one('a', [second, 1])]).action);
    expect([actions, oracle.sampleCount(), oracle.log.map(({ status }) => status)]).toEqual([['reset-before', 'reset-after-commit', 'answer'], 2, [0, 0, 204]]);
  });
  it('a status for a while, with or without keeping', () => {
    const oracle = createOracle({ fault: ({ nowMs }) => (nowMs < NOW_MS + 1000 ? { status: 503, retryAfter: '3' } : undefined) });
    const answers = [0, 1000].map((ms) => send(oracle, [one('a', [0, 1])], { nowMs: NOW_MS + ms }));
    oracle.script({ status: 504, keeps: true });
    const ambiguous = send(oracle, [one('a', [1, 1])]);
    expect([answers.map(({ status }) => status), answers[0]!.headers['Retry-After'], ambiguous.status, oracle.sampleCount()]).toEqual([[503, 204], '3', 504, 2]);
  });
  it('an answer that comes late is the usual one', () => {
    const oracle = createOracle();
    oracle.script({ delayMs: 70_000 });
    expect(send(oracle, [one('a', [0, 1])])).toMatchObject({ status: 204, delayMs: 70_000 });
  });
  it('garbage is 400', () => {
    const oracle = createOracle();
    expect([oracle.receive({ headers: {}, body: Uint8Array.of(1, 2, 3), nowMs: 0 }).status, oracle.sampleCount()]).toEqual([400, 0]);
  });
  it('the log tells what each request held and what of it was kept', () => {
    const oracle = createOracle({ order: TSDB_ORDER });
    send(oracle, [one('a', [5, 1], [1, 1])]);
    expect(oracle.log).toMatchObject([{ atMs: NOW_MS, status: 400, samples: 2, items: 2, keptSamples: 1, oldestMs: NOW_MS + 1000, newestMs: NOW_MS + 5000 }]);
  });
});
