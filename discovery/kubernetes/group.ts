// A target group that keeps the projections it is made of and works its labels out when it is read. The sixty labels of a pod are several
// kilobytes as a Map; fifty thousand pods would be hundreds of megabytes, of which a job that keeps one pod in twenty needs next to nothing.

import type { TargetGroup } from '../discovery.ts';

export type LabelSet = ReadonlyMap<string, string>;

/** How the groups of one role are read. Pure; `content` never changes. */
export interface GroupRules<C> {
  readonly labels: (content: C) => LabelSet;
  readonly targets: (content: C) => readonly LabelSet[];
}

/** `targetCount` is the length of what `rules.targets` will give. */
export function derivedGroup<C>(source: string, targetCount: number, content: C, rules: GroupRules<C>): TargetGroup {
  return new DerivedGroup(source, targetCount, content, rules);
}

/** A class for its getters: on the prototype they cost a group nothing, as closures they would be most of it. */
class DerivedGroup<C> implements TargetGroup {
  readonly source: string;
  readonly targetCount: number;
  readonly #content: C;
  readonly #rules: GroupRules<C>;

  constructor(source: string, targetCount: number, content: C, rules: GroupRules<C>) {
    this.source = source;
    this.targetCount = targetCount;
    this.#content = content;
    this.#rules = rules;
  }

  get targets(): readonly LabelSet[] {
    return this.#rules.targets(this.#content);
  }

  get labels(): LabelSet {
    return this.#rules.labels(this.#content);
  }
}
