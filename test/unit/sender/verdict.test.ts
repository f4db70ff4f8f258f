import { describe, expect, it } from 'vitest';
import { generic, prometheus, victoriametrics, type Codec, type Profile } from '../../../src/destinations/profile.ts';
import { findVerdict, type Outcome } from '../../../src/sender/verdict.ts';

function verdict(outcome: Outcome, codec: Codec = 'snappy', profile: Profile = generic): string {
  const found = findVerdict(outcome, { codec, profile });
  if (found.action === 'retry') return `${found.action} ${found.pace} ${found.reason}`;
  return 'reason' in found ? `${found.action} ${found.reason}` : found.action;
}

describe('verdicts by status', () => {
  for (const [status, expected] of [
    [200, 'done'], [202, 'done'], [204, 'done'], [299, 'done'],
    [302, 'retry slow unexpected'], [999, 'retry slow unexpected'],
    [401, 'retry slow refused'], [403, 'retry slow refused'], [404, 'retry slow refused'], [405, 'retry slow refused'], [410, 'retry slow refused'],
    [415, 'retry slow refused'], [501, 'retry slow refused'], [418, 'retry slow refused'],
    [408, 'retry fast timeout'], [499, 'retry fast timeout'], [429, 'retry fast rate_limit'], [529, 'retry fast rate_limit'],
    [500, 'retry fast server_error'], [502, 'retry fast server_error'], [503, 'retry fast server_error'], [504, 'retry fast server_error'],
    [400, 'drop bad_request'], [409, 'drop conflict'], [413, 'halve too_large'], [422, 'drop unprocessable'],
  ] as const) {
    it(`${status} on a snappy body, generic: ${expected}`, () => expect(verdict({ status })).toBe(expected));
  }

  for (const profile of [victoriametrics, prometheus]) {
    for (const [status, codec, expected] of [
      [400, 'snappy', 'bisect bad_request'], [422, 'snappy', 'bisect unprocessable'], [400, 'zstd', 'codec'], [415, 'zstd', 'codec'],
      [413, 'zstd', 'halve too_large'], [409, 'zstd', 'drop conflict'], [404, 'zstd', 'retry slow refused'], [503, 'zstd', 'retry fast server_error'],
    ] as const) {
      it(`${status} on a ${codec} body, ${profile.name}: ${expected}`, () => expect(verdict({ status }, codec, profile)).toBe(expected));
    }
  }
});

describe('verdicts by network error', () => {
  for (const [error, expected] of [
    ['dns', 'retry fast network'], ['refused', 'retry fast network'], ['unreachable', 'retry fast network'], ['connection', 'retry fast network'],
    ['timeout', 'retry fast timeout'], ['tls', 'retry fast tls'], ['configuration', 'retry slow configuration'],
  ] as const) {
    it(`${error}: ${expected}`, () => expect(verdict({ error })).toBe(expected));
  }
});
