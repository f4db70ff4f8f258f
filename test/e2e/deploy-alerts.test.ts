// The alerts at work, by Prometheus' own promtool: quiet while all is well, and each fires for its trouble and for nothing else. The dashboard's
// queries are read by the same parser.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { missingPeers, peerBinary } from '../support/peers.ts';
import { chartFolder } from './support/deploy-tools.ts';
import { endAll, temporaryFolder } from './support/process.ts';

/** Two hours of a collector that is well, one value a minute, in promtool's notation. */
const well: Readonly<Record<string, string>> = {
  'tributary_build_info{}': '1x120',
  'prometheus_config_last_reload_successful{}': '1x120',
  'tributary_destination_parked{destination="m"}': '0x120',
  'tributary_destination_falling_behind{destination="m"}': '0x120',
  'tributary_destination_lag_seconds{destination="m",lane="live"}': '1x120',
  'tributary_destination_outage_hours{destination="m"}': '100x120',
  'tributary_remote_write_sent_samples_total{destination="m"}': '0+1000x120',
  'tributary_remote_write_quarantined_samples_total{destination="m",reason="conflict"}': '3x120',
  'tributary_queue_pending_samples{destination="m"}': '10x120',
  'tributary_queue_mode{destination="m"}': '0x120',
  'tributary_queue_blocked{destination="m"}': '0x120',
  'tributary_queue_lost_samples_total{destination="m",reason="evicted"}': '5x120',
  // By command: meant to be.
  'tributary_queue_lost_samples_total{destination="m",reason="dropped"}': '0+10x120',
  'tributary_scrape_scrapes_total{}': '0+100x120',
  'tributary_scrape_failures_total{class="timeout"}': '0+1x120',
  'tributary_scrape_ticks_skipped_total{}': '7x120',
  'prometheus_target_scrape_pool_exceeded_target_limit_total{}': '2x120',
  'prometheus_sd_refresh_failures_total{mechanism="http",config="a"}': '2x120',
  'tributary_kubernetes_state_age_seconds{server="https://10.0.0.1",kind="pods",namespace=""}': '5x120',
  'tributary_kubernetes_denied{server="https://10.0.0.1",kind="pods",namespace=""}': '0x120',
  // By configuration: meant to be.
  'tributary_route_unrouted_samples_total{reason="none",owner=""}': '0+10x120',
  'tributary_route_unrouted_samples_total{reason="unowned",owner="c"}': '7x120',
  'tributary_masters_last_error{document="hero-user-a/tributary-route"}': '0x120',
  'tributary_masters_source_synced{source="secrets"}': '1x120',
  'tributary_roce_port_info{node="n",device="mlx5_0",port="1",netdev="eth0",driver="mlx5_core",firmware="28.43",link_layer="Ethernet",pci="0000:3b:00.0",numa_node="0"}': '1x120',
  'tributary_roce_line_rate_bytes_per_second{node="n",device="mlx5_0",port="1"}': '12500000000x120',
  'tributary_roce_bursts_total{node="n",device="mlx5_0",port="1",direction="receive"}': '0+50x120',
  'tributary_roce_event_active_seconds_total{node="n",device="mlx5_0",port="1",event="discard"}': '3x120',
  // Marks are how congestion control works.
  'tributary_roce_event_active_seconds_total{node="n",device="mlx5_0",port="1",event="ecn_marked"}': '0+1x120',
  'tributary_roce_pfc_paused_seconds_total{node="n",device="mlx5_0",port="1",direction="receive",priority="3"}': '0+1x120',
  // As a PodMonitor scrapes it.
  'tributary_sampler_ticks_total{node="n",namespace="agents",pod="agent-1",container="node-agent",endpoint="http"}': '0+60000x120',
  'tributary_sampler_missed_ticks_total{node="n",namespace="agents",pod="agent-1",container="node-agent",endpoint="http"}': '0+50x120',
  'tributary_sampler_info{node="n",policy="plain"}': '1x120',
  'tributary_sampler_info{node="n",policy="loop"}': '_x120',
};

/** Trouble: what is different, and which alerts fire after two hours of it. */
const troubles: readonly (readonly [name: string, change: Readonly<Record<string, string>>, alerts: readonly string[]])[] = [
  ['nothing', {}, []],
  ['nothing waits, and nothing is sent', { sent_samples: '5000x120', pending_samples: '0x120' }, []],
  ['a destination is parked', { destination_parked: '1x120', sent_samples: '5000x120' }, ['TributaryDestinationParked']],
  ['a destination is down', { sent_samples: '5000x120' }, ['TributaryDestinationDown']],
  ['an outage goes on', { sent_samples: '5000x120', lag_seconds: '0+60x120' }, ['TributaryDestinationDown', 'TributaryQueueOld']],
  ['an outage outlasts the quota', { sent_samples: '5000x120', lag_seconds: '0+60x120', outage_hours: '3x120' }, ['TributaryDestinationDown', 'TributaryQueueOld', 'TributaryQueueRunsFull']],
  ['a small quota, and nothing waits', { outage_hours: '3x120' }, []],
  ['more comes in than goes out', { falling_behind: '1x120' }, ['TributaryFallingBehind']],
  ['the disk is full', { queue_mode: '1x120' }, ['TributaryQueueNotWriting']],
  ['a blocked queue', { queue_blocked: '1x120' }, ['TributaryQueueNotWriting']],
  ['samples are evicted', { '"evicted"': '0+10x120' }, ['TributarySamplesLost']],
  ['samples are refused', { quarantined: '0+10x120' }, ['TributarySamplesSetAside']],
  ['a fifth of the scrapes fail', { scrape_failures: '0+20x120' }, ['TributaryTargetsDown']],
  ['scrapes are due and not started', { ticks_skipped: '0+1x120' }, ['TributaryScrapeBudgetExceeded']],
  ['a job has too many targets', { target_limit: '0+1x120' }, ['TributaryTargetLimitExceeded']],
  ['the API server is away', { state_age: '0+60x120' }, ['TributaryDiscoveryStale']],
  ['the API server refuses', { kubernetes_denied: '1x120' }, ['TributaryDiscoveryDenied']],
  ['discovery fails', { refresh_failures: '0+1x120' }, ['TributaryDiscoveryFailing']],
  ['an owner has no destination', { '"unowned"': '0+10x120' }, ['TributarySeriesUnowned']],
  ['a master\'s document is refused', { masters_last_error: '1x120' }, ['TributaryMasterRefused']],
  ['documents of masters cannot be read', { masters_source_synced: '0x120' }, ['TributaryMastersUnseen']],
  ['bursts lose packets', { '"discard"': '0+1x120' }, ['TributaryRoceBurstsDrop']],
  ['packets are lost without bursts', { '"discard"': '0+1x120', roce_bursts: '9x120' }, []],
  ['a port is paused a fifth of the time', { pfc_paused: '0+12x120' }, ['TributaryRocePauseStorm']],
  ['a tenth of the readings is missed', { missed_ticks: '0+6000x120' }, ['TributarySamplerMissesTicks']],
  ['the native sampler is missing', { '"plain"': '_x120', '"loop"': '1x120' }, ['TributarySamplerFallback']],
  ['a port that tells no line rate', { line_rate: '_x120' }, []],
  ['windows stop and the sampler turns', { port_info: '1x70 _x50' }, ['TributaryRoceSilent']],
  ['a node agent is gone', { port_info: '1x70 _x50', sampler_ticks: '0+60000x70 _x50', missed_ticks: '0x70 _x50', '"plain"': '1x70 _x50' }, ['TributaryRoceSilent']],
  ['a node was taken away long ago', { port_info: '1x10 _x110', sampler_ticks: '0+60000x10 _x110', missed_ticks: '0x10 _x110', '"plain"': '1x10 _x110' }, []],
  ['a configuration is refused', { last_reload: '0x120' }, ['TributaryConfigRefused']],
  ['nothing arrives', Object.fromEntries(Object.keys(well).map((name) => [name, '_x120'])), ['TributaryAbsent']],
];

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[];
}

const rules = (parse(readFileSync(join(chartFolder, 'files', 'alerts', 'alerts.yaml'), 'utf8')) as { readonly spec: Rules }).spec;

/** The series with a change: each key of `change` is a part of the names it replaces. */
function inputSeries(change: Readonly<Record<string, string>>): { readonly series: string; readonly values: string }[] {
  for (const part of Object.keys(change)) if (!Object.keys(well).some((name) => name.includes(part))) throw new Error(`no series with ${part}`);
  return Object.entries(well).map(([name, values]) => ({
    series: name.replace('{', '{job="tributary",instance="a:9090",'),
    values: Object.entries(change).find(([part]) => name.includes(part))?.[1] ?? values,
  }));
}

describe.skipIf(missingPeers('promtool') !== undefined)('by promtool', () => {
  let folder: string;
  const promtool = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(peerBinary('promtool')!, args, { cwd: folder, encoding: 'utf8' });
    return `${status}\n${stdout}${stderr}`;
  };
  beforeAll(() => {
    folder = temporaryFolder();
    writeFileSync(join(folder, 'alerts.yml'), stringify(rules));
  });
  afterAll(endAll);

  test('the rules are good', () => expect(promtool('check', 'rules', 'alerts.yml')).toMatch(/^0\n/));

  test.each(troubles)('with %s', (name, change, alerts) => {
    const file = `${name.replaceAll(/\W/g, '-')}.yml`;
    const exp_samples = alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }));
    const promql_expr_test = [{ expr: 'count by (alertname) (ALERTS{alertstate="firing"})', eval_time: '2h', exp_samples }];
    writeFileSync(join(folder, file), stringify({ rule_files: ['alerts.yml'], evaluation_interval: '1m', tests: [{ interval: '1m', input_series: inputSeries(change), promql_expr_test }] }));
    expect(promtool('test', 'rules', file)).toMatch(/^0\n/);
  });
  test('every alert has its trouble', () => {
    const fired = new Set(troubles.flatMap(([, , alerts]) => alerts));
    expect(rules.groups.flatMap((group) => group.rules).map(({ alert }) => alert).filter((alert) => !fired.has(alert))).toEqual([]);
  });

  test('the queries of the dashboard are good', () => {
    const dashboard = JSON.parse(readFileSync(join(chartFolder, 'files', 'dashboards', 'tributary.json'), 'utf8')) as { readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[] };
    const queries = dashboard.panels.flatMap(({ targets = [] }) => targets).map(({ expr }) => expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'));
    expect(queries.length).toBeGreaterThan(30);
    writeFileSync(join(folder, 'dashboard.yml'), stringify({ groups: [{ name: 'dashboard', rules: queries.map((expr, i) => ({ record: `panel:${i}`, expr })) }] }));
    expect(promtool('check', 'rules', 'dashboard.yml')).toMatch(/^0\n/);
  });
});
