// The built program and an API server: owners by the label of pods, a pod that nobody knows yet, kill -9 while its samples wait, and a start without the API server. What reached
// whom is read from what the receivers decoded.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFakeApiServer, type FakeApiServer } from '../support/kubernetes/fake-api-server.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { endAll, until } from './support/process.ts';
import { startTributary, workplace, type Tributary } from './support/tributary.ts';

let exporter: Server;
let kubernetes: FakeApiServer;
const receivers: Receiver[] = [];
/** Pods on the page; the value is the number of the page. */
const onPage = new Set(['train-0', 'serve-0']);
let page = 0;
/** First page that had a pod. */
const firstPage = new Map<string, number>();

beforeAll(async () => {
  kubernetes = await startFakeApiServer();
  exporter = createServer((_request, response) => {
    page++;
    for (const pod of onPage) if (!firstPage.has(pod)) firstPage.set(pod, page);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end([...onPage].map((pod) => `container_cpu{namespace="tasks",pod="${pod}"} ${page}\n`).join(''));
  });
  await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
  for (let i = 0; i < 2; i++) receivers.push(await startReceiver());
});

afterAll(async () => {
  await endAll();
  exporter.closeAllConnections();
  exporter.close();
  await kubernetes.close();
  await Promise.all(receivers.map((receiver) => receiver.stop()));
});

function put(name: string, owner: string): void {
  kubernetes.put({ kind: 'Pod', metadata: { name, namespace: 'tasks', labels: { cluster_id: owner } }, spec: { containers: [{ name: 'main', image: 'i' }] }, status: { phase: 'Running' } });
}

const configuration = () => `
global: {scrape_interval: 2s, scrape_timeout: 2s}
scrape_configs:
- job_name: cadvisor
  honor_labels: true
  static_configs: [{targets: ['127.0.0.1:${(exporter.address() as AddressInfo).port}']}]
remote_write: [{name: a, url: '${receivers[0]!.url}'}, {name: b, url: '${receivers[1]!.url}'}]
tributary:
  kubernetes: {api_server: '${kubernetes.url}'}
  destinations: {a: {owner: a}, b: {owner: b}}
  routing: {owner: {pod_label: cluster_id}, routes: [{to: [owner]}]}
`;

/** Values of a pod's series that arrived. */
function values(receiver: Receiver, pod: string): number[] {
  const series = receiver.requests.flatMap(({ content }) => content?.series ?? []).filter(({ labels }) => labels.some(([name, value]) => name === 'pod' && value === pod));
  return series.flatMap(({ samples }) => samples.map(({ value }) => Buffer.from(value, 'hex').readDoubleBE()));
}

const [a, b] = [() => receivers[0]!, () => receivers[1]!];
const arrived = (receiver: Receiver, pod: string, value: number) =>
  until(() => values(receiver, pod).includes(value), { what: () => `${pod} ${value} in ${JSON.stringify(values(receiver, pod))}`, timeoutMs: 60_000 });

async function waits(tributary: Tributary): Promise<void> {
  for (;;) if (((await tributary.metrics()).get('tributary_queue_moved_in_samples_total{destination="(unresolved)"}') ?? 0) > 0) return;
}

test('each pod\'s series reach its owner alone, over a kill while one waits and a start without the API server', async () => {
  put('train-0', 'a');
  put('serve-0', 'b');
  const place = workplace(configuration());
  const first = await startTributary(place);
  await Promise.all([arrived(a(), 'train-0', page + 1), arrived(b(), 'serve-0', page + 1)]);

  // The exporter knows a pod before the watch does.
  kubernetes.down();
  onPage.add('late-0');
  await waits(first);
  first.signal('SIGKILL');
  await first.ended;
  put('late-0', 'b');
  kubernetes.up();

  const second = await startTributary(place);
  await arrived(b(), 'late-0', firstPage.get('late-0')!);
  await arrived(b(), 'late-0', page + 1);
  expect((await second.destinations()).map(({ identityHolds, scrapeIdentityHolds }) => identityHolds && scrapeIdentityHolds)).toEqual([true, true]);
  expect(await second.stop()).toBe(0);

  // The snapshot knows all of them.
  kubernetes.down();
  const third = await startTributary(place);
  await Promise.all([arrived(a(), 'train-0', page + 1), arrived(b(), 'late-0', page + 1)]);
  await third.stop();
  expect([values(b(), 'train-0'), values(a(), 'serve-0'), values(a(), 'late-0')]).toEqual([[], [], []]);
}, 180_000);
