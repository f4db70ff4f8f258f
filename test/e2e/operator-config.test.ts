// The built program on what the Prometheus operator leaves in a cluster: its gzipped configuration with `$(SHARD)` in it, and a ServiceAccount that may not
// read everything the configuration names.

import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startFakeApiServer, type FakeApiServer } from '../support/kubernetes/fake-api-server.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { endAll, until } from './support/process.ts';
import { startTributary, workplace, type Tributary } from './support/tributary.ts';

const shards = 2;
const addresses = Array.from({ length: 20 }, (_, i) => `127.0.0.${i + 1}:1`);

/** `hashmod`: the last eight bytes of the MD5, modulo two. */
const isOfSecondShard = (address: string) => hash('md5', address, 'buffer').readBigUInt64BE(8) % BigInt(shards) === 1n;

describe("the operator's configuration", () => {
  let server: FakeApiServer;
  let receiver: Receiver;
  let tributary: Tributary;

  beforeAll(async () => {
    server = await startFakeApiServer();
    server.access.setUser('token', { name: 'system:serviceaccount:monitoring:prometheus-k8s', rules: [{ resources: ['pods'], verbs: ['list', 'watch'] }] });
    for (const address of addresses) server.put(pod(`web-${address.replaceAll(/[.:]/g, '-')}`, address.split(':')[0] ?? ''));
    receiver = await startReceiver();
    vi.stubEnv('POD_NAME', 'prometheus-k8s-shard-1-0');
    vi.stubEnv('SHARD', '1');
    const place = workplace('');
    writeFileSync(place.configFile, gzipSync(configuration()));
    tributary = await startTributary(place);
    await until(() => receiver.series({ __name__: 'up' }).length > 0, { what: () => `a scrape to arrive\n${tributary.output().slice(-2000)}` });
  }, 60_000);

  afterAll(async () => {
    vi.unstubAllEnvs();
    await endAll();
    await receiver?.stop();
    await server?.close();
  });

  function configuration(): string {
    const discovery = (role: string) => `kubernetes_sd_configs: [{role: ${role}, api_server: '${server.url}', authorization: {credentials: token}}]`;
    return `
global: {scrape_interval: 1s, external_labels: {prometheus_replica: $(POD_NAME)}}
scrape_configs:
- job_name: podMonitor/shop/web/0
  ${discovery('pod')}
  relabel_configs:
  - {source_labels: [__address__], target_label: __tmp_hash, modulus: ${shards}, action: hashmod}
  - {source_labels: [__tmp_hash], regex: $(SHARD), action: keep}
- job_name: kubelet
  ${discovery('node')}
remote_write: [{name: master-a, url: '${receiver.url}'}]
`;
  }

  test('its variables come from the environment: the shard has its share, and the label its value', async () => {
    const { activeTargets, droppedTargetCounts } = await tributary.api<{ activeTargets: { scrapeUrl: string }[]; droppedTargetCounts: Record<string, number> }>('/api/v1/targets');
    const share = addresses.filter(isOfSecondShard).map((address) => `http://${address}/metrics`);
    expect(activeTargets.map(({ scrapeUrl }) => scrapeUrl).sort()).toEqual(share.sort());
    expect(share.length).toBeGreaterThan(0);
    expect(droppedTargetCounts['podMonitor/shop/web/0']).toBe(addresses.length - share.length);
    expect(receiver.series({ __name__: 'up', prometheus_replica: 'prometheus-k8s-shard-1-0' }).length).toBeGreaterThan(0);
  });

  test('what may not be read is on the page, in the API and in a metric; the rest goes on', async () => {
    const page = (await (await fetch(`${tributary.url}/`)).text()).replaceAll('&quot;', '"');
    expect(page).toMatch(/Alarms \(1\).*<b>nodes<\/b> denied: we may not (list|watch) it\. Add to the rules of the ClusterRole that is bound to the ServiceAccount monitoring\/prometheus-k8s: \{apiGroups: \[""\], resources: \["nodes"\]/s);
    const { reflectors } = await tributary.api<{ reflectors: { kind: string; state: string; isDenied: boolean; permission?: { resource: string; namespace: string } }[] }>('/api/v1/status/kubernetes');
    expect(reflectors).toMatchObject([
      { kind: 'nodes', state: 'syncing', isDenied: true, permission: { resource: 'nodes', namespace: '' } },
      { kind: 'pods', state: 'live', isDenied: false },
    ]);
    const metrics = await tributary.metrics();
    const deniedIn = (kind: string) => metrics.get(`tributary_kubernetes_denied{server="${server.url}",kind="${kind}",namespace=""}`);
    expect([deniedIn('nodes'), deniedIn('pods')]).toEqual([1, 0]);
    expect((await fetch(`${tributary.url}/-/ready`)).status).toBe(200);
  });
});

function pod(name: string, podIP: string): Parameters<FakeApiServer['put']>[0] {
  return {
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 1, protocol: 'TCP' }] }] },
    status: { podIP, phase: 'Running' },
  };
}
