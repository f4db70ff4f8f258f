import { describe, expect, it } from 'vitest';
import { PROFILES, type Profile } from '../../../src/destinations/profile.ts';
import { findVerdict, mayHaveStored, unwritten, type Outcome, type VerdictContext } from '../../../src/sender/verdict.ts';

const counts = { samples: 1, histograms: 0, exemplars: 0 };

interface Case extends Partial<Omit<VerdictContext, 'profile'>> {
  readonly profile?: Profile['name'];
  readonly isCounted?: boolean;
}

function verdict(outcome: Outcome, { profile = 'generic', isCounted = false, ...context }: Case = {}): string {
  const found = findVerdict({ outcome, written: isCounted ? counts : undefined }, {
    message: '1.0', codec: 'snappy', isProven: false, hasFallback: false, rawBytes: 1000, mayBeStored: false, refusesRepeats: !PROFILES[profile].anyOrder,
    profile: PROFILES[profile], ...context,
  });
  if (found.action === 'retry') return `${found.action} ${found.pace} ${found.reason}`;
  if (found.action === 'reject') return `${found.action} ${found.extent} ${found.reason}`;
  if (found.action === 'protocol') return found.isPlain ? 'protocol plain' : 'protocol';
  return 'reason' in found ? `${found.action} ${found.reason}` : found.action;
}

describe('verdicts by status', () => {
  for (const [status, expected] of [
    [200, 'done'], [202, 'deduplicated'], [204, 'done'], [299, 'done'],
    [302, 'retry slow unexpected'], [100, 'retry slow unexpected'], [999, 'retry slow unexpected'], [1200, 'retry slow unexpected'],
    [401, 'retry park refused'], [403, 'retry park refused'], [404, 'retry park refused'], [405, 'retry park refused'], [410, 'retry park refused'],
    [415, 'retry park refused'], [501, 'retry park refused'], [418, 'retry slow refused'],
    [408, 'retry fast timeout'], [499, 'retry fast timeout'], [429, 'retry fast rate_limit'], [529, 'retry fast rate_limit'],
    [500, 'retry fast server_error'], [502, 'retry fast server_error'], [503, 'retry fast server_error'], [504, 'retry fast server_error'], [599, 'retry fast server_error'],
    [400, 'reject all bad_request'], [409, 'reject all conflict'], [413, 'halve too_large'], [422, 'reject all unprocessable'],
  ] as const) {
    it(`${status} on a snappy body, generic: ${expected}`, () => expect(verdict({ status })).toBe(expected));
  }
});

describe('verdicts by receiver', () => {
  for (const [profile, at400, at409] of [
    ['victoriametrics', 'bisect bad_request', 'bisect conflict'], ['prometheus', 'bisect bad_request', 'bisect conflict'], ['telegraf', 'bisect bad_request', 'bisect conflict'],
    ['greptimedb', 'bisect bad_request', 'bisect conflict'], ['promscale', 'bisect bad_request', 'bisect conflict'],
    ['mimir', 'reject some bad_request', 'reject some conflict'], ['cortex', 'reject some bad_request', 'reject some conflict'], ['thanos', 'reject some bad_request', 'reject some conflict'],
    ['m3', 'reject some bad_request', 'reject some conflict'], ['influxdb1', 'reject some bad_request', 'reject some conflict'],
    ['generic', 'reject all bad_request', 'reject all conflict'],
  ] as const) {
    it(`${profile}: 400 is ${at400}, 409 ${at409}`, () => expect([verdict({ status: 400 }, { profile }), verdict({ status: 409 }, { profile })]).toEqual([at400, at409]));
  }

  for (const [profile, rawBytes, expected] of [
    ['victoriametrics', 16 * 1024 ** 2, 'halve too_large'], ['victoriametrics', 15 * 1024 ** 2, 'bisect bad_request'], ['cortex', 50 * 1024 ** 2, 'halve too_large'],
    ['mimir', 50 * 1024 ** 2, 'halve too_large'], ['prometheus', 16 * 1024 ** 2, 'halve too_large'], ['generic', 50 * 1024 ** 2, 'reject all bad_request'],
  ] as const) {
    it(`${profile}: 400 to ${rawBytes / 1024 ** 2} MiB is ${expected}`, () => expect(verdict({ status: 400 }, { profile, rawBytes })).toBe(expected));
  }

  it('telegraf says 410 while it restarts: no reason to park', () => expect(verdict({ status: 410 }, { profile: 'telegraf' })).toBe('retry slow refused'));
});

describe('verdicts on what may be stored', () => {
  const mayBeStored = { mayBeStored: true };
  for (const [profile, status, expected] of [
    ['thanos', 409, 'deduplicated'], ['mimir', 400, 'deduplicated'], ['prometheus', 400, 'verify bad_request'], ['victoriametrics', 400, 'bisect bad_request'],
    ['generic', 409, 'deduplicated'], ['generic', 422, 'deduplicated'], ['influxdb1', 400, 'reject some bad_request'],
  ] as const) {
    it(`${profile}: ${status} is ${expected}`, () => expect(verdict({ status }, { profile, ...mayBeStored })).toBe(expected));
  }

  for (const [outcome, sentBody, expected] of [
    [{ error: 'timeout' }, true, true], [{ error: 'connection' }, true, true], [{ error: 'timeout' }, false, false], [{ error: 'dns' }, true, false], [{ error: 'refused' }, false, false],
    [{ status: 502 }, true, true], [{ status: 504 }, true, true], [{ status: 503 }, true, false], [{ status: 500 }, true, false], ['aborted', true, false],
  ] as const) {
    it(`${JSON.stringify(outcome)}${sentBody ? '' : ' before the body left'} ${expected ? 'may' : 'cannot'} have stored it`, () => expect(mayHaveStored({ outcome, sentBody })).toBe(expected));
  }
});

describe('verdicts on messages and codecs', () => {
  const zstd = { codec: 'zstd', hasFallback: true } as const;
  const v2 = { message: '2.0', hasFallback: true } as const;
  const cases: readonly (readonly [name: string, status: number, context: Case, expected: string])[] = [
    ['400 to zstd is a question', 400, zstd, 'protocol'], ['415 to zstd is an answer', 415, zstd, 'protocol plain'],
    ['400 to zstd is final when there is nothing else', 400, { codec: 'zstd' }, 'reject all bad_request'],
    ['413 to zstd is about size', 413, zstd, 'halve too_large'], ['404 to zstd is about the path', 404, zstd, 'retry park refused'],
    ['2.0 accepted without counts was not read', 204, v2, 'protocol plain'], ['2.0 accepted with counts is stored', 204, { ...v2, isCounted: true }, 'done'],
    ['2.0 accepted without counts is taken when there is nothing else', 204, { message: '2.0' }, 'done'],
    ['202 to 2.0 without counts was not read either', 202, v2, 'protocol plain'], ['202 of Mimir is another replica', 202, { ...v2, profile: 'mimir' }, 'deduplicated'],
    ['415 to 2.0 is an answer', 415, v2, 'protocol plain'],
    ['400 to 2.0 without counts is a question', 400, v2, 'protocol'], ['400 to 2.0 of a receiver that understands it is none', 400, { ...v2, isProven: true, profile: 'mimir' }, 'reject some bad_request'],
    ['400 to 2.0 with counts tells what is missing', 400, { ...v2, isCounted: true, profile: 'prometheus' }, 'reject unwritten bad_request'],
    ['409 to 2.0 with counts tells what is missing', 409, { ...v2, isCounted: true, profile: 'thanos' }, 'reject unwritten conflict'],
    ['503 to 2.0 is retried', 503, v2, 'retry fast server_error'], ['counts of a 1.0 body mean nothing', 400, { isCounted: true, profile: 'prometheus' }, 'bisect bad_request'],
  ];
  for (const [name, status, context, expected] of cases) {
    it(`${name}: ${expected}`, () => expect(verdict({ status }, context)).toBe(expected));
  }

  for (const [sent, written, expected] of [
    [{ samples: 5, exemplars: 2 }, { samples: 5, histograms: 0, exemplars: 2 }, { samples: 0, exemplars: 0 }],
    [{ samples: 5, exemplars: 2 }, { samples: 3, histograms: undefined, exemplars: undefined }, { samples: 2, exemplars: 2 }],
    [{ samples: 5, exemplars: 2 }, { samples: 9, histograms: 1, exemplars: 9 }, { samples: 0, exemplars: 0 }],
    [{ samples: 5, exemplars: 2 }, undefined, { samples: 0, exemplars: 0 }],
  ] as const) {
    it(`of ${JSON.stringify(sent)} with ${JSON.stringify(written)} written, ${JSON.stringify(expected)} is not`, () => expect(unwritten({ message: '2.0', ...sent }, written)).toEqual(expected));
  }
});

describe('verdicts by network error', () => {
  for (const [error, expected] of [
    ['dns', 'retry fast network'], ['refused', 'retry fast network'], ['unreachable', 'retry fast network'], ['connection', 'retry fast network'],
    ['timeout', 'retry fast timeout'], ['tls', 'retry park tls'], ['configuration', 'retry park configuration'],
  ] as const) {
    it(`${error}: ${expected}`, () => expect(verdict({ error })).toBe(expected));
  }
});
