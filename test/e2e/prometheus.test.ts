// Drop-in, against the real thing: Tributary and Prometheus in agent mode scrape the same targets with the same configuration and write to the same
// receivers: a real VictoriaMetrics, a real Prometheus server, and a receiver that keeps every sample to the last bit. One external label
// tells them apart; nothing else may, but for what Prometheus changed after Debian's 2.42: the table in support/differences.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingPeers } from '../support/peers.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { STALE_BITS } from '../support/write-request.ts';
import { cases } from './support/cases.ts';
import { differences, floatLabels } from './support/differences.ts';
import { startNodeExporter, startPrometheus, startVictoriaMetrics, type Peer } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { exportVictoriaMetrics, fromReceiver, ordinaryNanBits, queryPrometheus, seriesText, tell, type StoredSample, type Told, type TellOptions } from './support/read-back.ts';
import { startSynthetic, type Exporter, type ScraperName } from './support/synthetic.ts';
import { parsePage, startTributary, workplace, type DestinationStatus, type Tributary } from './support/tributary.ts';

/** Pages here have times ahead of the clock, which a Prometheus sends at once. */
const withoutGuard = 'tributary: {destinations: {receiver: {clock_guard: false}, victoriametrics: {clock_guard: false}, prometheus: {clock_guard: false}}}\n';

const missing = missingPeers('victoria-metrics', 'prometheus', 'prometheus-node-exporter');
if (missing !== undefined) console.warn(`SKIPPED: comparison with Prometheus: ${missing}`);

const collectors: readonly ScraperName[] = ['prometheus', 'tributary'];
/** Scrapes compared of targets whose pages are all alike. */
const evenScrapes = 4;
const scrapeTimeoutMs = 60_000;

describe.skipIf(missing !== undefined)('beside Prometheus', () => {
  // Ahead of the clock, within what is accepted: the remote write of Prometheus skips what is older than its start.
  const baseMs = Math.floor(Date.now() / 1000) * 1000 + 180_000;
  let exporter: Exporter;
  let nodeExporter: Peer;
  let victoriaMetrics: Peer;
  let prometheusServer: Peer;
  let receiver: Receiver;
  let tributary: Tributary;
  let destinations: readonly DestinationStatus[];
  let theirLosses: readonly string[];
  let exitCode: number | string;
  const held: Record<'receiver' | 'victoriametrics' | 'prometheus', StoredSample[]> = { receiver: [], victoriametrics: [], prometheus: [] };

  beforeAll(async () => {
    exporter = await startSynthetic(cases, baseMs);
    [nodeExporter, victoriaMetrics, prometheusServer, receiver] = await Promise.all([
      startNodeExporter(),
      startVictoriaMetrics(),
      startPrometheus('scrape_configs: []', 'server'),
      startReceiver(),
    ]);
    const agent = await startPrometheus(configuration('prometheus'), 'agent');
    tributary = await startTributary(workplace(configuration('tributary')));
    await until(isScraped, { timeoutMs: scrapeTimeoutMs, what: () => `every page scraped by both; missing: ${unscraped().join(', ')}\n${tributary.output().slice(-2000)}\n${agent.output().slice(-2000)}` });
    await until(hasEnded, { what: () => 'the markers of the vanished target' });
    await until(isDelivered, { what: () => 'deliveries after the last page' });
    destinations = await tributary.destinations();
    theirLosses = lossesOf(parsePage(await (await fetch(`http://${agent.address}/metrics`)).text()));
    exitCode = await tributary.stop();
    await agent.stop();
    held.receiver = fromReceiver(receiver.samples());
    held.prometheus = await queryPrometheus(prometheusServer.address);
    await until(async () => (held.victoriametrics = await exportVictoriaMetrics(victoriaMetrics.address)).length >= storable(), {
      what: () => `${storable()} samples in VictoriaMetrics, it has ${held.victoriametrics.length}`,
    });
  }, 180_000);

  afterAll(async () => {
    await endAll();
    await exporter?.stop();
    await receiver?.stop();
  });

  /** One configuration for both; only the external label differs. */
  function configuration(collector: ScraperName): string {
    const jobs = cases.map(({ name, job = [], targets = "static_configs: [{targets: ['ADDRESS']}]" }) => {
      const path = job.some((line) => line.startsWith('metrics_path:')) ? [] : [`metrics_path: /${name}`];
      return ['- job_name: ' + name, ...path, ...job, targets.replaceAll('ADDRESS', exporter.address)].join('\n    ');
    });
    const refused = cases.filter(({ isRefused }) => isRefused).map(({ name }) => name);
    const queue = 'queue_config: {batch_send_deadline: 500ms, max_shards: 1}';
    return `
global:
  scrape_interval: 1s
  external_labels: {scraped_by: ${collector}, job: never wins}
scrape_configs:
  ${jobs.join('\n  ')}
  - job_name: node
    static_configs: [{targets: ['${nodeExporter.address}']}]
remote_write:
  - {name: receiver, url: '${receiver.url}', ${queue}}
  - {name: victoriametrics, url: 'http://${victoriaMetrics.address}/api/v1/write', ${queue}}
  - name: prometheus
    url: 'http://${prometheusServer.address}/api/v1/write'
    ${queue}
    write_relabel_configs: [{source_labels: [job], regex: '${refused.join('|')}', action: drop}]
${collector === 'tributary' ? withoutGuard : ''}`;
  }

  function unscraped(): string[] {
    const wanted = cases.filter(({ name }) => name !== 'target-limit');
    return collectors.flatMap((collector) => wanted.filter(({ name, pages }) => exporter.served(collector, `/${name}`) < pages.length + 2).map(({ name }) => `${collector} ${name}`));
  }

  // The target that vanishes by itself has its own condition.
  const isScraped = () => unscraped().every((text) => text.endsWith(' vanishing-target'));

  const hasEnded = () => collectors.every((collector) => receiver.series({ job: 'vanishing-target', __name__: 'up', scraped_by: collector }).some(({ value }) => value === STALE_BITS));

  /** Whether every job's last looked at scrape, and one more, has arrived from both at the receiver. */
  function isDelivered(): boolean {
    const all = receiver.samples().filter(({ labels }) => labels['__name__'] === 'up');
    return collectors.every((collector) =>
      cases.every(({ name }) => name === 'vanishing-target' || all.filter(({ labels }) => labels['job'] === name && labels['scraped_by'] === collector).length > compared(name)!),
    );
  }

  function compared(job: string): number | undefined {
    const found = cases.find(({ name }) => name === job);
    return found === undefined ? evenScrapes : found.name === 'vanishing-target' ? undefined : Math.max(found.pages.length, 2);
  }

  /** VictoriaMetrics stores no NaN but the staleness marker, and may merge samples of one time. */
  function storable(): number {
    return new Set(held.receiver.filter(({ value }) => value !== ordinaryNanBits).map(({ labels, timestampMs }) => `${labels['scraped_by']} ${seriesText(labels)} ${timestampMs}`)).size;
  }

  /** What either side says about samples that were refused; the server names the series. */
  const refusals = () => [...tributary.output().split('\n'), ...prometheusServer.output().split('\n')].filter((line) => /refused samples|sample from remote write/.test(line));
  const options: TellOptions = { baseMs, scrapes: compared, isCollapsed: (job) => job === 'vanishing-target', isRounded: false };
  const toldBy = (store: keyof typeof held, collector: ScraperName): Told => tell(held[store], collector, { ...options, isRounded: store === 'victoriametrics' });
  const jobOf = (told: Told, job: string): Record<string, readonly string[]> => Object.fromEntries([...(told.get(job) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)));

  describe.each(['receiver', 'victoriametrics', 'prometheus'] as const)('read back from %s', (store) => {
    let theirs: Told;
    let ours: Told;
    beforeAll(() => {
      theirs = toldBy(store, 'prometheus');
      ours = toldBy(store, 'tributary');
    });

    test('both have written the same jobs', () => {
      expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
      expect(ours.size).toBeGreaterThan(cases.length - 5);
    });

    test.each(cases.filter(({ name, isRefused }) => (store === 'receiver' || isRefused !== true) && differences[name] === undefined).map(({ name }) => name))('%s', (name) => {
      expect(jobOf(ours, name)).toEqual(floatLabels(jobOf(theirs, name), name));
      expect(Object.keys(jobOf(ours, name)).length).toBeGreaterThanOrEqual(5);
    });

    test('the label sets of the node exporter are equal', () => {
      const labelSets = (told: Told) => Object.keys(floatLabels(jobOf(told, 'node'), 'node')).sort();
      expect(labelSets(ours)).toEqual(labelSets(theirs));
      expect(labelSets(ours).length).toBeGreaterThan(300);
    });
  });

  describe('what Prometheus changed after 2.42', () => {
    test.each(Object.entries(differences))('%s', (name, { since3 }) => {
      const ours = jobOf(toldBy('receiver', 'tributary'), name);
      const theirs = jobOf(toldBy('receiver', 'prometheus'), name);
      expect(withoutTarget(ours)).toEqual(since3);
      expect(floatLabels(theirs, name), 'the row is needed').not.toEqual(ours);
    });
  });

  test('the receiver was written to with zstd', () => {
    expect(receiver.requests.filter(({ headers }) => headers['user-agent']?.startsWith('Tributary/')).every(({ headers }) => headers['content-encoding'] === 'zstd')).toBe(true);
    expect(destinations.find(({ name }) => name === 'receiver')).toMatchObject({ encoding: 'zstd', lastError: '' });
  });

  test.each(['victoriametrics', 'prometheus'])('%s does not know zstd and was written to with snappy, nothing refused', (name) => {
    expect(refusals()).toEqual([]);
    expect(destinations.find((one) => one.name === name)).toMatchObject({ encoding: 'snappy', identityHolds: true, counters: { lost: { rejected: 0 } } });
  });

  test('a graceful stop ends with 0', () => expect(exitCode).toBe(0));

  // Prometheus drops a whole request for one refused sample: a case that brings that about needs `isRefused`.
  test('Prometheus lost nothing on the way, so that there is something to compare with', () => expect(theirLosses, refusals().join('\n')).toEqual([]));

  test('no series has two samples of one time', () => {
    const identities = held.receiver.filter(({ labels }) => labels['scraped_by'] === 'tributary').map(({ labels, timestampMs }) => `${seriesText(labels)} ${timestampMs}`);
    const seen = new Set<string>();
    expect(identities.filter((identity) => seen.size === seen.add(identity).size)).toEqual([]);
  });

  test('nobody asked for a page that does not exist', () => {
    expect(exporter.strangers).toEqual([]);
  });
});

/** Series without the labels of the target, and without the one whose values are durations. */
function withoutTarget(told: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  const rows = Object.entries(told).filter(([series]) => !series.startsWith('scrape_duration_seconds'));
  return Object.fromEntries(rows.map(([series, values]) => [series.replace(/(?:instance|job)="[^"]*",?/g, '').replace(',}', '}'), values]));
}

/** Counters of samples that were not delivered, where they are not 0. */
function lossesOf(metrics: ReadonlyMap<string, number>): string[] {
  return [...metrics].filter(([series, value]) => series.startsWith('prometheus_remote_storage_samples_failed_total{') && value > 0).map(([series, value]) => `${series} ${value}`);
}
