import { describe, expect, test } from 'vitest';
import type { HttpErrorClass } from '../../../src/io/http/error.ts';
import { Endpoints, endpointUrls } from '../../../src/sender/endpoints.ts';
import type { Outcome } from '../../../src/sender/verdict.ts';
import { createTestClock } from '../../support/clock.ts';

const refused: Outcome = { error: 'refused' };
const status = (code: number): Outcome => ({ status: code });

function world(urls = ['http://a/w', 'http://b/w', 'http://c/w']) {
  const clock = createTestClock();
  const endpoints = new Endpoints(urls, clock);
  const host = (url: string) => new URL(url).hostname;
  /** One request after another with these outcomes; the hosts they went to. */
  const send = (...outcomes: Outcome[]) =>
    outcomes.map((outcome) => {
      const endpoint = endpoints.choose();
      endpoints.answered(endpoint, outcome, 'status' in outcome && outcome.status < 300 ? '' : 'bad');
      return host(endpoint.url);
    }).join('');
  const inUse = () => endpoints.states().filter((state) => state.inUse).map((state) => host(state.url)).join('');
  return { clock, endpoints, send, inUse };
}

describe('the endpoint in use', () => {
  test.each<HttpErrorClass>(['dns', 'refused', 'unreachable', 'timeout', 'connection', 'tls'])('changes after two failures in a row: %s', (error) => {
    const { send } = world();
    expect(send({ error }, { error }, status(204), status(204))).toBe('aabb');
  });

  test('stays after a single failure', () => expect(world().send(refused, status(204), refused, status(204))).toBe('aaaa'));
  test('stays when something here is wrong', () => expect(world().send({ error: 'configuration' }, { error: 'configuration' }, status(204))).toBe('aaa'));
  test('an answer of any status ends a row of failures', () => expect(world().send(refused, status(500), refused, status(401), refused, status(204))).toBe('aaaaaa'));
  test('the last is followed by the first', () => expect(world().send(refused, refused, refused, refused, refused, refused, status(204))).toBe('aabbcca'));
  test('the only one stays in use', () => expect(world(['http://a/w']).send(refused, refused, refused, status(204))).toBe('aaaa'));

  test.each([502, 503, 504])('changes after five answers %i in a row', (code) => {
    const bad = status(code);
    expect(world().send(bad, bad, bad, bad, status(204), bad, bad, bad, bad, bad, status(204))).toBe('aaaaaaaaaab');
  });
  test.each([400, 401, 413, 429, 500, 501])('stays however often the receiver answers %i', (code) => {
    expect(world().send(...Array.from({ length: 12 }, () => status(code)))).toBe('a'.repeat(12));
  });

  test('requests that fail together count for the endpoint they went to', () => {
    const { endpoints, inUse } = world();
    const together = Array.from({ length: 8 }, () => endpoints.choose());
    for (const endpoint of together) endpoints.answered(endpoint, refused, 'bad');
    expect(inUse()).toBe('b');
  });

  test('a late answer of the endpoint that was left brings nothing back', () => {
    const { endpoints, send, inUse } = world();
    const late = endpoints.choose();
    send(refused, refused);
    endpoints.answered(late, status(204), '');
    expect(inUse()).toBe('b');
  });
});

describe('the preferred endpoint', () => {
  const away = () => {
    const made = world();
    made.send(refused, refused);
    return made;
  };

  test('is asked after a minute, and used again when it stores', async () => {
    const { clock, send } = away();
    await clock.advance(59_999);
    expect(send(status(204))).toBe('b');
    await clock.advance(1);
    expect(send(status(204), status(204))).toBe('aa');
  });

  test.each([refused, status(503), status(401), status(429)])('is asked half as often after each bad answer, at least every ten minutes: %j', async (bad) => {
    const { clock, send } = away();
    for (const waitMs of [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      await clock.advance(waitMs - 1);
      expect(send(status(204))).toBe('b');
      await clock.advance(1);
      expect(send(bad, status(204))).toBe('ab');
    }
  });

  test('is asked by one request at a time', async () => {
    const { clock, endpoints } = away();
    await clock.advance(60_000);
    expect([endpoints.choose(), endpoints.choose(), endpoints.choose()].map(({ url }) => url)).toEqual(['http://a/w', 'http://b/w', 'http://b/w']);
  });

  test('is asked again when the request that asked was given up', async () => {
    const { clock, endpoints } = away();
    await clock.advance(60_000);
    endpoints.abandoned(endpoints.choose());
    expect(endpoints.choose().url).toBe('http://a/w');
  });

  test('is asked again after a minute once it has stored in between', async () => {
    const { clock, send } = away();
    await clock.advance(60_000);
    send(refused);
    await clock.advance(120_000);
    expect(send(status(204), refused, refused)).toBe('aaa');
    await clock.advance(60_000);
    expect(send(status(204))).toBe('a');
  });

  test('is asked again after a minute when it came into use by turn and has stored', async () => {
    const { clock, send } = world(['http://a/w', 'http://b/w']);
    send(refused, refused);
    await clock.advance(60_000);
    expect(send(refused, refused, refused, status(204), refused, refused)).toBe('abbaaa');
    await clock.advance(60_000);
    expect(send(status(204))).toBe('a');
  });

  test('that comes into use by turn while it is asked is like any other', async () => {
    const { clock, endpoints, send } = world(['http://a/w', 'http://b/w']);
    send(refused, refused);
    await clock.advance(60_000);
    const asking = endpoints.choose();
    expect(send(refused, refused)).toBe('bb');
    endpoints.answered(asking, refused, 'bad');
    expect(send(refused, status(204))).toBe('ab');
    await clock.advance(60_000);
    expect(send(status(204))).toBe('a');
  });
});

describe('a new list', () => {
  test('that is the same keeps the endpoint in use', () => {
    const { endpoints, send, inUse } = world();
    send(refused, refused);
    endpoints.update(['http://a/w', 'http://b/w', 'http://c/w']);
    expect(inUse()).toBe('b');
  });

  test('begins with its first, and answers of the old one count no more', () => {
    const { endpoints, send, inUse } = world();
    send(refused);
    const late = endpoints.choose();
    endpoints.update(['http://d/w', 'http://e/w']);
    expect(inUse()).toBe('d');
    send(refused);
    endpoints.answered(late, refused, 'old');
    expect(inUse()).toBe('d');
    expect(endpoints.states().map((state) => state.lastError)).toEqual(['bad', '']);
  });
});

test('the state of each endpoint is shown without passwords, with what was wrong last', () => {
  const { endpoints, send } = world(['http://me:secret@a/w', 'http://b/w']);
  expect(endpoints.shownUrl).toBe('http://me:xxxxx@a/w');
  send(refused, refused, status(204));
  expect(endpoints.states()).toEqual([
    { url: 'http://me:xxxxx@a/w', inUse: false, lastError: 'bad' },
    { url: 'http://b/w', inUse: true, lastError: '' },
  ]);
});

describe('the URL of an endpoint', () => {
  const complete = (endpoint: string, url = 'http://me:p%40ss@a:1/api/v1/write?x=1') => endpointUrls({ url, endpoints: [endpoint] })[1];
  test('without a path has path and query of `url`', () => {
    expect(complete('https://b:2', 'http://a/api/v1/write?x=1')).toBe('https://b:2/api/v1/write?x=1');
    expect(complete('https://b:2/', 'http://a/api/v1/write?x=1')).toBe('https://b:2/api/v1/write?x=1');
    expect(complete('http://[::1]:2', 'http://a/w')).toBe('http://[::1]:2/w');
  });
  test('with a path or a query of its own keeps it', () => {
    expect(complete('http://b/insert/0', 'http://a/w?x=1')).toBe('http://b/insert/0');
    expect(complete('http://b?y=2', 'http://a/w?x=1')).toBe('http://b?y=2');
  });
  test('has the user of `url` unless it names one', () => {
    expect(complete('http://b')).toBe('http://me:p%40ss@b/api/v1/write?x=1');
    expect(complete('http://you@b/w')).toBe('http://you@b/w');
  });
});
