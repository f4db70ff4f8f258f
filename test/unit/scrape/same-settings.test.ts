import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/model/secret.ts';
import { sameSettings } from '../../../src/model/same-settings.ts';
import { keepsSeries } from '../../../src/scrape/same-settings.ts';
import { job, rule } from './support/job.ts';

const withPassword = (password: string) => job({ http: { ...job().http, basicAuth: { username: 'u', password: new Secret(password) } } });

describe('sameSettings', () => {
  test('equal jobs are equal', () => expect(sameSettings(withPassword('a'), withPassword('a'))).toBe(true));
  test('another secret is another job', () => expect(sameSettings(withPassword('a'), withPassword('b'))).toBe(false));
  test('another parameter is another job', () => expect(sameSettings(job(), job({ params: new Map([['a', ['1']]]) }))).toBe(false));
  test('another modulus is another job', () =>
    expect(sameSettings(job({ relabel: [rule({ modulus: 1n })] }), job({ relabel: [rule({ modulus: 2n })] }))).toBe(false));
  test('a key that is absent differs from one that is there', () => expect(sameSettings({ a: 1 }, { a: 1, b: undefined })).toBe(false));
});

describe('keepsSeries', () => {
  test.each<[string, boolean, Parameters<typeof job>[0]]>([
    ['scrape_interval', true, { scrapeIntervalMs: 1 }],
    ['scrape_timeout', true, { scrapeTimeoutMs: 1 }],
    ['sample_limit', true, { sampleLimit: 1 }],
    ['target_limit', true, { targetLimit: 1 }],
    ['http', true, { http: { ...job().http, followRedirects: false } }],
    ['label_limit', false, { labelLimit: 1 }],
    ['honor_labels', false, { honorLabels: true }],
    ['metric_relabel_configs', false, { metricRelabel: [rule({})] }],
    ['extra_scrape_metrics', false, { extraScrapeMetrics: true }],
  ])('after a change of %s: %s', (_name, kept, changes) => expect(keepsSeries(job(), job(changes))).toBe(kept));
});
