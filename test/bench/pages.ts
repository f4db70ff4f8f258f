// Synthetic pages with the shape, line lengths and rate of change of real ones, for benchmarks. A page renders itself again and again:
// each rendering is one scrape, between two of them some values change and, if asked for, some series are replaced by new ones.
// Everything follows from the seed.

export interface PageOptions {
  /**
   * Share of the series in percent that are replaced by new ones at each rendering. Default 0. Pages about pods and containers replace whole
   * objects, as a cluster does: all series of one get the labels of another.
   */
  readonly churnPercent?: number;
  /** Unix milliseconds: every line carries this time, which goes on by 10 s a rendering. Default: no timestamps. */
  readonly timestampsFromMs?: number;
}

export interface Page {
  readonly seriesCount: number;
  /** The page as it stands now; afterwards it changes for the next scrape. */
  render(): Buffer;
}

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: Series[];
}

interface Series {
  /** Text up to and with the blank before the value. */
  key: string;
  value: number;
  /** Makes the value of the next scrape. */
  readonly next: ((value: number) => number) | undefined;
  /** Makes another series of the same kind, for churn: its key, or for a series of an object the labels of another one. */
  readonly replace: () => string;
  /** The key with the labels of another object. */
  readonly rekey?: (labels: string) => string;
}

type Random = () => number;

function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function hexText(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) text += Math.floor(random() * 16).toString(16);
  return text;
}

function uuid(random: Random): string {
  return [8, 4, 4, 4, 12].map((digits) => hexText(random, digits)).join('-');
}

/** As Go prints a float: `1.5`, `1.7e+09`. */
function goFloat(value: number): string {
  if (value !== 0 && (Math.abs(value) >= 1e21 || Math.abs(value) < 1e-4 || (Math.abs(value) >= 1e6 && value % 1 !== 0) || Math.abs(value) >= 1e7)) {
    const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return String(value);
}

function createPage(families: readonly Family[], random: Random, options: PageOptions, objects?: readonly (readonly Series[])[]): Page {
  const all = families.flatMap((family) => family.series);
  const share = (options.churnPercent ?? 0) / 100;
  const churned = objects === undefined ? Math.round(all.length * share) : 0;
  const replaced = objects === undefined ? 0 : objects.length * share;
  let due = 0;
  let oldest = 0;
  let timestampMs = options.timestampsFromMs;
  let rotate = 0;
  return {
    seriesCount: all.length,
    render() {
      const text = renderFamilies(families, timestampMs);
      for (const series of all) if (series.next !== undefined) series.value = series.next(series.value);
      for (let i = 0; i < churned; i++) {
        const series = all[(rotate + Math.floor(random() * 7)) % all.length]!;
        series.key = series.replace();
        rotate = (rotate + 13) % all.length;
      }
      for (due += replaced; due >= 1; due--) {
        const object = objects![oldest++ % objects!.length]!;
        const first = object[0]!.replace();
        for (const series of object) series.key = series.rekey!(first);
      }
      if (timestampMs !== undefined) timestampMs += 10_000;
      return Buffer.from(text);
    },
  };
}

function renderFamilies(families: readonly Family[], timestampMs: number | undefined): string {
  const end = timestampMs === undefined ? '\n' : ` ${timestampMs}\n`;
  const parts: string[] = [];
  for (const { name, type, help, series } of families) {
    parts.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    for (const { key, value } of series) parts.push(key, goFloat(value), end);
  }
  return parts.join('');
}

type Extra = readonly [label: string, values: readonly string[]];
/** How a value looks: a flag, a moment, a quantity that Kubernetes gives, zero, a counter, memory in pages, a share of time. */
type Kind = 'flag' | 'moment' | 'quantity' | 'zero' | 'count' | 'pages' | 'seconds';
type Metric = readonly [name: string, type: string, kind: Kind, extra?: Extra];

/** What kube-state-metrics 2.x tells of a pod with one container: 46 series. */
const POD_METRICS: readonly Metric[] = [
  ['kube_pod_info', 'gauge', 'flag', ['created_by_kind', ['ReplicaSet']]],
  ['kube_pod_created', 'gauge', 'moment'],
  ['kube_pod_start_time', 'gauge', 'moment'],
  ['kube_pod_owner', 'gauge', 'flag', ['owner_is_controller', ['true']]],
  ['kube_pod_labels', 'gauge', 'flag'],
  ['kube_pod_ips', 'gauge', 'flag', ['ip_family', ['4']]],
  ['kube_pod_service_account', 'gauge', 'flag', ['service_account', ['default']]],
  ['kube_pod_scheduler', 'gauge', 'flag', ['name', ['default-scheduler']]],
  ['kube_pod_restart_policy', 'gauge', 'flag', ['type', ['Always']]],
  ['kube_pod_status_phase', 'gauge', 'flag', ['phase', ['Pending', 'Succeeded', 'Failed', 'Unknown', 'Running']]],
  ['kube_pod_status_ready', 'gauge', 'flag', ['condition', ['true', 'false', 'unknown']]],
  ['kube_pod_status_scheduled', 'gauge', 'flag', ['condition', ['true', 'false', 'unknown']]],
  ['kube_pod_status_reason', 'gauge', 'zero', ['reason', ['Evicted', 'NodeAffinity', 'NodeLost', 'Shutdown', 'UnexpectedAdmissionError']]],
  ['kube_pod_status_qos_class', 'gauge', 'flag', ['qos_class', ['BestEffort', 'Burstable', 'Guaranteed']]],
  ['kube_pod_status_initialized_time', 'gauge', 'moment'],
  ['kube_pod_status_ready_time', 'gauge', 'moment'],
  ['kube_pod_status_container_ready_time', 'gauge', 'moment'],
  ['kube_pod_status_scheduled_time', 'gauge', 'moment'],
  ['kube_pod_tolerations', 'gauge', 'flag', ['key', ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']]],
  ['kube_pod_container_info', 'gauge', 'flag'],
  ['kube_pod_container_state_started', 'gauge', 'moment'],
  ['kube_pod_container_status_ready', 'gauge', 'flag'],
  ['kube_pod_container_status_restarts_total', 'counter', 'zero'],
  ['kube_pod_container_status_running', 'gauge', 'flag'],
  ['kube_pod_container_status_terminated', 'gauge', 'zero'],
  ['kube_pod_container_status_waiting', 'gauge', 'zero'],
  ['kube_pod_container_resource_requests', 'gauge', 'quantity', ['resource', ['cpu', 'memory']]],
  ['kube_pod_container_resource_limits', 'gauge', 'quantity', ['resource', ['cpu', 'memory']]],
];

/** A kube-state-metrics page: lines of about 200 bytes; 20 of 25,000 values change between two scrapes. */
export function kubeStatePage(seriesCount: number, seed: number, options: PageOptions = {}): Page {
  const random = seeded(seed);
  const changing = Math.max(1, Math.round(seriesCount * 20 / 25_000));
  const changes = (count: number) => count % Math.ceil(seriesCount / changing) === 0;
  return objectPage(POD_METRICS, podLabels, seriesCount, changes, random, options);
}

function podLabels(random: Random): string {
  const app = `workload-${Math.floor(random() * 400)}`;
  return `namespace="team-${Math.floor(random() * 60)}-production",pod="${app}-${hexText(random, 10)}-${hexText(random, 5)}",`
    + `uid="${uuid(random)}",node="worker-${Math.floor(random() * 900) + 100}",container="${app}"`;
}

/** What cadvisor 0.47 in the kubelet tells of a container: 71 series. Most are zero, most of the rest whole pages or operations. */
const CONTAINER_METRICS: readonly Metric[] = [
  ['container_blkio_device_usage_total', 'counter', 'pages', ['operation', ['Read', 'Write']]],
  ['container_cpu_cfs_periods_total', 'counter', 'count'],
  ['container_cpu_cfs_throttled_periods_total', 'counter', 'count'],
  ['container_cpu_cfs_throttled_seconds_total', 'counter', 'seconds'],
  ['container_cpu_load_average_10s', 'gauge', 'zero'],
  ['container_cpu_system_seconds_total', 'counter', 'seconds'],
  ['container_cpu_usage_seconds_total', 'counter', 'seconds'],
  ['container_cpu_user_seconds_total', 'counter', 'seconds'],
  ['container_file_descriptors', 'gauge', 'count'],
  ['container_fs_inodes_free', 'gauge', 'zero'],
  ['container_fs_inodes_total', 'gauge', 'zero'],
  ['container_fs_io_current', 'gauge', 'zero'],
  ['container_fs_io_time_seconds_total', 'counter', 'zero'],
  ['container_fs_io_time_weighted_seconds_total', 'counter', 'zero'],
  ['container_fs_limit_bytes', 'gauge', 'zero'],
  ['container_fs_read_seconds_total', 'counter', 'zero'],
  ['container_fs_reads_bytes_total', 'counter', 'pages'],
  ['container_fs_reads_merged_total', 'counter', 'zero'],
  ['container_fs_reads_total', 'counter', 'count'],
  ['container_fs_sector_reads_total', 'counter', 'zero'],
  ['container_fs_sector_writes_total', 'counter', 'zero'],
  ['container_fs_usage_bytes', 'gauge', 'pages'],
  ['container_fs_write_seconds_total', 'counter', 'zero'],
  ['container_fs_writes_bytes_total', 'counter', 'pages'],
  ['container_fs_writes_merged_total', 'counter', 'zero'],
  ['container_fs_writes_total', 'counter', 'count'],
  ['container_hugetlb_failcnt', 'counter', 'zero', ['pagesize', ['1Gi', '2Mi']]],
  ['container_hugetlb_max_usage_bytes', 'gauge', 'zero', ['pagesize', ['1Gi', '2Mi']]],
  ['container_hugetlb_usage_bytes', 'gauge', 'zero', ['pagesize', ['1Gi', '2Mi']]],
  ['container_last_seen', 'gauge', 'moment'],
  ['container_memory_cache', 'gauge', 'pages'],
  ['container_memory_failcnt', 'counter', 'zero'],
  ['container_memory_failures_total', 'counter', 'count', ['failure_type', ['pgfault', 'pgmajfault']]],
  ['container_memory_kernel_usage', 'gauge', 'pages'],
  ['container_memory_mapped_file', 'gauge', 'pages'],
  ['container_memory_max_usage_bytes', 'gauge', 'pages'],
  ['container_memory_rss', 'gauge', 'pages'],
  ['container_memory_swap', 'gauge', 'zero'],
  ['container_memory_total_active_file_bytes', 'gauge', 'pages'],
  ['container_memory_total_inactive_file_bytes', 'gauge', 'pages'],
  ['container_memory_usage_bytes', 'gauge', 'pages'],
  ['container_memory_working_set_bytes', 'gauge', 'pages'],
  ['container_processes', 'gauge', 'count'],
  ['container_sockets', 'gauge', 'count'],
  ['container_spec_cpu_period', 'gauge', 'quantity'],
  ['container_spec_cpu_quota', 'gauge', 'quantity'],
  ['container_spec_cpu_shares', 'gauge', 'quantity'],
  ['container_spec_memory_limit_bytes', 'gauge', 'quantity'],
  ['container_spec_memory_reservation_limit_bytes', 'gauge', 'zero'],
  ['container_spec_memory_swap_limit_bytes', 'gauge', 'zero'],
  ['container_start_time_seconds', 'gauge', 'moment'],
  ['container_tasks_state', 'gauge', 'zero', ['state', ['iowaiting', 'running', 'sleeping', 'stopped', 'uninterruptible']]],
  ['container_threads', 'gauge', 'count'],
  ['container_threads_max', 'gauge', 'quantity'],
  ['container_ulimits_soft', 'gauge', 'quantity', ['ulimit', ['max_open_files']]],
  ['container_oom_events_total', 'counter', 'zero'],
  ['container_pressure_cpu_waiting_seconds_total', 'counter', 'seconds'],
  ['container_pressure_io_waiting_seconds_total', 'counter', 'seconds'],
  ['container_pressure_memory_waiting_seconds_total', 'counter', 'zero'],
];

/** A page of the kubelet's cadvisor: lines of about 465 bytes with the labels of a container; half of the values change between two scrapes. */
export function cadvisorPage(seriesCount: number, seed: number, options: PageOptions = {}): Page {
  const random = seeded(seed);
  return objectPage(CONTAINER_METRICS, containerLabels, seriesCount, (count) => count % 2 === 0, random, options);
}

/** A page about objects: every family has a series, or a few, of each of them. */
function objectPage(
  metrics: readonly Metric[], labelsOf: (random: Random) => string, seriesCount: number, changes: (count: number) => boolean, random: Random, options: PageOptions,
): Page {
  const families: Family[] = metrics.map(([name, type]) => ({ name, type, help: `[STABLE] ${name.replaceAll('_', ' ')}.`, series: [] }));
  const objects: Series[][] = [];
  let count = 0;
  while (count < seriesCount) {
    const labels = labelsOf(random);
    const object: Series[] = [];
    objects.push(object);
    for (const [at, [name, , kind, extra]] of metrics.entries()) {
      for (const [index, text] of (extra?.[1] ?? ['']).entries()) {
        if (count++ >= seriesCount) break;
        const own = extra === undefined ? '' : `,${extra[0]}="${text}"`;
        const rekey = (of: string) => `${name}{${of}${own}} `;
        const series: Series = {
          key: rekey(labels),
          value: firstValue(kind, index, random),
          next: changes(count) ? (value) => nextValue(kind, value, random) : undefined,
          replace: () => labelsOf(random),
          rekey,
        };
        families[at]!.series.push(series);
        object.push(series);
      }
    }
  }
  return createPage(families, random, options, objects);
}

function firstValue(kind: Kind, index: number, random: Random): number {
  switch (kind) {
    case 'flag': return index === 0 ? 1 : 0;
    case 'zero': return 0;
    case 'moment': return 1_760_000_000 + Math.floor(random() * 1e6);
    case 'quantity': return 2 ** Math.floor(6 + random() * 6) * (random() < 0.5 ? 1 : 1_048_576);
    case 'count': return Math.floor(10 ** (random() * 5));
    case 'pages': return 4096 * Math.floor(10 ** (random() * 5));
    case 'seconds': return round(random() * 1e5, 6);
  }
}

function nextValue(kind: Kind, value: number, random: Random): number {
  switch (kind) {
    case 'flag': return 1 - value;
    case 'zero': case 'quantity': return value;
    case 'moment': return value + 10;
    case 'count': return value + Math.floor(random() * 20);
    case 'pages': return Math.max(0, value + 4096 * Math.floor(random() * 40 - 15));
    case 'seconds': return round(value + random(), 6);
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function containerLabels(random: Random): string {
  const app = `workload-${Math.floor(random() * 400)}`;
  const id = hexText(random, 64);
  return `container="${app}",id="/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uuid(random).replaceAll('-', '_')}.slice/cri-containerd-${id}.scope",`
    + `image="registry.internal/platform/${app}:v1.${Math.floor(random() * 90)}.${Math.floor(random() * 20)}",name="${id}",`
    + `namespace="team-${Math.floor(random() * 60)}-production",pod="${app}-${hexText(random, 10)}-${hexText(random, 5)}"`;
}

/** 507 series with lines of about 114 bytes on average, HELP and TYPE lines included; 130 values change between two scrapes. */
export function nodeExporterPage(seed: number, options: PageOptions = {}): Page {
  const random = seeded(seed);
  const families: Family[] = [];
  const add = (name: string, type: string, help: string, labels: readonly string[], changes: boolean) => {
    const series = labels.map((label): Series => ({
      key: label === '' ? `${name} ` : `${name}{${label}} `,
      value: changes ? round(random() * 1e6, 2) : Math.floor(random() * 1e4),
      next: changes ? (v) => round(v + random() * 10, 2) : undefined,
      replace: () => `${name}{${label === '' ? '' : `${label},`}instance_id="${hexText(random, 8)}"} `,
    }));
    families.push({ name, type, help, series });
  };
  const cpus = [0, 1, 2, 3, 4, 5, 6, 7];
  const modes = ['idle', 'iowait', 'irq', 'nice', 'softirq', 'steal', 'system', 'user'];
  add('node_cpu_seconds_total', 'counter', 'Seconds the CPUs spent in each mode.', cpus.flatMap((c) => modes.map((m) => `cpu="${c}",mode="${m}"`)), true);
  const disks = ['nvme0n1', 'nvme1n1', 'sda'].map((device) => `device="${device}"`);
  for (const what of ['reads_completed', 'writes_completed', 'read_bytes', 'written_bytes', 'io_time_seconds', 'io_time_weighted_seconds']) {
    add(`node_disk_${what}_total`, 'counter', `The total of ${what.replaceAll('_', ' ')} of the disk since boot.`, disks, true);
  }
  const nics = ['eth0', 'eth1', 'lo', 'cni0', 'bond0', 'docker0'].map((device) => `device="${device}"`);
  for (const what of ['receive_bytes', 'transmit_bytes', 'receive_packets', 'transmit_packets', 'receive_errs', 'transmit_errs', 'receive_drop', 'transmit_drop']) {
    add(`node_network_${what}_total`, 'counter', `Network device statistic ${what}.`, nics, /bytes|packets/.test(what));
  }
  for (const what of ['size', 'avail', 'free', 'files', 'files_free', 'readonly', 'device_error']) {
    add(`node_filesystem_${what}`, 'gauge', `Filesystem ${what.replaceAll('_', ' ')}.`,
      ['/', '/boot/efi', '/run', '/var/lib/containerd', '/var/lib/kubelet'].map((path, i) => `device="/dev/nvme0n1p${i}",device_error="",fstype="ext4",mountpoint="${path}"`), false);
  }
  add('node_load1', 'gauge', '1m load average.', [''], true);
  add('node_memory_MemAvailable_bytes', 'gauge', 'Memory information field MemAvailable_bytes.', [''], true);
  for (let i = 0; i < 22; i++) add(`node_softnet_${i}_total`, 'counter', `Softnet statistic number ${i}.`, i % 2 === 0 ? [''] : ['cpu="0"'], true);
  const rest = 507 - families.reduce((sum, family) => sum + family.series.length, 0);
  const units = Array.from({ length: Math.max(0, rest - 100) }, (_, i) => `name="system-unit-${i}.service",state="active",type="notify"`);
  add('node_systemd_unit_state', 'gauge', 'Systemd unit', units, false);
  for (let i = 0; i < 100; i++) add(`node_vmstat_counter_${i}_bytes`, 'untyped', `/proc/vmstat information field counter ${i}, as the kernel gives it.`, [''], false);
  return createPage(families, random, options);
}
