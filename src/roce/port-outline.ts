// The outline of a port or an interface: what lists, links and texts tell of it without opening one counter, and without asking the kernel. It is cheap to take, so that
// looking again every ten seconds costs a node nothing, and two equal outlines mean that nothing changed.

import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { KernelOutline } from './kernel-counters.ts';

/** Names below one folder. */
export interface FileList {
  readonly folder: string;
  readonly names: readonly string[];
}

export interface FileOutline {
  readonly kind: 'rdma' | 'netdev';
  readonly device: string;
  /** 0 for interfaces. */
  readonly port: number;
  /** Another one means that the device was made again. */
  readonly inode: number;
  readonly driver: string;
  readonly isVirtualFunction: boolean;
  /** As the file has it: "400 Gb/sec (4X NDR)"; empty for interfaces. */
  readonly rate: string;
  /** Of the interface, Mb/s; of that of a port where the port does not tell its rate. */
  readonly speed: string;
  /** Whether there is a link, as far as it is told. */
  readonly isUp: boolean;
  readonly linkLayer: string;
  readonly netdev: string;
  /** Of the interface, where it is another device than the port. */
  readonly netdevDriver: string;
  readonly firmware: string;
  readonly pci: string;
  readonly numaNode: string;
  /** `statistics` of interfaces; `counters` and `hw_counters` of ports, and `hw_counters` of their devices. */
  readonly statistics: FileList;
  readonly counters: FileList;
  readonly hardware: FileList;
  readonly deviceHardware: FileList;
  /** Whether the ethtool statistics of the interface belong to it: two ports may name one interface, and the interface itself may be listed. */
  readonly hasEthtool: boolean;
}

export type PortOutline = FileOutline & KernelOutline;

/** Where outlines are taken. */
export interface Surroundings {
  readonly root: string;
  /** Interfaces whose ethtool statistics belong to an outline already. */
  readonly taken: Set<string>;
}

export interface RdmaPort {
  readonly device: string;
  readonly port: number;
  /** Of its device. */
  readonly isFirst: boolean;
}

const noFiles: FileList = { folder: '', names: [] };

/** Counters of the device itself are told with its first port. */
export function rdmaPortOutline({ root, taken }: Surroundings, { device, port, isFirst }: RdmaPort): FileOutline {
  const folder = join(root, 'class/infiniband', device);
  const portFolder = join(folder, 'ports', String(port));
  const netdev = netdevOf(folder, port);
  const rate = textOf(join(portFolder, 'rate'));
  const facts = deviceFacts(folder);
  const netdevDriver = (netdev === '' ? '' : driverOf(join(root, 'class/net', netdev))) || facts.driver;
  return {
    kind: 'rdma', device, port, ...facts,
    rate, speed: netdev === '' || /^\d/.test(rate) ? '' : textOf(join(root, 'class/net', netdev, 'speed')), isUp: isUp(textOf(join(portFolder, 'state'))),
    linkLayer: textOf(join(portFolder, 'link_layer')), firmware: textOf(join(folder, 'fw_ver')), netdev, netdevDriver,
    statistics: noFiles, counters: countersIn(join(portFolder, 'counters')), hardware: countersIn(join(portFolder, 'hw_counters')),
    deviceHardware: isFirst ? countersIn(join(folder, 'hw_counters')) : noFiles, hasEthtool: take(netdev, taken),
  };
}

export function netdevOutline({ root, taken }: Surroundings, name: string): FileOutline {
  const folder = join(root, 'class/net', name);
  const facts = deviceFacts(folder);
  return {
    kind: 'netdev', device: name, port: 0, ...facts, rate: '', speed: textOf(join(folder, 'speed')), isUp: isUp(textOf(join(folder, 'operstate'))), linkLayer: '', firmware: '',
    netdev: name, netdevDriver: facts.driver, statistics: countersIn(join(folder, 'statistics')), counters: noFiles, hardware: noFiles, deviceHardware: noFiles, hasEthtool: take(name, taken),
  };
}

export function isVirtualFunction(folder: string): boolean {
  return linkOf(join(folder, 'device/physfn')) !== '';
}

/** Sorted; empty where there is no such folder. */
export function namesIn(folder: string): string[] {
  if (!exists(folder)) return [];
  try {
    return readdirSync(folder).sort();
  } catch {
    // Gone meanwhile, or no folder.
    return [];
  }
}

function deviceFacts(folder: string): Pick<FileOutline, 'inode' | 'driver' | 'isVirtualFunction' | 'pci' | 'numaNode'> {
  const numaNode = textOf(join(folder, 'device/numa_node'));
  return {
    inode: inodeOf(folder), driver: driverOf(folder), isVirtualFunction: isVirtualFunction(folder), pci: pciOf(folder),
    // -1 is a machine without nodes.
    numaNode: numaNode.startsWith('-') ? '' : numaNode,
  };
}

/** Whether nobody has taken it. */
function take(link: string, taken: Set<string>): boolean {
  const isFree = link !== '' && !taken.has(link);
  taken.add(link);
  return isFree;
}

/** `4: ACTIVE` of a port; `up` of an interface, `unknown` of one made of software. */
function isUp(state: string): boolean {
  return state === '' || state.endsWith('ACTIVE') || state === 'up' || state === 'unknown';
}

/** The interface of a port: that of its device, by `dev_port` where there are several; devices made of software name it themselves, bonds by their addresses. */
function netdevOf(folder: string, port: number): string {
  const names = namesIn(join(folder, 'device/net'));
  const [only, ...more] = names.length > 1 ? names.filter((name) => isOfPort(join(folder, 'device/net', name), port)) : names;
  if (only !== undefined && more.length === 0) return only;
  const named = textOf(join(folder, 'parent')) || textOf(join(folder, 'ports', String(port), 'gid_attrs/ndevs/0'));
  return named || (only ?? '');
}

/** `dev_port` counts from 0. Representors of virtual functions share it with the port that carries them, and are named after both. */
function isOfPort(folder: string, port: number): boolean {
  return textOf(join(folder, 'dev_port')) === String(port - 1) && !/^(c\d+)?pf\d+(vf|sf)\d+$/.test(textOf(join(folder, 'phys_port_name')));
}

/** `lifespan` is how long the driver's answers are kept, and no counter. */
function countersIn(folder: string): FileList {
  return { folder, names: namesIn(folder).filter((name) => name !== 'lifespan') };
}

function driverOf(folder: string): string {
  // Virtual devices have none.
  return basename(linkOf(join(folder, 'device/driver')));
}

function pciOf(folder: string): string {
  const address = basename(linkOf(join(folder, 'device')));
  return /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(address) ? address : '';
}

function linkOf(path: string): string {
  if (!exists(path)) return '';
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function inodeOf(path: string): number {
  try {
    return statSync(path).ino;
  } catch {
    // Gone between the list and here.
    return 0;
  }
}

/** Asked first where something is often missing: an exception costs twenty times as much as the question. */
function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // What should be a folder is none, as `class/net/bonding_masters`.
    return false;
  }
}

/** Without the newline; empty where it cannot be read, as the speed of an interface without one. */
function textOf(path: string): string {
  if (!exists(path)) return '';
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}
