// Relabelling: rules change a label set one after another, or drop it. Prometheus' actions and vmagent's extras, one function per
// action; a rule is compiled once and applied to every new target and series. Sources: Prometheus model/relabel, and
// VictoriaMetrics' documentation on relabelling for the extras.
//
// The working set is a Map. A missing label and one with an empty value are the same, and setting a label to '' removes it.

import { METRIC_NAME, compareUtf8 } from '../model/labels.ts';
import type { LabelMap } from '../model/labels.ts';
import { isValidLabelName } from '../model/names.ts';
import type { NameScheme } from '../model/names.ts';
import type { RelabelAction, RelabelSettings } from './config.ts';
import { toLowerCase, toUpperCase } from './letter-case.ts';
import { md5LastEightBytes } from './md5.ts';
import { compileRegex, compileReplacer } from './regex.ts';
import type { Groups, Matcher } from './regex.ts';
import { compileSelector } from './selector.ts';
import { expandTemplate, parseTemplate } from './template.ts';

/** Changes the labels in place; false drops the set. */
type Apply = (labels: LabelMap) => boolean;

interface CompiledRule {
  readonly rule: RelabelSettings;
  readonly apply: Apply;
}

export type CompiledRules = readonly CompiledRule[];

/** What one rule made of a label set. */
export interface RelabelStep {
  readonly rule: RelabelSettings;
  /** Labels after the rule; empty from the rule on that dropped the set. */
  readonly output: LabelMap;
  readonly keep: boolean;
}

/** Compiles checked rules (see validate.ts). Fails with REGEX_INVALID or SELECTOR_INVALID. */
export function compileRules(rules: readonly RelabelSettings[], scheme: NameScheme): CompiledRules {
  return rules.map((rule) => ({ rule, apply: compileRule(rule, scheme) }));
}

/** Applies the rules in order, in place. False as soon as a rule drops the set; the labels are then as that rule found them. */
export function applyRules(rules: CompiledRules, labels: LabelMap): boolean {
  return droppingRule(rules, labels) === undefined;
}

/** Applies the rules as applyRules does, and tells which one dropped the set; undefined when it is kept. */
export function droppingRule(rules: CompiledRules, labels: LabelMap): RelabelSettings | undefined {
  for (const { rule, apply } of rules) if (!apply(labels)) return rule;
  return undefined;
}

/** Applies the rules to a copy and tells the result of each, one entry per rule. */
export function traceRules(rules: CompiledRules, labels: LabelMap): RelabelStep[] {
  const current = new Map(labels);
  let keep = true;
  return rules.map(({ rule, apply }) => {
    keep = keep && apply(current);
    return { rule, output: keep ? new Map(current) : new Map(), keep };
  });
}

function compileRule(rule: RelabelSettings, scheme: NameScheme): Apply {
  const apply = actions[rule.action](rule, scheme);
  const selectors = rule.if.map((text) => compileSelector(text));
  if (selectors.length === 0) return apply;
  // As in vmagent: where no selector matches the rule is skipped, but `keep` keeps only what a selector matches.
  const otherwise = rule.action !== 'keep' && rule.action !== 'keep_metrics';
  return (labels) => (selectors.some((matches) => matches(labels)) ? apply(labels) : otherwise);
}

const actions: Readonly<Record<RelabelAction, (rule: RelabelSettings, scheme: NameScheme) => Apply>> = {
  replace: replaceAction,
  keep: (rule) => matchAction(joinSources(rule), compileRegex(rule.regex), true),
  drop: (rule) => matchAction(joinSources(rule), compileRegex(rule.regex), false),
  keepequal: (rule) => equalAction(rule, true),
  dropequal: (rule) => equalAction(rule, false),
  hashmod: (rule) => setAction(rule, (value) => hashModulo(value, rule.modulus)),
  lowercase: (rule) => setAction(rule, toLowerCase),
  uppercase: (rule) => setAction(rule, toUpperCase),
  labelmap: labelMapAction,
  labeldrop: (rule) => labelNamesAction(compileRegex(rule.regex), false),
  labelkeep: (rule) => labelNamesAction(compileRegex(rule.regex), true),
  keep_if_equal: (rule) => allEqualAction(rule.sourceLabels, true),
  drop_if_equal: (rule) => allEqualAction(rule.sourceLabels, false),
  keep_if_contains: (rule) => containsAction(rule, true),
  drop_if_contains: (rule) => containsAction(rule, false),
  keep_metrics: (rule) => matchAction(metricName, compileRegex(rule.regex), true),
  drop_metrics: (rule) => matchAction(metricName, compileRegex(rule.regex), false),
  replace_all: replaceAllAction,
  labelmap_all: labelMapAllAction,
};

/** The values of the source labels with the separator between them, also between empty ones. */
function joinSources({ sourceLabels, separator }: RelabelSettings): (labels: LabelMap) => string {
  const first = sourceLabels[0];
  if (first === undefined) return () => '';
  if (sourceLabels.length === 1) return (labels) => labels.get(first) ?? '';
  return (labels) => {
    let joined = labels.get(first) ?? '';
    for (let i = 1; i < sourceLabels.length; i++) joined += separator + (labels.get(sourceLabels[i]!) ?? '');
    return joined;
  };
}

function metricName(labels: LabelMap): string {
  return labels.get(METRIC_NAME) ?? '';
}

function setLabel(labels: LabelMap, name: string, value: string): void {
  if (value === '') labels.delete(name);
  else labels.set(name, value);
}

/** No match changes nothing; neither does a target that becomes an invalid name. */
function replaceAction(rule: RelabelSettings, scheme: NameScheme): Apply {
  const regex = compileRegex(rule.regex);
  const source = joinSources(rule);
  const target = parseTemplate(rule.targetLabel, regex.groupNames);
  const replacement = parseTemplate(rule.replacement, regex.groupNames, true);
  const name = target.constant;
  if (name === undefined) {
    return (labels) => {
      const groups = regex.match(source(labels));
      const expanded = groups === undefined ? '' : expandTemplate(target, groups, labels);
      if (groups !== undefined && isValidLabelName(expanded, scheme)) setLabel(labels, expanded, expandTemplate(replacement, groups, labels));
      return true;
    };
  }
  if (!isValidLabelName(name, scheme)) return () => true;
  return replaceInto(name, { regex, source, usesGroups: replacement.usesGroups }, (groups, labels) => expandTemplate(replacement, groups, labels));
}

const NO_GROUPS: Groups = [];

function replaceInto(
  name: string,
  input: { regex: Matcher; source: (labels: LabelMap) => string; usesGroups: boolean },
  value: (groups: Groups, labels: LabelMap) => string,
): Apply {
  const { regex, source, usesGroups } = input;
  if (!usesGroups) {
    return (labels) => {
      if (regex.matches(source(labels))) setLabel(labels, name, value(NO_GROUPS, labels));
      return true;
    };
  }
  return (labels) => {
    const groups = regex.match(source(labels));
    if (groups !== undefined) setLabel(labels, name, value(groups, labels));
    return true;
  };
}

function matchAction(source: (labels: LabelMap) => string, regex: Matcher, keep: boolean): Apply {
  return (labels) => regex.matches(source(labels)) === keep;
}

/** Compares the joined values with the target label. */
function equalAction(rule: RelabelSettings, keep: boolean): Apply {
  const source = joinSources(rule);
  const { targetLabel } = rule;
  return (labels) => (source(labels) === (labels.get(targetLabel) ?? '')) === keep;
}

function setAction(rule: RelabelSettings, compute: (value: string) => string): Apply {
  const source = joinSources(rule);
  const { targetLabel } = rule;
  return (labels) => {
    setLabel(labels, targetLabel, compute(source(labels)));
    return true;
  };
}

/** Example: "baz" modulo 1000 is 976. */
function hashModulo(value: string, modulus: bigint): string {
  return String(md5LastEightBytes(value) % modulus);
}

/** Copies each label whose name matches to the name that the replacement gives. Names are not checked; of two equal ones the later wins. */
function labelMapAction(rule: RelabelSettings): Apply {
  const regex = compileRegex(rule.regex);
  const replacement = parseTemplate(rule.replacement, regex.groupNames);
  return (labels) => {
    const copies: [name: string, value: string, to: string][] = [];
    for (const [name, value] of labels) {
      const groups = value === '' ? undefined : regex.match(name);
      if (groups !== undefined) copies.push([name, value, expandTemplate(replacement, groups, labels)]);
    }
    if (copies.length > 1) copies.sort((a, b) => compareUtf8(a[0], b[0]));
    for (const [, value, to] of copies) labels.set(to, value);
    return true;
  };
}

function labelNamesAction(regex: Matcher, keep: boolean): Apply {
  return (labels) => {
    for (const name of labels.keys()) if (regex.matches(name) !== keep) labels.delete(name);
    return true;
  };
}

/** vmagent: compares the source labels with each other. */
function allEqualAction(names: readonly string[], keep: boolean): Apply {
  const first = names[0] ?? '';
  const others = names.slice(1);
  return (labels) => {
    const value = labels.get(first) ?? '';
    return others.every((name) => (labels.get(name) ?? '') === value) === keep;
  };
}

/** vmagent: does the target label's value contain the value of each source label? An absent one is contained. */
function containsAction({ targetLabel, sourceLabels }: RelabelSettings, keep: boolean): Apply {
  return (labels) => {
    const value = labels.get(targetLabel) ?? '';
    return sourceLabels.every((name) => value.includes(labels.get(name) ?? '')) === keep;
  };
}

/** vmagent: every match anywhere in the joined values is replaced; where that changes nothing the target label stays as it is. */
function replaceAllAction(rule: RelabelSettings): Apply {
  const replacer = compileReplacer(rule.regex);
  const source = joinSources(rule);
  const replacement = parseTemplate(rule.replacement, replacer.groupNames);
  return (labels) => {
    const value = source(labels);
    const replaced = replacer.replaceAll(value, (groups) => expandTemplate(replacement, groups, labels));
    if (replaced !== value) setLabel(labels, rule.targetLabel, replaced);
    return true;
  };
}

/** vmagent: every match anywhere in a label's name is replaced, and the label is renamed. Of two equal names the later in name order wins. */
function labelMapAllAction(rule: RelabelSettings): Apply {
  const replacer = compileReplacer(rule.regex);
  const replacement = parseTemplate(rule.replacement, replacer.groupNames);
  return (labels) => {
    const renamed: [name: string, value: string, to: string][] = [];
    for (const [name, value] of labels) {
      const to = replacer.replaceAll(name, (groups) => expandTemplate(replacement, groups, labels));
      if (to !== name) renamed.push([name, value, to]);
    }
    for (const [name] of renamed) labels.delete(name);
    renamed.sort((a, b) => compareUtf8(a[0], b[0]));
    for (const [, value, to] of renamed) if (to !== '') setLabel(labels, to, value);
    return true;
  };
}
