import { expect, test } from 'vitest';
import { loaded } from '../config/helper.ts';

const metadata = (lines: string) => loaded(`remote_write: [{url: 'http://x/w', metadata_config: {${lines}}}]`).settings.destinations[0]!.metadata;

test.each([
  ['', 60_000, 2000], ['send_interval: 5s, max_samples_per_send: 3', 5000, 3], ['send_interval: 0s, max_samples_per_send: 0', 60_000, 2000],
  ['send_interval: , max_samples_per_send: -1', 60_000, 2000],
])('metadata_config {%s} sends every %i ms, %i in a request', (lines, sendIntervalMs, maxSamplesPerSend) =>
  expect(metadata(lines)).toEqual({ send: true, sendIntervalMs, maxSamplesPerSend }));
