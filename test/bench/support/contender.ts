// What the benchmarks of single processes share: configurations for the page server's targets, and sizes of folders.

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { kinds } from './inside.ts';
import type { Kind, Mix } from './inside.ts';

/** A scrape configuration that Prometheus, vmagent and Tributary read alike. */
export function scrapeConfig(mix: Mix, intervalSeconds: number, pagePort: number): object {
  const interval = `${intervalSeconds}s`;
  const job = (kind: Kind) => ({
    job_name: kind,
    static_configs: Array.from({ length: mix[kind] }, (_, i) => ({
      targets: [`127.0.0.1:${pagePort}`],
      labels: { __metrics_path__: `/${kind}/${i}`, instance: `${kind}-${i}` },
    })),
  });
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, external_labels: { cluster: 'bench' } },
    scrape_configs: kinds.filter((kind) => mix[kind] > 0).map(job),
  };
}

/** Bytes of all files below a folder; 0 when there is none. */
export function folderBytes(path: string): number {
  if (!existsSync(path)) return 0;
  let bytes = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    bytes += entry.isDirectory() ? folderBytes(inside) : statSync(inside).size;
  }
  return bytes;
}
