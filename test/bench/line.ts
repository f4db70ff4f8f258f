// `npm run bench -- line [large|small|quiet] [--window=30] [--interval=10]`: the built program alone on the page server's pages. CPU per
// million samples by thread, memory, bytes on the wire, what the queue takes while all is delivered, and how old samples are when
// they arrive. `peers` compares with others; this is the quick look while working.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atMost } from './queue-disk.ts';
import type { Bar } from './queue-disk.ts';
import { folderBytes, scrapeConfig } from './support/contender.ts';
import { largeMix, nodeMix } from './support/inside.ts';
import type { Mix } from './support/inside.ts';
import { servePages } from './support/page-server.ts';
import type { PageServerOptions } from './support/page-server.ts';
import { Helper, endProcess, root, sleepMs, usageOf } from './support/process.ts';
import { serveTimingSink } from './support/timing-sink.ts';
import type { TimingCount } from './support/timing-sink.ts';

export { servePages, serveTimingSink };

/** Ticks of /proc/<pid>/task/<tid>/stat per second: USER_HZ is 100 on every Linux. */
const TICKS_PER_SECOND = 100;
/** Until series are known and what piled up meanwhile is sent, in scrapes, and at least this many seconds. */
const WARM_UP_SCRAPES = 3.5;
const WARM_UP_SECONDS_MIN = 15;
/** For profiles: `TRIBUTARY_BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp/prof'`. */
const nodeArguments = (process.env['TRIBUTARY_BENCH_NODE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '');

interface Workload {
  readonly mix: Mix;
  readonly intervalSeconds: number;
  readonly rssMax: number;
}

const workloads: Readonly<Record<string, Workload>> = {
  large: { mix: largeMix, intervalSeconds: 10, rssMax: 400 },
  small: { mix: nodeMix, intervalSeconds: 1, rssMax: 400 },
  quiet: { mix: { kube: 0, cadvisor: 0, node: 40 }, intervalSeconds: 10, rssMax: 130 },
};

interface Running {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly pages: Helper<{ samples: number }>;
  readonly sink: Helper<TimingCount>;
}

export async function run(args: readonly string[]): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1];
  const name = args.find((arg) => !arg.startsWith('--')) ?? 'large';
  const workload = workloads[name];
  if (workload === undefined) throw new Error(`unknown workload ${name}, expected one of ${Object.keys(workloads).join(', ')}`);
  const intervalSeconds = Number(option('interval') ?? workload.intervalSeconds);
  const figures = await measure({ ...workload, intervalSeconds }, Number(option('window') ?? 30));
  const bars = [atMost(`${name}: RSS, MB`, figures['rss_mb']!, workload.rssMax)];
  if (name === 'large') bars.push(atMost('large: wire bytes per sample', figures['wire_bytes_per_sample']!, 16));
  const rows = Object.entries(figures).map(([key, value]) => `${key.padEnd(40)} ${value.toPrecision(4)}`);
  return { table: [...rows, ...bars.map((b) => `${b.holds ? 'holds ' : 'MISSED'} ${b.name}: ${b.value.toPrecision(4)} of ${b.limit}`)], figures, bars };
}

async function measure({ mix, intervalSeconds }: Workload, windowSeconds: number): Promise<Record<string, number>> {
  const running = await start(mix, intervalSeconds);
  try {
    await sleepMs(Math.max(WARM_UP_SECONDS_MIN, intervalSeconds * WARM_UP_SCRAPES) * 1000);
    const before = await look(running);
    const downBefore = wentDown(running.folder);
    let queueBytesMax = 0;
    for (let second = 0; second < windowSeconds; second++) {
      await sleepMs(1000);
      queueBytesMax = Math.max(queueBytesMax, folderBytes(join(running.folder, 'data')));
    }
    const figures = difference(before, await look(running), queueBytesMax);
    return { ...figures, targets_down_while_warming_up: downBefore, targets_down_in_window: wentDown(running.folder) - downBefore };
  } finally {
    await endProcess(running.child);
    running.pages.stop();
    running.sink.stop();
    rmSync(running.folder, { recursive: true, force: true });
  }
}

async function start(mix: Mix, intervalSeconds: number): Promise<Running> {
  const options: PageServerOptions = {
    intervalMs: intervalSeconds * 1000,
    churnPercent: 0,
    distinct: { kube: Math.min(4, mix.kube), cadvisor: Math.min(4, mix.cadvisor), node: Math.min(40, mix.node) },
  };
  const pages = new Helper<{ samples: number }>('servePages', options);
  const sink = new Helper<TimingCount>('serveTimingSink', {});
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-'));
  const file = join(folder, 'config.yml');
  const config = {
    ...scrapeConfig(mix, intervalSeconds, await pages.port),
    remote_write: [{ name: 'sink', url: `http://127.0.0.1:${await sink.port}/api/v1/write` }],
    tributary: { destinations: { sink: { profile: 'victoriametrics' } } },
  };
  writeFileSync(file, JSON.stringify(config));
  const log = openSync(join(folder, 'log'), 'w');
  const program = [...nodeArguments, join(root, 'dist/main.js'), `--config.file=${file}`, `--storage.agent.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'];
  return { child: spawn(process.execPath, program, { stdio: ['ignore', log, log] }), folder, pages, sink };
}

/**
 * How often a target went down so far. In the window it has to be 0, or the machine was too busy for these figures: pages came too late, and their
 * series were marked stale.
 */
function wentDown(folder: string): number {
  return readFileSync(join(folder, 'log'), 'utf8').split('target is down').length - 1;
}

interface Look {
  readonly usage: ReturnType<typeof usageOf>;
  readonly threads: Readonly<Record<ThreadKind, number>>;
  readonly writtenBytes: number;
  readonly served: { readonly samples: number };
  readonly received: TimingCount;
}

async function look({ child, pages, sink }: Running): Promise<Look> {
  const pid = child.pid!;
  return { usage: usageOf(pid), threads: threadSeconds(pid), writtenBytes: writtenBytes(pid), served: await pages.ask(), received: await sink.ask() };
}

/** Pages are served and sent a moment apart, so each rate has its own count of samples. */
function difference(before: Look, after: Look, queueBytesMax: number): Record<string, number> {
  const served = (after.served.samples - before.served.samples) / 1e6;
  const received = (after.received.samples - before.received.samples) / 1e6;
  const { p50Ms, p99Ms, maxMs, requests, bytes } = after.received;
  const thread = (kind: ThreadKind) => (after.threads[kind] - before.threads[kind]) / served;
  return {
    million_samples: served,
    cpu_seconds_per_million: (after.usage.cpuSeconds - before.usage.cpuSeconds) / served,
    cpu_main_user_seconds_per_million: thread('mainUser'),
    cpu_main_system_seconds_per_million: thread('mainSystem'),
    cpu_other_threads_seconds_per_million: thread('others'),
    rss_mb: after.usage.rssMb,
    peak_rss_mb: after.usage.peakRssMb,
    wire_bytes_per_sample: (bytes - before.received.bytes) / received / 1e6,
    requests: requests - before.received.requests,
    disk_written_bytes_per_sample: (after.writtenBytes - before.writtenBytes) / served / 1e6,
    queue_folder_max_mb: queueBytesMax / 1e6,
    delivered_age_p50_seconds: p50Ms / 1000,
    delivered_age_p99_seconds: p99Ms / 1000,
    delivered_age_max_seconds: maxMs / 1000,
  };
}

type ThreadKind = 'mainUser' | 'mainSystem' | 'others';

/** CPU seconds by thread: the main one, and the others, which collect garbage, compile and work for the file system. */
function threadSeconds(pid: number): Record<ThreadKind, number> {
  const seconds: Record<ThreadKind, number> = { mainUser: 0, mainSystem: 0, others: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [Number(fields[11]) / TICKS_PER_SECOND, Number(fields[12]) / TICKS_PER_SECOND];
    if (Number(thread) === pid) Object.assign(seconds, { mainUser: user, mainSystem: system });
    else seconds.others += user + system;
  }
  return seconds;
}

/** Bytes the process caused to be written to the medium. Source: proc(5), /proc/pid/io. */
function writtenBytes(pid: number): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0);
}
