// From the keys of a `kubernetes_sd_configs` entry to the target groups that the provider tells at first, as plain data in a fixed order.

import type { TargetGroup } from '../../../discovery/discovery.ts';
import type { DiscoverySettings } from '../../../discovery/config.ts';
import { createProvider } from '../../../discovery/provider.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { systemClock } from '../../../src/io/clock.ts';
import type { Kubernetes } from '../../../src/kubernetes/kubernetes.ts';
import { calls, dependencies } from '../../unit/discovery/helpers.ts';

export interface PlainGroup {
  readonly labels: Readonly<Record<string, string>>;
  readonly targets: readonly Readonly<Record<string, string>>[];
}

/** Groups by source. */
export type PlainGroups = Readonly<Record<string, PlainGroup>>;

/** The settings of an entry, read as the configuration reads it. */
export function settingsOf(entry: object): DiscoverySettings {
  const text = JSON.stringify({ scrape_configs: [{ job_name: 'j', kubernetes_sd_configs: [entry] }] });
  const result = loadConfig('/nonexistent/prometheus.yml', { readFile: () => Buffer.from(text), env: {} });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.config.settings.scrape[0]!.discovery[0]!;
}

/** What the provider tells first. */
export async function groupsOf(settings: DiscoverySettings, kubernetes: Kubernetes): Promise<PlainGroups> {
  const provider = createProvider(settings, { ...dependencies(systemClock), kubernetes });
  const seen = calls();
  provider.start(seen.sink);
  const groups = await seen.next();
  await provider.stop();
  return plainGroups(groups);
}

export function plainGroups(groups: readonly TargetGroup[]): PlainGroups {
  return sortedGroups(Object.fromEntries(groups.map(({ source, labels, targets }) => [source, { labels: Object.fromEntries(labels), targets: targets.map((one) => Object.fromEntries(one)) }])));
}

/** Targets in the order of their text: Prometheus gives them in any order. */
export function sortedGroups(groups: PlainGroups): PlainGroups {
  const text = (target: object) => JSON.stringify(Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1)));
  const sorted = ({ labels, targets }: PlainGroup) => ({ labels, targets: [...targets].sort((a, b) => (text(a) < text(b) ? -1 : 1)) });
  return Object.fromEntries(Object.entries(groups).map(([source, group]) => [source, sorted(group)]));
}
