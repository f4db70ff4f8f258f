import { describe, expect, it } from 'vitest';
import { ambiguous, findProfile, generic, PROFILES, profileAfter, protocolsOf, victoriametrics, type Message } from '../../../src/destinations/profile.ts';

describe('findProfile', () => {
  for (const [path, expected] of [
    ['/insert/0/prometheus/api/v1/write', 'victoriametrics'], ['/insert/12:3/prometheus/api/v1/write', 'victoriametrics'],
    ['/insert/multitenant/prometheus/api/v1/write', 'victoriametrics'], ['/insert/prometheus/api/v1/write', 'victoriametrics'],
    ['/api/v1/write', 'prometheus'], ['/prometheus/api/v1/write', 'prometheus'], ['/prefix/api/v1/write', 'prometheus'], ['/api/v1/write?extra_label=a=b', 'prometheus'],
    ['/api/v1/push', 'mimir'], ['/api/prom/push', 'mimir'], ['/prometheus/api/v1/push', 'mimir'], ['/api/v1/receive', 'thanos'], ['/api/v1/prom/remote/write', 'm3'],
    ['/api/v1/prom/write?db=x', 'influxdb1'], ['/v1/prometheus/write?db=public', 'greptimedb'], ['/write', 'promscale'], ['/telegraf', 'telegraf'],
    ['/', 'generic'], ['/other/write', 'generic'], ['/api/v1/push/more', 'generic'],
  ] as const) {
    it(`auto at ${path}: ${expected}`, () => expect(findProfile('auto', `http://storage.example${path}`).name).toBe(expected));
  }

  it('a configured name wins over the path', () => {
    expect(findProfile('generic', 'http://a/insert/0/prometheus/api/v1/write')).toBe(generic);
    expect(findProfile('victoriametrics', 'http://a/other')).toBe(victoriametrics);
  });

  it('auto with a URL that does not parse is generic', () => expect(findProfile('auto', 'http://[')).toBe(generic));

  for (const path of ['/api/v1/write', '/api/v1/push', '/write']) {
    it(`on the shared path ${path} order is kept`, () => expect(findProfile('auto', `http://a${path}`).anyOrder).toBe(false));
  }
});

describe('profileAfter', () => {
  it('the ambiguous path is VictoriaMetrics once zstd was accepted', () => expect(profileAfter(ambiguous, 'zstd')).toBe(victoriametrics));
  it('accepted snappy changes nothing', () => expect(profileAfter(ambiguous, 'snappy')).toBe(ambiguous));
  it('a known profile stays', () => expect(profileAfter(victoriametrics, 'snappy')).toBe(victoriametrics));
});

describe('protocolsOf', () => {
  for (const [name, explicit, expected] of [
    ['victoriametrics', undefined, '1.0 zstd, 1.0 snappy'], ['mimir', undefined, '2.0 snappy, 1.0 snappy'], ['prometheus', undefined, '2.0 snappy, 1.0 snappy'],
    ['thanos', undefined, '2.0 snappy, 1.0 snappy'], ['cortex', undefined, '1.0 snappy'], ['generic', undefined, '1.0 snappy'],
    ['greptimedb', undefined, '2.0 zstd, 1.0 zstd, 1.0 snappy'],
    ['mimir', '1.0', '1.0 snappy, 2.0 snappy'], ['generic', '2.0', '2.0 snappy, 1.0 snappy'], ['victoriametrics', '2.0', '2.0 snappy, 1.0 zstd, 1.0 snappy'],
  ] as const satisfies readonly (readonly [keyof typeof PROFILES, Message | undefined, string])[]) {
    it(`${name}, ${explicit ?? 'nothing'} written: ${expected}`, () => {
      expect(protocolsOf(PROFILES[name], explicit).map(({ message, codec }) => `${message} ${codec}`).join(', ')).toBe(expected);
    });
  }
});

it('the pace begins below the limits that Mimir and Cortex have by default', () => {
  expect([PROFILES.mimir.itemsPerSecond, PROFILES.cortex.itemsPerSecond, PROFILES.victoriametrics.itemsPerSecond]).toEqual([9000, 20_000, undefined]);
});
