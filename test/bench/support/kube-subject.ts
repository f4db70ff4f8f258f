// What is measured: a process with the real way from the API server to the set of targets (client, provider, discovery manager, scrape pools), or with
// the client library's informer in its place, or with nothing to discover, which is what the others are compared with. Started by `Helper`.

import { readFileSync } from 'node:fs';
import { createDiscoveryManager } from '../../../discovery/manager.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/io/clock.ts';
import { systemDisk } from '../../../src/io/disk.ts';
import type { HttpClient } from '../../../src/io/http/types.ts';
import { systemRandom } from '../../../src/io/random.ts';
import { createKubernetes } from '../../../src/kubernetes/create-kubernetes.ts';
import type { Target } from '../../../src/model/target.ts';
import type { PageSeries } from '../../../src/scrape/page-series.ts';
import { createScraper } from '../../../src/scrape/scraper.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';

export interface SubjectOptions {
  readonly what: 'nothing' | 'tributary' | 'informer';
  readonly url: string;
}

export interface SubjectReport {
  readonly objects: number;
  readonly targets: number;
  readonly rssMb: number;
  /** Since the process began. */
  readonly peakRssMb: number;
  readonly cpuSeconds: number;
  /**
   * Longest time between two turns of the event loop, and the same counting at most the CPU time that the process used meanwhile: on a busy machine a
   * process also stands still because others run.
   */
  readonly longestTurnMs: number;
  readonly longestWorkMs: number;
  /** From the change of a pod to its target, of each that was seen so far. */
  readonly delaysMs: readonly number[];
}

/** What is running, as far as it can be counted. */
interface Running {
  objects(): number;
  targets(): number;
}

export async function serveSubject(options: SubjectOptions): Promise<void> {
  const turns = watchTurns();
  const delaysMs: number[] = [];
  const running = await starters[options.what](options.url, (delayMs) => void delaysMs.push(delayMs));
  process.on('disconnect', () => process.exit());
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    const status = readFileSync('/proc/self/status', 'utf8');
    const mb = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)![1]) / 1024;
    const counts = { objects: running.objects(), targets: running.targets() };
    process.send!({ ...counts, rssMb: mb('VmRSS'), peakRssMb: mb('VmHWM'), cpuSeconds: (user + system) / 1e6, ...turns.take(), delaysMs: delaysMs.splice(0) } satisfies SubjectReport);
  });
  // There is no port; `Helper` waits for one.
  process.send!({ port: 0 });
}

const starters: Readonly<Record<SubjectOptions['what'], (url: string, onDelay: (ms: number) => void) => Running | Promise<Running>>> = {
  nothing: (_, onDelay) => startLine('', onDelay),
  tributary: (url, onDelay) => startLine(url, onDelay),
  informer: startInformer,
};

const TURN_MS = 5;

function watchTurns() {
  let longestTurnMs = 0;
  let longestWorkMs = 0;
  let lastMs = performance.now();
  let lastCpu = process.cpuUsage();
  setInterval(() => {
    const nowMs = performance.now();
    const cpu = process.cpuUsage();
    const turnMs = nowMs - lastMs - TURN_MS;
    const workMs = Math.min(turnMs, (cpu.user + cpu.system - lastCpu.user - lastCpu.system) / 1000);
    longestTurnMs = Math.max(longestTurnMs, turnMs);
    longestWorkMs = Math.max(longestWorkMs, workMs);
    lastMs = nowMs;
    lastCpu = cpu;
  }, TURN_MS);
  return {
    take() {
      const longest = { longestTurnMs, longestWorkMs };
      longestTurnMs = longestWorkMs = 0;
      return longest;
    },
  };
}

/** One job with annotated pods, as everybody writes it. Scrapes are a day apart: what is measured is discovery. */
function configuration(url: string): string {
  const annotation = (name: string) => `__meta_kubernetes_pod_annotation_prometheus_io_${name}`;
  const relabel = [
    { source_labels: [annotation('scrape')], action: 'keep', regex: 'true' },
    { source_labels: [annotation('path')], action: 'replace', target_label: '__metrics_path__', regex: '(.+)' },
    { source_labels: ['__address__', annotation('port')], action: 'replace', regex: '([^:]+)(?::\\d+)?;(\\d+)', replacement: '$1:$2', target_label: '__address__' },
    { action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' },
    { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
    { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
  ];
  const job = { job_name: 'annotated-pods', scrape_interval: '24h', kubernetes_sd_configs: [{ role: 'pod', api_server: url }], relabel_configs: relabel };
  return JSON.stringify({ scrape_configs: url === '' ? [] : [job] });
}

function startLine(url: string, onDelay: (ms: number) => void): Running {
  const result = loadConfig('/prometheus.yml', { readFile: () => Buffer.from(configuration(url)), env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { scrape } = result.config.settings;
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger, metrics: createMetrics(), userAgent: 'bench' };
  const kubernetes = createKubernetes(common);
  const scraper = createScraper({ ...common, disk: systemDisk, seedText: 'bench', createHttpClient: () => unusedClient, openSeries: (target) => (tellDelay(target, onDelay), unusedSeries) });
  const manager = createDiscoveryManager({
    ...common, kubernetes, onFeeds: (job, feeds) => scraper.setFeeds(job, feeds), onChange: (feed, changed) => scraper.change(feed, changed),
  });
  scraper.apply(scrape);
  manager.apply(scrape.map(({ jobName, discovery }) => ({ job: jobName, discovery })));
  return {
    objects: () => kubernetes.state().reduce((sum, { objects }) => sum + objects, 0),
    targets: () => scraper.pools().reduce((sum, { active }) => sum + active.length, 0),
  };
}

/** A pod that was changed says when in the path of its target. */
function tellDelay({ url }: Target, onDelay: (ms: number) => void): void {
  const at = /\/at\/(?<ms>[\d.]+)/.exec(url)?.groups?.['ms'];
  if (at !== undefined) onDelay(performance.timeOrigin + performance.now() - Number(at));
}

/** The first scrapes begin within a day; what begins within the measured time fails at once. */
const unusedClient: HttpClient = {
  request: () => Promise.reject(new Error('not used')),
  prepare: (url) => ({ url }),
  stream: (_request, _timeoutMs, handler) => {
    queueMicrotask(() => handler.onError(new Error('not used')));
    return { abort: () => undefined };
  },
  close: () => Promise.resolve(),
};
const unusedSeries = { begin: () => undefined, end: () => undefined, release: () => undefined, retarget: () => undefined } as unknown as PageSeries;

/** The informer of the client library on all pods, as its documentation shows. */
async function startInformer(url: string): Promise<Running> {
  const { CoreV1Api, KubeConfig, makeInformer } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromOptions({ clusters: [{ name: 'a', server: url, skipTLSVerify: true }], users: [{ name: 'a' }], contexts: [{ name: 'a', cluster: 'a', user: 'a' }], currentContext: 'a' });
  const api = config.makeApiClient(CoreV1Api);
  const informer = makeInformer(config, '/api/v1/pods', () => api.listPodForAllNamespaces());
  informer.on('error', (error) => console.error(error));
  void informer.start();
  return { objects: () => informer.list().length, targets: () => 0 };
}
