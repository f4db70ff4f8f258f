// The configuration in force as YAML, for `/api/v1/status/config` and the page: defaults and inherited values filled in, members of
// `scrape_config_files` in place, secrets masked. It loads again to an equal configuration (but for the secrets).

import { escapeEnv } from './env.ts';
import type { ScrapeBlock } from '../scrape/config.ts';
import { topKeys } from './top.ts';
import type { GlobalBlock, TopBlock } from './top.ts';
import { printYaml } from './yaml.ts';

/** The top block with a complete `global` and all jobs, those of `scrape_config_files` included, after they inherited. */
export interface CompleteConfig {
  readonly top: TopBlock;
  readonly global: GlobalBlock;
  readonly jobs: readonly ScrapeBlock[];
}

/** Sections that are not in force are not printed: ignored ones, and the list of files whose jobs are printed in place. */
export function printEffective({ top, global, jobs }: CompleteConfig): string {
  const labels = new Map([...global.values.external_labels].map(([name, value]) => [name, escapeEnv(value)]));
  const expanded = { ...global, values: { ...global.values, external_labels: labels } };
  return printYaml({
    global: topKeys.global.type.print(expanded),
    scrape_configs: topKeys.scrape_configs.type.print(jobs),
    remote_write: topKeys.remote_write.type.print(top.values.remote_write),
    tributary: topKeys.tributary.type.print(top.values.tributary),
  });
}
