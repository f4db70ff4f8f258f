// The counters of an outline: which of its files hold numbers, where the kernel tells the same, and what the names mean.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../model/error.ts';
import { parseCount } from './counter-file.ts';
import type { CounterGroup, FoundCounter, FoundPort } from './discover.ts';
import { ethtoolMeaning, standardStatisticMeaning } from './ethtool-names.ts';
import { standardNames, type EthtoolCounters } from './kernel-counters.ts';
import { linkFields } from './link-fields.ts';
import type { FileList, PortOutline } from './port-outline.ts';
import type { CounterPlace } from './sampler.ts';
import { hardwareCounterMeaning, portCounterMeaning, statisticMeaning, vendorOf, type Meaning, type Vendor } from './vendors.ts';

export type CountersOfPort = Pick<FoundPort, 'groups' | 'unreadable'>;

/** Counters of a folder; more would not be believed. */
const countersMax = 512;

/** Opens every counter of the port once. */
export function rdmaPortCounters(outline: PortOutline, vendor: Vendor | undefined): CountersOfPort {
  const management = readCounters(outline.counters, portCounterMeaning);
  const hardware = hardwareCounters(outline, vendor);
  const isTraffic = ({ meaning }: FoundCounter) => meaning.traffic !== undefined;
  return {
    groups: nonEmpty([
      { kind: 'port_data', counters: management.readable.filter(isTraffic) },
      { kind: 'hw_counters', counters: firstOfSetFirst(hardware.readable) },
      { kind: 'counters', counters: management.readable.filter((counter) => !isTraffic(counter)) },
      ...ethtoolGroups(outline),
    ]),
    unreadable: [...management.unreadable, ...hardware.unreadable],
  };
}

/** `canAskKernel`: rtnetlink tells of the interfaces of this process, which may be others than those below the root. */
export function netdevCounters(outline: PortOutline, canAskKernel: boolean): CountersOfPort {
  const { readable, unreadable } = readCounters(outline.statistics, statisticMeaning);
  // In the order in which the kernel tells them: what follows each other is taken at once.
  const counters = canAskKernel ? readable.map((counter) => withLinkPlace(counter, outline.device)).toSorted((a, b) => linkFields.indexOf(a.name) - linkFields.indexOf(b.name)) : readable;
  return { groups: nonEmpty([{ kind: 'statistics', counters }, ...ethtoolGroups(outline)]), unreadable };
}

function withLinkPlace(counter: FoundCounter, link: string): FoundCounter {
  const field = linkFields.indexOf(counter.name);
  return field < 0 ? counter : { ...counter, places: [{ kind: 'link', link, field }, ...counter.places] };
}

/** What netlink tells goes before the file: one question for all of them. Optional counters exist there alone, those of the device in files alone. */
function hardwareCounters({ device, port, hardware, deviceHardware, rdmaCounters }: PortOutline, vendor: Vendor | undefined): CountersOfFolder {
  const meaningOf = (name: string) => hardwareCounterMeaning(vendor, name);
  const placeOf = (counter: string): CounterPlace => ({ kind: 'rdma', device, port, counter });
  const told = new Set(rdmaCounters);
  const files = readCounters(hardware, meaningOf);
  const inFiles = new Set(files.readable.map(({ name }) => name));
  const known = new Set([...hardware.names, ...rdmaCounters]);
  const ofDevice = readCounters({ ...deviceHardware, names: deviceHardware.names.filter((name) => !known.has(name)) }, meaningOf);
  return {
    readable: [
      ...files.readable.map((counter) => (told.has(counter.name) ? { ...counter, places: [placeOf(counter.name), ...counter.places] } : counter)),
      ...rdmaCounters.filter((name) => !inFiles.has(name)).map((name) => ({ name, meaning: meaningOf(name), places: [placeOf(name)] })),
      ...ofDevice.readable,
    ],
    unreadable: [...files.unreadable.filter(({ name }) => !told.has(name)), ...ofDevice.unreadable],
  };
}

/** mlx5 fills its cache only when the first counter of the set is asked for: read first, it makes the others cheap. */
function firstOfSetFirst(counters: readonly FoundCounter[]): FoundCounter[] {
  const isFirst = ({ name }: FoundCounter) => /^(vport_)?rx_write_requests$/.test(name);
  return [...counters.filter(isFirst), ...counters.filter((counter) => !isFirst(counter))];
}

function ethtoolGroups({ netdev, netdevDriver, ethtool }: PortOutline): CounterGroup[] {
  if (ethtool === undefined) return [];
  const standard = (['mac', 'ctrl', 'pause'] as const).flatMap((group) => standardCounters(netdev, group, ethtool));
  const vendor = vendorOf(netdevDriver, '');
  const own = ethtool.strings.flatMap((name): FoundCounter[] => {
    const meaning = ethtoolMeaning(vendor, name);
    return meaning === undefined ? [] : [{ name, meaning, places: [{ kind: 'ethtool', link: netdev, group: 'strings', name }] }];
  });
  const known = new Set<string>();
  return [{ kind: 'ethtool_mac', counters: withoutRepeatedPauses(standard, known) }, { kind: 'ethtool', counters: withoutRepeatedPauses(own, known) }];
}

function standardCounters(link: string, group: 'mac' | 'ctrl' | 'pause', ethtool: EthtoolCounters): FoundCounter[] {
  return ethtool[group].flatMap((attribute) => {
    const name = standardNames[group][attribute];
    return name === undefined ? [] : [{ name, meaning: standardStatisticMeaning(name), places: [{ kind: 'ethtool' as const, link, group, attribute }] }];
  });
}

/** Drivers tell the pauses of the whole link under several names: the first one counts, the others are plain counters. */
function withoutRepeatedPauses(counters: readonly FoundCounter[], known: Set<string>): FoundCounter[] {
  return counters.map((counter) => {
    const { pause, ...rest } = counter.meaning;
    if (pause === undefined) return counter;
    const key = `${pause.kind} ${pause.direction} ${pause.priority}`;
    if (known.has(key)) return { ...counter, meaning: rest };
    known.add(key);
    return counter;
  });
}

function nonEmpty(groups: readonly CounterGroup[]): CounterGroup[] {
  return groups.filter(({ counters }) => counters.length > 0);
}

interface CountersOfFolder {
  readonly readable: FoundCounter[];
  readonly unreadable: { name: string; reason: string }[];
}

function readCounters({ folder, names }: FileList, meaningOf: (name: string) => Meaning): CountersOfFolder {
  const found: CountersOfFolder = { readable: [], unreadable: [] };
  for (const name of names.slice(0, countersMax)) {
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
