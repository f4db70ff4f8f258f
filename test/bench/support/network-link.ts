// A link between a collector and its storage that can be thin and break: a network namespace whose veth pair is throttled by tc tbf and taken down at
// the far end, which the near end sees as silence. Needs root, ip and tc; elsewhere the fault proxy does the same in user space. Commands
// of the collector's side run behind `prefix`; its page server runs there, too, so only what is sent to the storage passes the link.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startFaultProxy } from '../../support/fault-proxy.ts';

export interface NetworkLink {
  readonly kind: 'network namespace with tc tbf' | 'fault proxy';
  readonly prefix: readonly string[];
  /** Where the storage has to listen. */
  readonly storageHost: string;
  /** Where the collector finds the storage that listens on `port`. */
  connect(port: number): Promise<{ host: string; port: number }>;
  /** Bytes a second, each way. */
  limit(bytesPerSecond: number): void;
  down(): void;
  up(): void;
  close(): Promise<void>;
}

/** Bytes that pass at once, and how long others wait before they are dropped: a modest modem. */
const TBF_BURST_BYTES = 3200;
const TBF_LATENCY = '150ms';

export function hasNamespaces(): boolean {
  return process.getuid?.() === 0 && ['ip', 'tc'].every((tool) => spawnSync(tool, ['-V']).status === 0) && trial();
}

/** Some containers have root and may not make namespaces or queues. */
function trial(): boolean {
  const link = namespaceLink(9);
  try {
    link.limit(1e6);
    return true;
  } catch {
    return false;
  } finally {
    void link.close();
  }
}

/** `index` below 10 keeps links of one run apart. */
export function openLink(index: number, wantsProxy: boolean): NetworkLink {
  return !wantsProxy && hasNamespaces() ? namespaceLink(index) : proxyLink();
}

function run(command: string): void {
  const [tool = '', ...args] = command.split(' ');
  const { status, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${stderr.trim()}`);
}

function hardwareAddress(device: string): string {
  return readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim();
}

function namespaceLink(index: number): NetworkLink {
  const space = `tributary-${process.pid}-${index}`;
  const [near, far] = [`tb${process.pid}-${index}n`, `tb${process.pid}-${index}f`];
  const net = `10.${100 + (process.pid % 100)}.${index}`;
  const remove = () => {
    spawnSync('ip', ['link', 'del', far]);
    spawnSync('ip', ['netns', 'del', space]);
  };
  process.once('exit', remove);
  run(`ip netns add ${space}`);
  run(`ip link add ${far} type veth peer name ${near}`);
  run(`ip link set ${near} netns ${space}`);
  run(`ip addr add ${net}.1/30 dev ${far}`);
  run(`ip link set ${far} up`);
  for (const command of [`addr add ${net}.2/30 dev ${near}`, `link set ${near} up`, 'link set lo up']) run(`ip -n ${space} ${command}`);
  // Known neighbours stay known: else the near end learns after three seconds that nobody answers, which a modem would never tell.
  run(`ip -n ${space} neigh replace ${net}.1 lladdr ${hardwareAddress(far)} dev ${near} nud permanent`);
  return {
    kind: 'network namespace with tc tbf',
    prefix: ['ip', 'netns', 'exec', space],
    storageHost: `${net}.1`,
    connect: (port) => Promise.resolve({ host: `${net}.1`, port }),
    limit(bytesPerSecond) {
      const shape = `root tbf rate ${Math.round(bytesPerSecond * 8)}bit burst ${TBF_BURST_BYTES} latency ${TBF_LATENCY}`;
      run(`tc qdisc replace dev ${far} ${shape}`);
      run(`ip netns exec ${space} tc qdisc replace dev ${near} ${shape}`);
    },
    down: () => run(`ip link set ${far} down`),
    up: () => run(`ip link set ${far} up`),
    close() {
      process.off('exit', remove);
      remove();
      return Promise.resolve();
    },
  };
}

function proxyLink(): NetworkLink {
  const proxies: Awaited<ReturnType<typeof startFaultProxy>>[] = [];
  return {
    kind: 'fault proxy',
    prefix: [],
    storageHost: '127.0.0.1',
    async connect(port) {
      const proxy = await startFaultProxy({ target: { host: '127.0.0.1', port }, seed: 1 });
      proxies.push(proxy);
      return proxy;
    },
    limit: (bytesPerSecond) => proxies.forEach((proxy) => proxy.shape({ bytesPerSecond })),
    down: () => proxies.forEach((proxy) => proxy.down()),
    up: () => proxies.forEach((proxy) => proxy.up()),
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))),
  };
}
