// The process about itself, under the names every Prometheus client uses, and the build.

import * as fs from 'node:fs';
import type { BuildInfo } from '../cli/build-info.ts';
import type { Metrics } from './metrics.ts';

/** Declares the metrics; they are read when the page is. `sampler` is the one that this installation has. */
export function createProcessMetrics(metrics: Metrics, build: BuildInfo, sampler: 'native' | 'typescript'): void {
  const labels = ['version', 'revision', 'branch', 'nodeversion'];
  const values = [build.version, build.revision, build.branch, process.version];
  metrics.gauges('tributary_build_info', 'Always 1; the labels tell the build, and which sampler of counters it has.', [...labels, 'sampler']).with(...values, sampler).set(1);
  metrics.gauges('prometheus_build_info', 'Always 1; for dashboards that look for Prometheus.', labels).with(...values).set(1);
  const startSeconds = (Date.now() - process.uptime() * 1000) / 1000;
  metrics.gauge('process_start_time_seconds', 'Start time of the process since the epoch in seconds.').set(startSeconds);
  const cpu = metrics.counter('process_cpu_seconds_total', 'User and system CPU time spent in seconds.');
  const resident = metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.');
  const heap = metrics.gauge('nodejs_heap_size_used_bytes', 'Used bytes of the JavaScript heap.');
  const external = metrics.gauge('nodejs_external_memory_bytes', 'Bytes of buffers outside the JavaScript heap.');
  const files = metrics.gauge('process_open_fds', 'Number of open file descriptors.');
  let cpuSeconds = 0;
  metrics.beforeExposition(() => {
    const { user, system } = process.cpuUsage();
    const spentSeconds = (user + system) / 1e6;
    cpu.inc(Math.max(0, spentSeconds - cpuSeconds));
    cpuSeconds = spentSeconds;
    const memory = process.memoryUsage();
    resident.set(memory.rss);
    heap.set(memory.heapUsed);
    external.set(memory.external);
    files.set(openFiles());
  });
}

/** Only Linux tells it. */
function openFiles(): number {
  try {
    return fs.readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
