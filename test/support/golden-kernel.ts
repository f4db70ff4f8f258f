// What a kernel would tell of a golden sysfs tree, from the file `kernel.json` in it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EthtoolCounters, KernelCounters } from '../../src/roce/kernel-counters.ts';

interface Golden {
  readonly rdma: readonly { readonly device: string; readonly port: number; readonly counters: readonly string[] }[];
  readonly ethtool: Readonly<Record<string, EthtoolCounters>>;
  readonly lossless: Readonly<Record<string, readonly number[]>>;
}

/** A tree without the file is one of a kernel that tells nothing. */
export function goldenKernel(tree: string): KernelCounters {
  const path = join(tree, 'kernel.json');
  const golden: Golden = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Golden) : { rdma: [], ethtool: {}, lossless: {} };
  return {
    rdmaCounters: (device, port) => golden.rdma.find((one) => one.device === device && one.port === port)?.counters ?? [],
    ethtoolCounters: (link) => golden.ethtool[link] ?? { mac: [], ctrl: [], pause: [], strings: [] },
    losslessPriorities: (link) => golden.lossless[link],
  };
}
