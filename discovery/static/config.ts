// static_configs: target groups written in the configuration itself.

import { block, fail, key } from '../../src/config/schema.ts';
import type { Block } from '../../src/config/schema.ts';
import { listOf, mapOf, text } from '../../src/config/types.ts';

export interface StaticGroup {
  readonly targets: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
}

export interface StaticSettings {
  readonly kind: 'static';
  readonly groups: readonly StaticGroup[];
}

export const labelMap = mapOf(text, (name) => (name === '' ? '"" is not a valid label name, expected a name that is not empty' : undefined));

export const staticKeys = {
  targets: key(listOf(text), [], 'Addresses, `host:port`.'),
  labels: key(labelMap, new Map<string, string>(), 'Labels of all these targets.'),
};

export const staticConfigs = listOf(block(staticKeys), 'empty or null section in static_configs');

/** An address with a slash could still be repaired by rules: for a job that has some it is looked at when targets are built. */
export function checkStatic(groups: readonly Block<typeof staticKeys>[], hasRelabel: boolean): void {
  if (hasRelabel) return;
  for (const group of groups) {
    for (const target of group.values.targets) {
      if (target.includes('/')) fail(group, 'targets', `${JSON.stringify(target)} is not a valid hostname, expected host:port`);
    }
  }
}

export function buildStatic(groups: readonly Block<typeof staticKeys>[]): StaticSettings {
  return { kind: 'static', groups: groups.map(({ values }) => ({ targets: values.targets, labels: values.labels })) };
}
