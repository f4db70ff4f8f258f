// Finds what can be sampled below a sysfs root: ports of RDMA devices with their counters, and network interfaces. The root can be anywhere, because
// containers see the host's elsewhere. A file that is missing, unreadable or no number costs itself and is told; nothing else is lost.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorText } from '../model/error.ts';
import { parseCount } from './counter-file.ts';
import { linkFields } from './link-fields.ts';
import type { CounterPlace } from './sampler.ts';
import { hardwareCounterMeaning, portCounterMeaning, vendorOf, type Meaning, type Vendor } from './vendors.ts';

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

/** Counters of a port; more would not be believed. */
const countersMax = 512;
/** The priority that RoCE is given by convention. */
const defaultPriorities: readonly number[] = [3];

/** Everything below `root`, RDMA ports first, by name. */
export function discover(root: string): FoundPort[] {
  const devices = namesIn(join(root, 'class/infiniband'));
  const ports = devices.flatMap((device) => namesIn(join(root, 'class/infiniband', device, 'ports')).map((port) => rdmaPort(root, device, port)));
  return [...ports, ...namesIn(join(root, 'class/net')).map((name) => netdev(root, name)).filter(({ groups }) => groups.length > 0)];
}

function rdmaPort(root: string, device: string, port: string): FoundPort {
  const folder = join(root, 'class/infiniband', device);
  const driver = driverOf(join(folder, 'device'));
  const vendor = vendorOf(driver, device);
  const portFolder = join(folder, 'ports', port);
  const management = readCounters(join(portFolder, 'counters'), portCounterMeaning);
  const hardware = readCounters(join(portFolder, 'hw_counters'), (name) => hardwareCounterMeaning(vendor, name));
  const isTraffic = ({ meaning }: FoundCounter) => meaning.traffic !== undefined;
  return {
    kind: 'rdma', device, port: Number(port), driver, vendor,
    lineRate: lineRateOf(textOf(join(portFolder, 'rate'))),
    linkLayer: textOf(join(portFolder, 'link_layer')),
    netdev: '', firmware: '', pci: '', numaNode: '', priorities: defaultPriorities,
    groups: nonEmpty([
      { kind: 'port_data', counters: management.readable.filter(isTraffic) },
      { kind: 'hw_counters', counters: firstOfSetFirst(hardware.readable) },
      { kind: 'counters', counters: management.readable.filter((counter) => !isTraffic(counter)) },
    ]),
    unreadable: [...management.unreadable, ...hardware.unreadable],
  };
}

function netdev(root: string, name: string): FoundPort {
  const folder = join(root, 'class/net', name);
  const { readable, unreadable } = readCounters(join(folder, 'statistics'), statisticMeaning);
  const counters = readable.map((counter) => {
    const field = linkFields.indexOf(counter.name);
    const place: CounterPlace = { kind: 'link', link: name, field };
    return field < 0 ? counter : { ...counter, places: [place, ...counter.places] };
  });
  const speedMbit = Number(textOf(join(folder, 'speed')));
  return {
    kind: 'netdev', device: name, port: 0, driver: driverOf(join(folder, 'device')), vendor: undefined, linkLayer: '',
    netdev: name, firmware: '', pci: '', numaNode: '', priorities: defaultPriorities,
    // Interfaces without a speed answer -1, 0, or not at all.
    lineRate: speedMbit > 0 ? speedMbit * 125_000 : 0,
    groups: nonEmpty([{ kind: 'statistics', counters }]),
    unreadable,
  };
}

function statisticMeaning(name: string): Meaning {
  const counter: Meaning = { bits: 64, saturates: false, multiplier: 1, isGauge: false };
  if (name === 'rx_bytes') return { ...counter, traffic: 'receive' };
  if (name === 'tx_bytes') return { ...counter, traffic: 'transmit' };
  return /^[rt]x_dropped$/.test(name) ? { ...counter, event: 'discard' } : counter;
}

function nonEmpty(groups: readonly CounterGroup[]): CounterGroup[] {
  return groups.filter(({ counters }) => counters.length > 0);
}

/** mlx5 fills its cache only when the first counter of the set is asked for: read first, it makes the others cheap. */
function firstOfSetFirst(counters: readonly FoundCounter[]): FoundCounter[] {
  const isFirst = ({ name }: FoundCounter) => /^(vport_)?rx_write_requests$/.test(name);
  return [...counters.filter(isFirst), ...counters.filter((counter) => !isFirst(counter))];
}

interface CountersOfFolder {
  readonly readable: FoundCounter[];
  readonly unreadable: { name: string; reason: string }[];
}

function readCounters(folder: string, meaningOf: (name: string) => Meaning): CountersOfFolder {
  const found: CountersOfFolder = { readable: [], unreadable: [] };
  // `lifespan` is how long the driver's answers are kept, and no counter.
  for (const name of namesIn(folder).filter((entry) => entry !== 'lifespan').slice(0, countersMax)) {
    const path = join(folder, name);
    const reason = whyUnreadable(path);
    if (reason === undefined) found.readable.push({ name, meaning: meaningOf(name), places: [{ kind: 'file', path }] });
    else found.unreadable.push({ name, reason });
  }
  return found;
}

function whyUnreadable(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'latin1');
    return parseCount(text) === undefined ? `not a number: ${JSON.stringify(text.trim().slice(0, 40))}` : undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? errorText(error);
  }
}

/** "400 Gb/sec (4X NDR)" is 50 GB/s. */
export function lineRateOf(rate: string): number {
  const gigabits = /^(\d+(?:\.\d+)?) Gb\/sec/.exec(rate)?.[1];
  return gigabits === undefined ? 0 : Number(gigabits) * 125_000_000;
}

function driverOf(device: string): string {
  try {
    return basename(readlinkSync(join(device, 'driver')));
  } catch {
    // Virtual devices have none.
    return '';
  }
}

/** Sorted; empty where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // No RDMA at all, or nothing of this group: both are ordinary.
    return [];
  }
}

/** Without the newline; empty where it cannot be read, as the speed of an interface without one. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}
