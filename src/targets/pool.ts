// The targets of one job: builds them from groups, collapses duplicates, remembers what was dropped and why. It holds no timers
// and starts nothing: `targets()` is the live set that the scraper compares with its loops.

import type { TargetGroup } from '../../discovery/discovery.ts';
import { formatLabels } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import type { Target } from '../model/target.ts';
import { describeRule } from '../relabel/describe.ts';
import { compileRules, traceRules } from '../relabel/relabel.ts';
import type { CompiledRules, RelabelStep } from '../relabel/relabel.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import { buildTarget, discoveredLabels } from './build.ts';

/** A target that a rule dropped. Both fields are worked out when they are asked for: most are never looked at. */
export interface DroppedTarget {
  readonly discoveredLabels: ReadonlyMap<string, string>;
  /** The rule that dropped it, by its place in `relabel_configs` (from 1) and in words. */
  readonly reason: string;
}

export type { RelabelStep } from '../relabel/relabel.ts';

export interface TargetPool {
  readonly settings: ScrapeSettings;
  /**
   * Takes over all groups of the job. Groups are told apart by identity, because two providers may use one source name: a group object that it
   * knows already is not built again. Returns the texts of targets that could not be built, each once.
   */
  setGroups(groups: readonly TargetGroup[]): string[];
  /** Every group it holds, for a pool that takes its place. */
  groups(): Iterable<TargetGroup>;
  /** The live set by key; duplicates are collapsed, the first one stays. A fresh map. */
  targets(): Map<string, Target>;
  /** At most `keep_dropped_targets` of them (0: all). */
  dropped(): DroppedTarget[];
  /** All of them, kept or not. */
  droppedCount(): number;
  /** Applies the job's rules to a label set, one by one. */
  relabelSteps(labels: LabelMap): RelabelStep[];
}

interface BuiltGroup {
  readonly group: TargetGroup;
  readonly targets: readonly Target[];
  /** Indices of dropped targets in the group. */
  readonly dropped: readonly number[];
}

export function createTargetPool(settings: ScrapeSettings): TargetPool {
  const rules = compileRules(settings.relabel, settings.nameScheme);
  let built = new Map<TargetGroup, BuiltGroup>();
  return {
    settings,
    setGroups(groups) {
      const errors: string[] = [];
      built = new Map(groups.map((group) => [group, built.get(group) ?? buildGroup(group, settings, rules, errors)]));
      return errors;
    },
    groups: () => built.keys(),
    targets: () => joinTargets(built.values()),
    dropped: () => keptDropped(built.values(), settings, rules),
    droppedCount: () => countDropped(built.values()),
    relabelSteps: (labels) => traceRules(rules, labels),
  };
}

function buildGroup(group: TargetGroup, settings: ScrapeSettings, rules: CompiledRules, errors: string[]): BuiltGroup {
  const targets: Target[] = [];
  const dropped: number[] = [];
  for (let i = 0; i < group.targets.length; i++) {
    const result = buildTarget(group, i, settings, rules);
    if (result.kind === 'target') targets.push(result.target);
    else if (result.kind === 'dropped') dropped.push(i);
    else errors.push(`instance ${i} in group ${group.source}: ${result.text}`);
  }
  return { group, targets, dropped };
}

function joinTargets(groups: Iterable<BuiltGroup>): Map<string, Target> {
  const live = new Map<string, Target>();
  for (const { targets } of groups) for (const target of targets) if (!live.has(target.key)) live.set(target.key, target);
  return live;
}

function keptDropped(groups: Iterable<BuiltGroup>, settings: ScrapeSettings, rules: CompiledRules): DroppedTarget[] {
  const most = settings.keepDroppedTargets === 0 ? Infinity : settings.keepDroppedTargets;
  const kept: DroppedTarget[] = [];
  for (const { group, dropped } of groups) {
    for (const index of dropped) {
      if (kept.length >= most) return kept;
      kept.push({
        get discoveredLabels() {
          return discoveredLabels(group, index, settings);
        },
        get reason() {
          return dropReason(rules, discoveredLabels(group, index, settings));
        },
      });
    }
  }
  return kept;
}

function countDropped(groups: Iterable<BuiltGroup>): number {
  let count = 0;
  for (const { dropped } of groups) count += dropped.length;
  return count;
}

function dropReason(rules: CompiledRules, labels: LabelMap): string {
  const steps = traceRules(rules, labels);
  const at = steps.findIndex((step) => !step.keep);
  const step = steps[at];
  // The rules are the ones that dropped it, and they are pure: this is only reached if that is broken.
  if (step === undefined) return `dropped: ${formatLabels(labels)}`;
  return `relabel rule ${at + 1}: ${describeRule(step.rule)}`;
}
