// Histograms that were counted elsewhere, as text, and text of others behind our own.

import { expect, test } from 'vitest';
import { createMetrics } from '../../../src/telemetry/metrics.ts';

test('buckets become cumulative, with sum and count', async () => {
  const metrics = createMetrics();
  metrics.bucketHistograms('x_seconds', 'How long\nit takes.', ['source'], [0.1, 1]).with('a "b"\\').set([3, 0, 2], 7.5);
  expect(await metrics.text()).toContain([
    '# HELP x_seconds How long\\nit takes.', '# TYPE x_seconds histogram',
    'x_seconds_bucket{le="0.1",source="a \\"b\\"\\\\"} 3', 'x_seconds_bucket{le="1",source="a \\"b\\"\\\\"} 3', 'x_seconds_bucket{le="+Inf",source="a \\"b\\"\\\\"} 5',
    'x_seconds_sum{source="a \\"b\\"\\\\"} 7.5', 'x_seconds_count{source="a \\"b\\"\\\\"} 5', '',
  ].join('\n'));
});

test('one without labels, before anything was counted', async () => {
  const metrics = createMetrics();
  metrics.bucketHistograms('x', 'X.', [], [1]).with();
  expect(await metrics.text()).toContain('x_bucket{le="1"} 0\nx_bucket{le="+Inf"} 0\nx_sum 0\nx_count 0\n');
});

test('a child that is removed is gone', async () => {
  const metrics = createMetrics();
  const family = metrics.bucketHistograms('x', 'X.', ['source'], [1]);
  family.with('a').set([1, 0], 1);
  family.with('b').set([1, 0], 1);
  family.remove('a');
  const text = await metrics.text();
  expect([text.includes('source="a"'), text.includes('source="b"')]).toEqual([false, true]);
});

test('it is among the families, and the text of others comes last', async () => {
  const metrics = createMetrics();
  metrics.bucketHistograms('x', 'X.', [], [1]);
  metrics.counter('y_total', 'Y.').inc();
  metrics.addText(() => 'z 1 1700000000000\n');
  expect(metrics.families()).toEqual(expect.arrayContaining([{ name: 'x', help: 'X.', type: 'histogram' }]));
  expect((await metrics.text()).endsWith('\nz 1 1700000000000\n')).toBe(true);
});

test('every line of our own ends before that text begins', async () => {
  const metrics = createMetrics();
  metrics.counter('y_total', 'Y.').inc();
  metrics.addText(() => 'z 1\n');
  expect((await metrics.text()).split('\n')).toContain('z 1');
});
