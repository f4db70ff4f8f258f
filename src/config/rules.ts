// Checks that need the stages' own helpers: whether relabel rules are valid, and whether static targets make targets.

import { targetGroup } from '../../discovery/discovery.ts';
import type { RelabelBlock } from '../relabel/config.ts';
import { buildRelabel } from '../relabel/config.ts';
import { compileRules } from '../relabel/relabel.ts';
import { validateRule } from '../relabel/validate.ts';
import type { NameScheme } from '../model/names.ts';
import type { ScrapeBlock, ScrapeSettings } from '../scrape/config.ts';
import { buildTarget, readGroup } from '../targets/build.ts';
import { fail, remark } from './schema.ts';

const ruleKeys = ['relabel_configs', 'metric_relabel_configs', 'write_relabel_configs'] as const;

/** Validates all rules of a job or of a remote write under its scheme. */
export function checkRules(at: { readonly values: { readonly [K in (typeof ruleKeys)[number]]?: readonly RelabelBlock[] } }, scheme: NameScheme): void {
  for (const name of ruleKeys) {
    for (const rule of at.values[name] ?? []) checkRule(rule, scheme);
  }
}

function checkRule(rule: RelabelBlock, scheme: NameScheme): void {
  // A rule with a refused key was reported; its other keys would be judged by a default that nobody wrote.
  if (rule.bad.size > 0) return;
  if (rule.values.action === '') return fail(rule, 'action', 'relabel action cannot be empty, expected replace or another action');
  for (const text of validateRule(buildRelabel(rule), rule.explicit, scheme)) fail(rule, guiltyKey(text, rule), text);
}

/** The key that a message speaks about; the rule as a whole where that is not written. */
function guiltyKey(text: string, rule: RelabelBlock): string | undefined {
  if (text.startsWith('error parsing regexp')) return 'regex';
  return ['target_label', 'replacement'].find((name) => rule.explicit.has(name) && text.includes(`is invalid '${name}'`));
}

/** Builds every static target as the targets stage will, and reports those that cannot be targets. */
export function checkStaticTargets(jobs: readonly ScrapeBlock[], settings: readonly ScrapeSettings[], impossible: 'refuse' | 'warn'): void {
  for (const [index, job] of jobs.entries()) {
    const own = settings[index];
    if (own !== undefined && job.values.static_configs.length > 0) checkJobTargets(job, own, impossible);
  }
}

function checkJobTargets(job: ScrapeBlock, settings: ScrapeSettings, impossible: 'refuse' | 'warn'): void {
  const rules = compileRules(settings.relabel, settings.nameScheme);
  for (const [groupIndex, group] of job.values.static_configs.entries()) {
    const targets = group.values.targets.map((address) => new Map([['__address__', address]]));
    const read = readGroup(targetGroup(String(groupIndex), targets, group.values.labels));
    for (const index of targets.keys()) {
      const built = buildTarget(read, index, settings, rules);
      if (built.kind !== 'error') continue;
      const text = `instance ${index} in group ${groupIndex}: ${built.text}, expected an address host:port`;
      if (impossible === 'refuse') fail(group, 'targets', text);
      else remark(group, 'targets', 'warning', text);
    }
  }
}
