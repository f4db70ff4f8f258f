// Synthetic pages with the shape, line lengths and rate of change of real ones, for benchmarks. A page renders itself again and again:
// each rendering is one scrape, between two of them some values change and, if asked for, some series are replaced by new ones.
// Everything follows from the seed.

export interface PageOptions {
  /** Share of the series in percent that are replaced by new ones at each rendering. Default 0. */
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
  /** Makes another series of the same kind, for churn. */
  readonly replace: () => string;
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

function createPage(families: readonly Family[], random: Random, options: PageOptions): Page {
  const all = families.flatMap((family) => family.series);
  const churned = Math.round(all.length * (options.churnPercent ?? 0) / 100);
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

const POD_METRICS: readonly (readonly [name: string, type: string, help: string, label?: readonly [string, readonly string[]]])[] = [
  ['kube_pod_info', 'gauge', '[STABLE] Information about pod.'],
  ['kube_pod_created', 'gauge', '[STABLE] Unix creation timestamp'],
  ['kube_pod_status_phase', 'gauge', '[STABLE] The pods current phase.', ['phase', ['Pending', 'Succeeded', 'Failed', 'Unknown', 'Running']]],
  ['kube_pod_status_ready', 'gauge', '[STABLE] Describes whether the pod is ready to serve requests.', ['condition', ['true', 'false', 'unknown']]],
  ['kube_pod_status_scheduled', 'gauge', '[STABLE] Describes the status of the scheduling process for the pod.', ['condition', ['true', 'false', 'unknown']]],
  ['kube_pod_container_resource_requests', 'gauge', '[STABLE] The number of requested request resource by a container.', ['resource', ['cpu', 'memory']]],
  ['kube_pod_container_resource_limits', 'gauge', '[STABLE] The number of requested limit resource by a container.', ['resource', ['cpu', 'memory']]],
  ['kube_pod_container_status_restarts_total', 'counter', '[STABLE] The number of container restarts per container.'],
  ['kube_pod_container_status_running', 'gauge', '[STABLE] Describes whether the container is currently in running state.'],
  ['kube_pod_container_status_waiting_reason', 'gauge', '[STABLE] Describes the reason the container is currently in waiting state.', ['reason', ['ContainerCreating', 'CrashLoopBackOff', 'ImagePullBackOff']]],
];

/** Lines of about 200 bytes; 20 of 25,000 values change between two scrapes. */
export function kubeStatePage(seriesCount: number, seed: number, options: PageOptions = {}): Page {
  const random = seeded(seed);
  const families: Family[] = POD_METRICS.map(([name, type, help]) => ({ name, type, help, series: [] }));
  const changing = Math.max(1, Math.round(seriesCount * 20 / 25_000));
  let count = 0;
  while (count < seriesCount) {
    const pod = podLabels(random);
    for (const [at, [name, , , label]] of POD_METRICS.entries()) {
      for (const value of label?.[1] ?? ['']) {
        if (count++ >= seriesCount) break;
        const extra = label === undefined ? '' : `,${label[0]}="${value}"`;
        const changes = count % Math.ceil(seriesCount / changing) === 0;
        families[at]!.series.push({
          key: `${name}{${pod}${extra}} `,
          value: name === 'kube_pod_created' ? 1_760_000_000 + Math.floor(random() * 1e6) : Math.floor(random() * 2),
          next: changes ? (v) => v + 1 : undefined,
          replace: () => `${name}{${podLabels(random)}${extra}} `,
        });
      }
    }
  }
  return createPage(families, random, options);
}

function podLabels(random: Random): string {
  const app = `workload-${Math.floor(random() * 400)}`;
  return `namespace="team-${Math.floor(random() * 60)}-production",pod="${app}-${hexText(random, 10)}-${hexText(random, 5)}",`
    + `uid="${uuid(random)}",node="worker-${Math.floor(random() * 900) + 100}",container="${app}"`;
}

const CONTAINER_METRICS: readonly (readonly [name: string, type: string, help: string, counter: boolean])[] = [
  ['container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed in seconds.', true],
  ['container_cpu_user_seconds_total', 'counter', 'Cumulative user cpu time consumed in seconds.', true],
  ['container_memory_working_set_bytes', 'gauge', 'Current working set in bytes.', true],
  ['container_memory_usage_bytes', 'gauge', 'Current memory usage in bytes, including all memory regardless of when it was accessed', true],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', true],
  ['container_fs_reads_bytes_total', 'counter', 'Cumulative count of bytes read', false],
  ['container_fs_writes_bytes_total', 'counter', 'Cumulative count of bytes written', false],
  ['container_memory_failcnt', 'counter', 'Number of memory usage hits limits', false],
  ['container_spec_memory_limit_bytes', 'gauge', 'Memory limit for the container.', false],
  ['container_start_time_seconds', 'gauge', 'Start time of the container since unix epoch in seconds.', false],
];

/** Lines of about 465 bytes with the labels of a container; half of the values change between two scrapes. */
export function cadvisorPage(seriesCount: number, seed: number, options: PageOptions = {}): Page {
  const random = seeded(seed);
  const families: Family[] = CONTAINER_METRICS.map(([name, type, help]) => ({ name, type, help, series: [] }));
  let count = 0;
  while (count < seriesCount) {
    const container = containerLabels(random);
    for (const [at, [name, type, , changes]] of CONTAINER_METRICS.entries()) {
      if (count++ >= seriesCount) break;
      families[at]!.series.push({
        key: `${name}{${container}} `,
        value: type === 'counter' ? round(random() * 1e5, 6) : Math.floor(random() * 1e9),
        next: changes ? (v) => (type === 'counter' ? round(v + random(), 6) : Math.floor(v * (0.99 + random() / 50))) : undefined,
        replace: () => `${name}{${containerLabels(random)}} `,
      });
    }
  }
  return createPage(families, random, options);
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
