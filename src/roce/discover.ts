// Finds what can be sampled below a sysfs root: ports of RDMA devices with their counters, and network interfaces. The root can be anywhere, because
// containers see the host's elsewhere. A file that is missing, unreadable or no number costs itself and is told; nothing else is lost. Looking again
// reads what changed, and lists of the rest.

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { netdevCounters, rdmaPortCounters } from './found-counters.ts';
import { askKernel, type KernelCounters, type KernelOutline } from './kernel-counters.ts';
import { isVirtualFunction, namesIn, netdevOutline, rdmaPortOutline, type FileOutline, type PortOutline } from './port-outline.ts';
import type { CounterPlace } from './sampler.ts';
import { vendorOf, type Meaning, type Vendor } from './vendors.ts';

export interface FoundCounter {
  /** As the driver spells it. */
  readonly name: string;
  readonly meaning: Meaning;
  /** Where it can be read, the best way first. The sampler in TypeScript reads files only. */
  readonly places: readonly CounterPlace[];
}

/**
 * `statistics` of an interface; of a port the two traffic counters, the other counters of its management agent, and those of its driver; of a port's
 * interface or a listed one the physical port's standard statistics with pauses, and the driver's own.
 */
export type GroupKind = 'statistics' | 'port_data' | 'counters' | 'hw_counters' | 'ethtool_mac' | 'ethtool';

/** Counters that are read together. */
export interface CounterGroup {
  readonly kind: GroupKind;
  readonly counters: readonly FoundCounter[];
}

/** A port of an RDMA device, or an interface. */
export interface FoundPort {
  readonly kind: 'rdma' | 'netdev';
  readonly device: string;
  /** 0 for interfaces. */
  readonly port: number;
  readonly driver: string;
  readonly vendor: Vendor | undefined;
  /** Bytes per second; 0 where the device does not say. */
  readonly lineRate: number;
  /** As the device says: `InfiniBand`, `Ethernet`; empty for interfaces. */
  readonly linkLayer: string;
  /** The interface of an RDMA port, or the interface itself; empty where there is none. */
  readonly netdev: string;
  /** Facts for people, empty where they are not known. */
  readonly firmware: string;
  readonly pci: string;
  readonly numaNode: string;
  /** Priorities that must not lose frames (PFC): from the interface's DCB where it tells, else 3. */
  readonly priorities: readonly number[];
  readonly groups: readonly CounterGroup[];
  /** Counters that cannot be read, and why. */
  readonly unreadable: readonly { readonly name: string; readonly reason: string }[];
}

export interface DiscoverOptions {
  /** By the name of an RDMA device; absent: every one. */
  readonly include?: (device: string) => boolean;
  /** Goes before `include`. */
  readonly exclude?: (device: string) => boolean;
  /** Interfaces that are sampled for themselves, by name; absent: every one. */
  readonly netdevs?: (name: string) => boolean;
  /** Virtual functions are left out without it: they share the counters of the physical one, or have none of their own. */
  readonly virtualFunctions?: boolean;
  /** Absent: files only. The kernel is asked about the interfaces of this process: give it only for a root that shows the same ones. */
  readonly kernel?: KernelCounters;
}

/** Where nobody tells, this one is it: the priority that RoCE is given by habit. */
const usualPriority = 3;

/** Everything below `root`, RDMA ports first, by name. */
export function discover(root: string, options: DiscoverOptions = {}): FoundPort[] {
  return [...new Discovery(root, options).scan().ports];
}

export interface Scan {
  /** RDMA ports first, by name. */
  readonly ports: readonly FoundPort[];
  /** Whether something differs from the scan before; true of the first one. */
  readonly hasChanged: boolean;
}

interface Found {
  readonly files: FileOutline;
  readonly kernel: KernelOutline;
  /** Number of the look in which the kernel was asked. */
  readonly askedAt: number;
  readonly port: FoundPort;
}

/** The kernel is asked again after so many looks, ten minutes of them: one port in a look. */
const looksMax = 60;

/** Finds ports again and again. */
export class Discovery {
  readonly #root: string;
  readonly #options: DiscoverOptions;
  /** By what does not change when a link goes down and up. */
  #found = new Map<string, Found>();
  #looks = 0;
  #ports: readonly FoundPort[] | undefined;

  constructor(root: string, options: DiscoverOptions = {}) {
    this.#root = root;
    this.#options = options;
  }

  /** Ports at which nothing changed are the same objects as in the scan before, none of their counters is opened, and the kernel is not asked about them. */
  scan(): Scan {
    this.#looks++;
    const known = [...this.#found.values()];
    const stale = this.#stalest(known);
    this.#found = new Map(this.#outlines().map((told) => this.#foundAt(withSteadyRate(told, known), stale)));
    const ports = [...this.#found.values()].map(({ port }) => port).filter(({ kind, groups }) => kind === 'rdma' || groups.length > 0);
    const hasChanged = ports.length !== this.#ports?.length || ports.some((port, index) => port !== this.#ports?.[index]);
    this.#ports = ports;
    return { ports, hasChanged };
  }

  /** What the kernel told longest ago, if that is long ago. */
  #stalest(known: readonly Found[]): Found | undefined {
    const [first, ...others] = known;
    if (first === undefined) return undefined;
    const stalest = others.reduce((one, other) => (other.askedAt < one.askedAt ? other : one), first);
    return this.#looks - stalest.askedAt < looksMax ? undefined : stalest;
  }

  #foundAt(files: FileOutline, stale: Found | undefined): [string, Found] {
    const key = JSON.stringify({ ...files, isUp: undefined });
    const before = this.#found.get(key);
    const isLinked = before !== undefined && files.isUp && !before.files.isUp;
    if (before !== undefined && before !== stale && !isLinked) return [key, { ...before, files }];
    const kernel = askKernel(this.#options.kernel, files);
    // What could not be read while there was no link may be readable now.
    const isOpened = !isDeepStrictEqual(kernel, before?.kernel) || (isLinked && before.port.unreadable.length > 0);
    const port = before === undefined || isOpened ? portOf({ ...files, ...kernel }, this.#options.kernel !== undefined) : before.port;
    return [key, { files, kernel, askedAt: this.#looks, port }];
  }

  #outlines(): FileOutline[] {
    const { netdevs = () => true } = this.#options;
    const surroundings = { root: this.#root, taken: new Set<string>() };
    const ports = this.#devices().flatMap((device) => this.#portsOf(device).map((port, index) => rdmaPortOutline(surroundings, { device, port, isFirst: index === 0 })));
    const names = namesIn(join(this.#root, 'class/net')).filter((name) => netdevs(name) && this.#isWanted('class/net', name));
    return [...ports, ...names.map((name) => netdevOutline(surroundings, name))];
  }

  #portsOf(device: string): number[] {
    return namesIn(join(this.#root, 'class/infiniband', device, 'ports')).map(Number).filter(Number.isInteger).sort((a, b) => a - b);
  }

  #devices(): string[] {
    const { include = () => true, exclude = () => false } = this.#options;
    return namesIn(join(this.#root, 'class/infiniband')).filter((device) => include(device) && !exclude(device) && this.#isWanted('class/infiniband', device));
  }

  #isWanted(folder: string, name: string): boolean {
    return this.#options.virtualFunctions === true || !isVirtualFunction(join(this.#root, folder, name));
  }
}

/** Without a link devices tell the rate of the slowest one, or none: the port keeps the rate that it had. */
function withSteadyRate(outline: FileOutline, known: readonly Found[]): FileOutline {
  const before = outline.isUp ? undefined : known.find(({ port: { kind, device, port } }) => kind === outline.kind && device === outline.device && port === outline.port);
  return before === undefined ? outline : { ...outline, rate: before.files.rate, speed: before.files.speed };
}

function portOf(outline: PortOutline, canAskKernel: boolean): FoundPort {
  const isRdma = outline.kind === 'rdma';
  const vendor = isRdma ? vendorOf(outline.driver, outline.device) : undefined;
  const { kind, device, port, driver, linkLayer, netdev, firmware, pci, numaNode, lossless = [] } = outline;
  return {
    kind, device, port, driver, vendor, linkLayer, netdev, firmware, pci, numaNode,
    lineRate: lineRateOf(outline.rate) || lineRateOfSpeed(outline.speed),
    priorities: lossless.length > 0 ? lossless : [usualPriority],
    ...(isRdma ? rdmaPortCounters(outline, vendor) : netdevCounters(outline, canAskKernel)),
  };
}

/** "400 Gb/sec (4X NDR)" is 50 GB/s. */
export function lineRateOf(rate: string): number {
  const gigabits = /^(\d+(?:\.\d+)?) Gb\/sec/.exec(rate)?.[1];
  return gigabits === undefined ? 0 : Number(gigabits) * 125_000_000;
}

/** In Mb/s; interfaces without a speed answer -1, 0, or not at all. */
function lineRateOfSpeed(speed: string): number {
  return Number(speed) > 0 ? Number(speed) * 125_000 : 0;
}
