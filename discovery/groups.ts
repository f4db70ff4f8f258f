// Target groups as people write them, in a JSON or YAML document: a list of `{targets: [...], labels: {...}}`. Nothing else is allowed, so
// that a misspelt key does not lose targets in silence. Source: Prometheus discovery/targetgroup.

import type { Node } from '../src/config/node.ts';
import { isNull } from '../src/config/node.ts';
import { parseYaml } from '../src/config/yaml.ts';
import { targetGroup } from './discovery.ts';
import type { TargetGroup } from './discovery.ts';

export interface GroupOrigin {
  /** Groups get the sources `<prefix>:<index>`. */
  readonly prefix: string;
  /** Added to the labels of each group. */
  readonly labels: readonly (readonly [name: string, value: string])[];
}

/** Throws an Error that says what is wrong; no group of a broken document is used. */
export function parseJsonGroups(text: string, origin: GroupOrigin): TargetGroup[] {
  return toGroups(JSON.parse(text) as unknown, origin);
}

/** As parseJsonGroups. Numbers and other plain values count as text, as in Prometheus. */
export function parseYamlGroups(text: string, origin: GroupOrigin): TargetGroup[] {
  const { root, problems } = parseYaml(text);
  const problem = problems[0];
  if (problem !== undefined) throw new Error(`yaml: line ${problem.at.line}: ${problem.text}`);
  return toGroups(root === undefined ? null : plainValue(root), origin);
}

/** Two groups that say the same: the second need not be passed on. */
export function groupKey(group: TargetGroup): string {
  return JSON.stringify([[...group.labels].sort(byName), group.targets.map((target) => [...target].sort(byName))]);
}

/** Of `groups`, those that differ from what `before` holds; `before` is brought up to date, and groups that are gone are told as empty. */
export function changedGroups(before: Map<string, string>, groups: readonly TargetGroup[]): TargetGroup[] {
  const gone = new Set(before.keys());
  const changed = groups.filter((group) => {
    gone.delete(group.source);
    const key = groupKey(group);
    if (before.get(group.source) === key) return false;
    before.set(group.source, key);
    return true;
  });
  for (const source of gone) {
    before.delete(source);
    changed.push(targetGroup(source, []));
  }
  return changed;
}

function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}

function plainValue(node: Node): unknown {
  if (isNull(node)) return null;
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'list') return node.items.map(plainValue);
  const values = new Map<string, unknown>();
  for (const { key, value, at } of node.entries) {
    if (values.has(key)) throw new Error(`yaml: line ${at.line}: key ${JSON.stringify(key)} already set in map`);
    values.set(key, plainValue(value));
  }
  return Object.fromEntries(values);
}

function toGroups(value: unknown, origin: GroupOrigin): TargetGroup[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new Error('expected a list of target groups');
  return value.map((item: unknown, index) => toGroup(item, index, origin));
}

function toGroup(item: unknown, index: number, origin: GroupOrigin): TargetGroup {
  if (item === null) throw new Error(`nil target group item found (index ${index})`);
  if (typeof item !== 'object' || Array.isArray(item)) throw new Error(`target group ${index}: expected targets and labels`);
  const unknown = Object.keys(item).find((name) => name !== 'targets' && name !== 'labels');
  if (unknown !== undefined) throw new Error(`target group ${index}: unknown field ${JSON.stringify(unknown)}, expected targets or labels`);
  const { targets, labels } = item as { targets?: unknown; labels?: unknown };
  const all = new Map([...toLabels(labels ?? {}, index), ...origin.labels]);
  return targetGroup(`${origin.prefix}:${index}`, toTargets(targets ?? [], index), all);
}

function toTargets(targets: unknown, index: number): ReadonlyMap<string, string>[] {
  if (!Array.isArray(targets)) throw new Error(`target group ${index}: targets: expected a list of addresses`);
  return targets.map((target: unknown) => {
    if (typeof target !== 'string') throw new Error(`target group ${index}: targets: ${JSON.stringify(target)} is not a text`);
    return new Map([['__address__', target]]);
  });
}

function toLabels(labels: unknown, index: number): [string, string][] {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) throw new Error(`target group ${index}: labels: expected a map`);
  return Object.entries(labels).map(([name, value]: [string, unknown]) => {
    if (name === '') throw new Error(`target group ${index}: labels: "" is not a valid label name`);
    if (value === null) return [name, ''];
    if (typeof value !== 'string') throw new Error(`target group ${index}: labels: the value of ${JSON.stringify(name)} is not a text`);
    return [name, value];
  });
}
