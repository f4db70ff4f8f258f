// `check config --from=2` against the real thing: a Prometheus of the 2.x line and Tributary scrape one exporter with one configuration that touches
// every difference. As it stands their series differ, and every difference is told; with what the remarks say to write, the series are equal.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { missingPeers } from '../support/peers.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { startPrometheus } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { startTributary, workplace } from './support/tributary.ts';

const missing = missingPeers('prometheus');
if (missing !== undefined) console.warn(`SKIPPED: comparison with Prometheus 2.x: ${missing}`);

/** What the file of 2.x says, and what `check config --from=2` says to write instead. */
interface Words {
  readonly scheme: string;
  readonly price: string;
  readonly fallback: string;
  readonly bound: string;
  readonly bare: string;
  readonly dot: string;
  /** Renames the bounds back; nothing of the file, but what the guide offers to those who want the old names. */
  readonly bounds: string;
}

const asWritten: Words = { scheme: '', price: '5$NOTHING', fallback: '', bound: 'h_bucket;1', bare: '127.0.0.2', dot: 'a.b', bounds: '' };
const repaired: Words = {
  scheme: 'metric_name_validation_scheme: legacy',
  price: '5$$NOTHING',
  fallback: 'fallback_scrape_protocol: PrometheusText0.0.4',
  bound: 'h_bucket;1(\\.0)?',
  bare: '127.0.0.2:80',
  dot: 'a[^\\n]b',
  bounds: "- {source_labels: [le], regex: '(\\d+)\\.0', target_label: le}",
};

/** A page without a type at `/untyped`; a name with a dot for those who ask for such names, as the client libraries do it. */
function page(accept: string): string {
  const named = accept.includes('escaping=allow-utf-8') ? '{"dotted.name"} 1' : 'dotted_name 1';
  return `# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2.5"} 2\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n# TYPE g gauge\ng{query="a\\nb"} 1\n${named}\n`;
}

describe.skipIf(missing !== undefined)('from Prometheus 2.x', () => {
  let exporter: Server;
  let receiver: Receiver;

  beforeAll(async () => {
    exporter = createServer((request, response) => {
      response.writeHead(200, request.url === '/untyped' ? {} : { 'Content-Type': 'text/plain; version=0.0.4' }).end(page(request.headers.accept ?? ''));
    });
    await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
    receiver = await startReceiver();
    await startPrometheus(configuration('2.x', asWritten), 'agent');
    await startTributary(workplace(configuration('as-written', asWritten)));
    await startTributary(workplace(configuration('repaired', repaired)));
    await until(() => ['2.x', 'as-written', 'repaired'].every(hasScraped), { timeoutMs: 60_000, what: () => 'every job scraped by all three' });
  }, 120_000);

  afterAll(async () => {
    await endAll();
    exporter?.closeAllConnections();
    exporter?.close();
    await receiver?.stop();
  });

  function configuration(collector: string, words: Words): string {
    const address = `127.0.0.1:${(exporter.address() as AddressInfo).port}`;
    return `
global:
  scrape_interval: 1s
  ${words.scheme}
  external_labels: {collector: ${collector}, price: ${words.price}}
scrape_configs:
- job_name: page
  ${words.fallback}
  static_configs: [{targets: ['${address}']}]
  metric_relabel_configs:
  - {source_labels: [__name__, le], regex: '${words.bound}', target_label: bound, replacement: 'one'}
  - {source_labels: [query], regex: '${words.dot}', target_label: dot, replacement: 'matched'}
  ${words.bounds}
- job_name: untyped
  ${words.fallback}
  metrics_path: /untyped
  static_configs: [{targets: ['${address}']}]
  metric_relabel_configs: [{source_labels: [__name__], regex: 'g|h_sum', action: keep}]
- job_name: bare
  ${words.fallback}
  static_configs: [{targets: ['${words.bare}']}]
remote_write:
- {name: receiver, url: '${receiver.url}', queue_config: {batch_send_deadline: 500ms, max_shards: 1}}
`;
  }

  /** Two scrapes of each job have arrived: what the first one began is complete then. */
  function hasScraped(collector: string): boolean {
    return ['page', 'untyped', 'bare'].every((job) => receiver.series({ collector, job, __name__: 'up' }).length >= 2);
  }

  /** Label sets as lines, without the label that tells the collectors apart. */
  function series(collector: string): Set<string> {
    const own = receiver.samples().filter(({ labels }) => labels['collector'] === collector);
    return new Set(own.map(({ labels }) => Object.entries(labels).filter(([name]) => name !== 'collector').map((label) => JSON.stringify(label)).sort().join()));
  }

  const only = (collector: string, other: string) => [...series(collector)].filter((line) => !series(other).has(line));
  /** Series of one collector that have all of these labels. */
  const withLabels = (collector: string, labels: Readonly<Record<string, string>>) => receiver.series({ collector, ...labels }).length > 0;

  test('as the file stands, every difference shows in the series', () => {
    const shows = (old: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>) => [withLabels('2.x', old), withLabels('as-written', old), withLabels('as-written', now), withLabels('2.x', now)];
    const differs = [true, false, true, false];
    expect(shows({ __name__: 'up', price: '5$NOTHING' }, { __name__: 'up', price: '5' })).toEqual(differs);
    expect(shows({ __name__: 'h_bucket', le: '1', bound: 'one' }, { __name__: 'h_bucket', le: '1.0' })).toEqual(differs);
    expect(shows({ __name__: 'up', instance: '127.0.0.2:80' }, { __name__: 'up', instance: '127.0.0.2' })).toEqual(differs);
    expect(shows({ __name__: 'dotted_name' }, { __name__: 'dotted.name' })).toEqual(differs);
    expect([withLabels('2.x', { __name__: 'g', dot: 'matched' }), withLabels('as-written', { __name__: 'g', dot: 'matched' })]).toEqual([false, true]);
    expect([withLabels('2.x', { job: 'untyped', __name__: 'g' }), withLabels('as-written', { job: 'untyped', __name__: 'g' })]).toEqual([true, false]);
  });

  test('every difference is told', () => expect(told(asWritten)).toEqual([
    'global', 'global.external_labels', 'scrape_configs[0]', 'scrape_configs[0].metric_relabel_configs[0].regex', 'scrape_configs[0].metric_relabel_configs[1].regex',
    'scrape_configs[1]', 'scrape_configs[2]', 'scrape_configs[2].static_configs[0].targets',
  ]));

  test('with what is said to write, nothing is told any more', () => expect(told(repaired)).toEqual([]));

  test('and the series are those of Prometheus 2.x', () => {
    expect(only('2.x', 'repaired')).toEqual([]);
    expect(only('repaired', '2.x')).toEqual([]);
  });

  /** The places that are told, in order. */
  function told(words: Words): string[] {
    const text = configuration('x', words);
    const result = loadConfig('/p.yml', { readFile: () => Buffer.from(text), env: {}, from: 2 });
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.config.remarks.filter(({ kind }) => kind === 'from_2').map((remark) => remark.path);
  }
});
