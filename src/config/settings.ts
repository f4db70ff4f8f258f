// The whole configuration after loading: complete, checked and frozen.

import type { DestinationSettings } from '../destinations/config.ts';
import type { QueueSettings } from '../queue/config.ts';
import type { ScrapeSettings } from '../scrape/config.ts';

export interface Settings {
  readonly externalLabels: ReadonlyMap<string, string>;
  readonly scrape: readonly ScrapeSettings[];
  readonly destinations: readonly DestinationSettings[];
  readonly queue: QueueSettings;
}

/** Something accepted that has no effect here, or deserves a warning: listed at start, by `check config` and on the page. */
export interface Remark {
  readonly kind: 'no_effect' | 'ignored_section' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly text: string;
}

/** One thing that is wrong: `file:line:column: path: text`. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  /** What is wrong and what is expected. */
  readonly text: string;
}

export interface LoadedConfig {
  readonly settings: Settings;
  readonly remarks: readonly Remark[];
  /** The configuration in force as YAML: all defaults, secrets masked; loads again to an equal configuration. */
  readonly yaml: string;
  /** Every file the configuration was read from, for watching. */
  readonly files: readonly string[];
  /** Changes when any of the files' content changes. */
  readonly hash: string;
}
