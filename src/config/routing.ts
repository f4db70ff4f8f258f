// Checks of routes that need destinations and jobs: names that exist, selectors that can match, routes that can be reached; and a remark on write rules that never
// match, because nothing has the hidden labels they look at. In Prometheus such a rule does nothing and nobody is told.

import type { RemoteWriteBlock } from '../destinations/config.ts';
import { METRIC_NAME } from '../model/labels.ts';
import { nearest } from '../model/nearest.ts';
import { compileRegex } from '../relabel/regex.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import { parseSelector } from '../relabel/selector.ts';
import type { LabelMatcher } from '../relabel/selector.ts';
import { aboutOthersPattern } from '../route/config.ts';
import type { RouteBlock, RoutingBlock } from '../route/config.ts';
import type { ScrapeBlock } from '../scrape/config.ts';
import { fail, remark } from './schema.ts';
import type { AnyBlock } from './schema.ts';
import type { Settings } from './settings.ts';
import { membersOfGroups } from './shard-groups.ts';
import type { TributaryBlock } from './top.ts';

/** Words of `to` that are not names. */
const words = ['owner', 'all', 'none'];

export function checkRouting(at: TributaryBlock, entries: readonly RemoteWriteBlock[], jobs: readonly ScrapeBlock[]): void {
  const { routing, destinations, masters, shard_groups: groups } = at.values;
  if (routing === undefined) return;
  const written = entries.map((entry) => entry.values.name).filter((name) => name !== '');
  const names: Names = { known: [...written, ...groups.keys()], groupOf: membersOfGroups(at), announced: masters?.values.name_prefix };
  for (const entry of entries) if (words.includes(entry.values.name)) fail(entry, 'name', `${JSON.stringify(entry.values.name)} has a meaning of its own in routes, expected another name`);
  const hasOwners = masters !== undefined || [...destinations.values()].some((own) => (own.values.owner ?? '') !== '');
  checkNames(routing, 'unowned', routing.values.unowned, names);
  for (const job of routing.values.jobs.values()) {
    for (const key of ['namespace_only', 'without_pod'] as const) {
      const policy = job.values[key];
      if (typeof policy !== 'string') checkNames(job, key, policy, names);
    }
  }
  for (const route of routing.values.routes) checkRoute(route, { names, routing, hasOwners, jobs });
  checkReach(routing.values.routes);
}

/** What routes can lead to by name. */
interface Names {
  /** Destinations and shard groups. */
  readonly known: readonly string[];
  /** Destinations that are members of a shard group: they have their share of it and nothing beside it. */
  readonly groupOf: ReadonlyMap<string, string>;
  /** How names of destinations begin that may be announced; undefined where none is. */
  readonly announced: string | undefined;
}

function checkNames(at: AnyBlock, key: string, wanted: readonly string[], { known, groupOf, announced }: Names): void {
  for (const name of wanted) {
    const group = groupOf.get(name);
    if (group !== undefined) fail(at, key, `${JSON.stringify(name)} is a member of the shard group ${group}, expected ${group}`);
    if (known.includes(name) || (announced !== undefined && announced !== '' && name.startsWith(announced))) continue;
    const close = nearest(name, known);
    const expected = known.length === 0 ? 'no remote_write has a name' : close === undefined ? `expected one of ${known.join(', ')}` : `the nearest name is ${close}`;
    fail(at, key, `no remote_write is named ${JSON.stringify(name)}, ${expected}`);
  }
}

interface RouteContext {
  readonly names: Names;
  readonly routing: RoutingBlock;
  readonly hasOwners: boolean;
  readonly jobs: readonly ScrapeBlock[];
}

function checkRoute(route: RouteBlock, { names, routing, hasOwners, jobs }: RouteContext): void {
  checkNames(route, 'to', route.values.to.filter((name) => !words.includes(name)), names);
  if (route.values.to.includes('owner')) {
    if (!findsOwners(routing)) fail(route, 'to', 'leads to the owner, but nothing tells owners, expected owner.namespace, owner.pod_label or owner.rules');
    else if (!hasOwners) remark(route, 'to', 'warning', 'leads to the owner, but no destination has an owner: see tributary.destinations.<name>.owner');
  }
  for (const text of route.values.match) checkSelector(route, text, jobs);
}

function findsOwners({ values }: RoutingBlock): boolean {
  const { namespace = '', pod_label: podLabel = '', rules } = values.owner.values;
  return namespace !== '' || podLabel !== '' || rules.length > 0;
}

function checkSelector(route: RouteBlock, text: string, jobs: readonly ScrapeBlock[]): void {
  const alternatives = parseSelector(text);
  if (alternatives.every(contradicts)) return fail(route, 'match', `${text} can never match: it asks for two values of one label`);
  const isRenamed = jobs.some((job) => [...job.values.relabel_configs, ...job.values.metric_relabel_configs].some((rule) => rule.values.target_label === 'job'));
  const hasOtherJobs = jobs.length === 0 || isRenamed;
  if (!hasOtherJobs && !alternatives.some((matchers) => jobs.some((job) => matchers.every((matcher) => matcher.name !== 'job' || accepts(matcher, job.values.job_name))))) {
    remark(route, 'match', 'warning', `${text} matches no job: they are ${jobs.map((job) => job.values.job_name).join(', ')}`);
  }
}

function contradicts(matchers: readonly LabelMatcher[]): boolean {
  return matchers.some(({ name, operator, value }) => operator === '=' && matchers.some((other) => other.name === name && !accepts(other, value)));
}

function accepts({ operator, value }: LabelMatcher, found: string): boolean {
  if (operator === '=') return found === value;
  if (operator === '!=') return found !== value;
  return compileRegex(value).matches(found) === (operator === '=~');
}

function checkReach(routes: readonly RouteBlock[]): void {
  const last = routes.findIndex((route) => route.values.match.length === 0 && !route.values.continue);
  const beyond = last < 0 ? undefined : routes[last + 1];
  if (beyond !== undefined) remark(beyond, undefined, 'warning', `is never reached: route ${last + 1} takes everything`);
}

/** Hidden labels that every target has. */
const everywhere = /^__(address|scheme|metrics_path|scrape_interval|scrape_timeout)__$|^__param_|^__name__$/;

/** Remarks on write rules that can never match. */
export function remarkIdleRules(entries: readonly RemoteWriteBlock[], settings: Settings): void {
  for (const [i, entry] of entries.entries()) {
    const rules = settings.destinations[i]?.writeRelabel ?? [];
    for (const [at, rule] of rules.entries()) {
      const block = entry.values.write_relabel_configs[at];
      const missing = idleBecauseOf(rule, (name) => hasHidden(name, settings, rules.slice(0, at)));
      if (block === undefined || missing === undefined) continue;
      remark(block, 'source_labels', 'warning', `${rule.action === 'keep' ? 'drops everything' : 'never matches'}: nothing has the label ${missing}`);
    }
  }
}

/** The hidden label for want of which a rule never matches. */
function idleBecauseOf({ action, sourceLabels, separator, regex, if: conditions }: RelabelSettings, has: (name: string) => boolean): string | undefined {
  if ((action !== 'keep' && action !== 'drop' && action !== 'replace') || conditions.length > 0 || sourceLabels.length === 0) return undefined;
  const missing = sourceLabels.filter((name) => name.startsWith('__') && !has(name));
  if (missing.length < sourceLabels.length) return undefined;
  return compileRegex(regex).matches(missing.map(() => '').join(separator)) ? undefined : missing[0];
}

function hasHidden(name: string, { scrape, routing }: Settings, before: readonly RelabelSettings[]): boolean {
  if (name === METRIC_NAME || everywhere.test(name)) return true;
  if (name === '__owner__') return routing !== undefined && (routing.owner.namespace !== undefined || routing.owner.podLabel !== undefined || routing.owner.rules.length > 0);
  const rules = [...before, ...scrape.flatMap(({ relabel, metricRelabel }) => [...relabel, ...metricRelabel])];
  if (rules.some(({ targetLabel, action }) => targetLabel === name || action.startsWith('labelmap'))) return true;
  return scrape.some((job) => givesHidden(name, job));
}

function givesHidden(name: string, { jobName, discovery }: Settings['scrape'][number]): boolean {
  // The namespace and pod that series name are told for jobs that speak about others, however their targets are found.
  if (/^__meta_kubernetes_(namespace|pod_name)$/.test(name) && compileRegex(aboutOthersPattern).matches(jobName)) return true;
  return discovery.some((provider) => (provider.kind === 'static' ? provider.groups.some(({ labels }) => labels.has(name)) : mayGive(provider.kind, name)));
}

/** Lists from files and servers may bring anything; the others bring what is named after them. */
function mayGive(kind: string, name: string): boolean {
  return kind === 'file' || kind === 'http' || name.startsWith(`__meta_${kind}_`);
}
