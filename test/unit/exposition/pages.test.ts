// Pages of the exporters that run in our clusters, with their odd details: counts and a few values of each.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CollectingSink, readPage } from './collecting-sink.ts';

/** File, samples, families with a TYPE, and values by metric name and one label. */
const PAGES: readonly [file: string, samples: number, types: number, spots: readonly [name: string, label: string, value: number, timestampMs?: number][]][] = [
  ['node-exporter.txt', 22, 14, [['node_cpu_seconds_total', 'mode=idle', 5354189.07], ['go_gc_duration_seconds', 'quantile=1.0', 0.000329105],
    ['node_network_speed_bytes', 'device=docker0', -125000], ['node_filesystem_avail_bytes', 'mountpoint=/run/user/1000/"odd" path', 6724608]]],
  ['kube-state-metrics.txt', 15, 11, [['kube_node_status_capacity', 'resource=memory', 1081822613504], ['kube_pod_labels', 'label_note=says "hi", twice', 1]]],
  ['kubelet.txt', 17, 8, [['kubelet_certificate_manager_server_ttl_seconds', '', Infinity], ['kubelet_pleg_relist_duration_seconds_bucket', 'le=1.0', 6401218],
    ['kubelet_pleg_relist_duration_seconds_sum', '', Number('21350.112983420733')]]],
  ['cadvisor.txt', 13, 10, [['container_cpu_usage_seconds_total', 'container=coredns', Number('1822.4471830269998'), 1760000002001],
    ['machine_memory_bytes', 'machine_id=8e2a', 1081822613504], ['container_last_seen', 'name=8f1b22', 1760000004, 1760000004117]]],
  ['dcgm-exporter.txt', 8, 7, [['DCGM_FI_DEV_POWER_USAGE', 'gpu=0', 688.321], ['DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION', 'gpu=0', 1846312759113]]],
  ['npu-exporter.txt', 10, 9, [['npu_chip_info_power', 'id=0', 287.3999938964844, 1760000003412], ['npu_chip_info_error_code', 'id=0', -1, 1760000003412]]],
  ['envoy.txt', 13, 8, [['envoy_server_uptime', '', 88230], ['istio_request_duration_milliseconds_bucket', 'le=3.6e+06', 611],
    ['istio_request_duration_milliseconds_sum', 'reporter=source', 8264.05]]],
  ['minio.txt', 10, 7, [['minio_s3_requests_ttfb_seconds_distribution', 'le=1', 88410], ['minio_node_drive_latency_us', 'api=storage.WalkDir', 163]]],
  ['coredns.txt', 16, 7, [['coredns_dns_request_duration_seconds_sum', 'zone=.', 1021.7710936650013], ['coredns_panics_total', '', 0]]],
  ['etcd.txt', 17, 7, [['process_virtual_memory_max_bytes', '', 18446744073709552000], ['etcd_disk_wal_fsync_duration_seconds_bucket', 'le=0.001', 9831470]]],
  ['apiserver.om', 16, 5, [['apiserver_request_total', 'code=201', 1283100], ['workqueue_queue_duration_seconds_bucket', 'le=1e-08', 0]]],
  ['federate.txt', 8, 6, [['job:request_errors:rate5m', 'job=api', NaN, 1760000001000], ['with_odd_value', 'path=C:\\DIR\\"x"\nnext', -Infinity, 1760000001000],
    ['prometheus_tsdb_head_series', 'job=prometheus', 1118204, 1759999996777]]],
];

describe('pages of real exporters', () => {
  it.each(PAGES)('%s', (file, samples, types, spots) => {
    const bytes = readFileSync(new URL(`../../fixtures/pages/${file}`, import.meta.url));
    const sink = new CollectingSink();
    const format = file.endsWith('.om') ? 'openmetrics' : 'text';
    expect(readPage(format, sink, [bytes])).toBeUndefined();
    expect(sink.samples.length).toBe(samples);
    expect(sink.metadataCalls.filter(([, type]) => type !== undefined).length).toBe(types);
    for (const [name, label, value, timestampMs] of spots) {
      const [labelName, labelValue] = [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)];
      const found = sink.collected().find((s) => s.labels.get('__name__') === name && (label === '' || s.labels.get(labelName) === labelValue));
      expect({ name, label, value: found?.value, timestampMs: found?.timestampMs }).toEqual({ name, label, value, timestampMs });
    }
    const first = sink.calls();
    expect(readPage(format, sink, [bytes])).toBeUndefined();
    expect(sink.calls()).toEqual(first);
    expect(sink.hits).toBe(samples);
  });

  it('apiserver.om: the exemplar has its trace, value and time in milliseconds', () => {
    const sink = new CollectingSink();
    readPage('openmetrics', sink, [readFileSync(new URL('../../fixtures/pages/apiserver.om', import.meta.url))]);
    expect(sink.exemplars.map(({ exemplar }) => exemplar)).toEqual([
      { labels: new Map([['trace_id', '7c1f2e0d4b5a69788796a5b4c3d2e1f0']]), value: 0.67, timestampMs: 1760000001250 },
    ]);
  });
});
