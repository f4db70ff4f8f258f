// What stands around the sampler: whether the kernel that this process can ask is the one that the files speak of, and drivers' caches.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../model/error.ts';
import type { FoundPort } from './discover.ts';

/** Where the system's own sysfs is. */
const ownSysfs = '/sys';

/**
 * Netlink tells of the interfaces of this process. Below another root, as that of the host in a container, there may be others with the same names: then files alone are
 * read. With the host's network they are the same ones.
 */
export function showsOwnInterfaces(root: string): boolean {
  return root === ownSysfs || interfacesBelow(root) === interfacesBelow(ownSysfs);
}

function interfacesBelow(root: string): string | undefined {
  const folder = join(root, 'class/net');
  try {
    return readdirSync(folder).sort().map((name) => `${name} ${textOf(join(folder, name, 'ifindex'))} ${textOf(join(folder, name, 'address'))}`).join('\n');
  } catch {
    // No such folder: whatever the kernel tells, it is not what these files do.
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

/** Writes how long drivers keep their answers. Returns what could not be written, as sentences. */
export function setLifespans(root: string, ports: readonly FoundPort[], lifespanMs: number): string[] {
  const folders = ports.filter(({ kind, groups }) => kind === 'rdma' && groups.some((group) => group.kind === 'hw_counters'))
    .map(({ device, port }) => join(root, 'class/infiniband', device, 'ports', String(port), 'hw_counters'));
  return folders.flatMap((folder) => {
    try {
      // No file is made where the kernel has none.
      writeFileSync(join(folder, 'lifespan'), `${lifespanMs}\n`, { flag: 'r+' });
      return [];
    } catch (error) {
      return [`lifespan of ${folder} could not be set to ${lifespanMs} ms: ${errorText(error)}`];
    }
  });
}
