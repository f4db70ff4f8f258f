import { describe, expect, it } from 'vitest';
import { ambiguous, findProfile, generic, profileAfter, victoriametrics } from '../../../src/destinations/profile.ts';

describe('findProfile', () => {
  for (const [path, expected] of [
    ['/insert/0/prometheus/api/v1/write', 'victoriametrics'], ['/insert/12:3/prometheus/api/v1/write', 'victoriametrics'],
    ['/insert/multitenant/prometheus/api/v1/write', 'victoriametrics'], ['/insert/prometheus/api/v1/write', 'victoriametrics'],
    ['/api/v1/write', 'prometheus'], ['/prefix/api/v1/write', 'prometheus'], ['/api/v1/write?extra_label=a=b', 'prometheus'],
    ['/api/v1/push', 'generic'], ['/api/v1/receive', 'generic'], ['/', 'generic'],
  ] as const) {
    it(`auto at ${path}: ${expected}`, () => expect(findProfile('auto', `http://storage.example${path}`).name).toBe(expected));
  }

  it('a configured name wins over the path', () => {
    expect(findProfile('generic', 'http://a/insert/0/prometheus/api/v1/write')).toBe(generic);
    expect(findProfile('victoriametrics', 'http://a/other')).toBe(victoriametrics);
  });

  it('auto with a URL that does not parse is generic', () => expect(findProfile('auto', 'http://[')).toBe(generic));
});

describe('profileAfter', () => {
  it('the ambiguous path is VictoriaMetrics once zstd was accepted', () => expect(profileAfter(ambiguous, 'zstd')).toBe(victoriametrics));
  it('accepted snappy changes nothing', () => expect(profileAfter(ambiguous, 'snappy')).toBe(ambiguous));
  it('a known profile stays', () => expect(profileAfter(victoriametrics, 'snappy')).toBe(victoriametrics));
});
