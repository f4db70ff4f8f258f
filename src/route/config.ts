// tributary.routing: to which destinations series belong, and who owns them. Without this block every destination gets everything that its
// write_relabel_configs keep.

import { block, defaultBlock, fail, key, optional, report } from '../config/schema.ts';
import type { Block, Type } from '../config/schema.ts';
import { bool, choice, duration, float, listOf, mapOf, text } from '../config/types.ts';
import { compileRegex } from '../relabel/regex.ts';
import { compileSelector } from '../relabel/selector.ts';
import { errorText } from '../model/error.ts';

/**
 * Where series go that name no pod. `namespace`: by the namespace they name, else nowhere beyond the other names of the route. `broadcast`: every
 * destination with an owner. `node_owners`: owners with a running pod on the series' node. `none`: to no owner. Otherwise names of destinations.
 */
export type PodlessPolicy = 'namespace' | 'broadcast' | 'node_owners' | 'none' | readonly string[];

export interface JobPolicySettings {
  /** Whole job names that it is for, a regular expression. */
  readonly job: string;
  /** The job's series speak about other pods than the one that is scraped. Undefined: recognised by the job's name. */
  readonly aboutOthers: boolean | undefined;
  /** Labels that name the namespace and the pod of a series, the first that is there counts. */
  readonly namespaceLabels: readonly string[];
  readonly podLabels: readonly string[];
  /** Labels that name the node, for `node_owners`; behind them stands the node of the target. */
  readonly nodeLabels: readonly string[];
  /** Series with a namespace and no pod, and series with neither. */
  readonly namespaceOnly: PodlessPolicy;
  readonly withoutPod: PodlessPolicy;
}

export interface RouteSettings {
  /** Alternatives; an empty list takes everything. */
  readonly match: readonly string[];
  /** Names of destinations, `owner`, `all`; empty for `none`. */
  readonly to: readonly string[];
  /** Later routes are looked at as well. */
  readonly continue: boolean;
  /** Samples per second over all targets, copies to several destinations counted once. 0 = no limit. */
  readonly samplesPerSecond: number;
  /** `drop`: scrapes beyond the budget are left out as they come. `thin`: every n-th scrape of each target goes, so that all of them stay visible. */
  readonly overBudget: 'drop' | 'thin';
}

/** Series of an owner by their labels alone. */
export interface OwnerRuleSettings {
  readonly match: readonly string[];
  readonly owner: string;
}

export interface RoutingSettings {
  readonly owner: {
    /** In order, before everything else. */
    readonly rules: readonly OwnerRuleSettings[];
    /** Label of pods whose value is the owner; undefined: pods are not looked at. */
    readonly podLabel: string | undefined;
    /** Pattern over whole namespace names; its first group is the owner. */
    readonly namespace: string | undefined;
    /** A label that changes while its pod lives changes the owner. */
    readonly followsLabels: boolean;
    /** Time that the owner of a pod is kept that is gone, milliseconds. */
    readonly tombstoneMs: number;
  };
  /** First match wins; behind them stand the defaults. */
  readonly jobs: readonly JobPolicySettings[];
  /** Destinations of series whose owner has none; empty: dropped and counted. */
  readonly unowned: readonly string[];
  /** Empty: every destination gets everything. */
  readonly routes: readonly RouteSettings[];
}

/** Jobs that speak about others or about their host, by the names that charts and handbooks give them. */
export const aboutOthersPattern = '.*(cadvisor|kubelet|kube-?state-?metrics|dcgm|npu-?exporter|node-?exporter|nvidia|gpu-?exporter).*';
export const defaultNamespaceLabels: readonly string[] = ['exported_namespace', 'namespace'];
export const defaultPodLabels: readonly string[] = ['exported_pod', 'pod'];
export const defaultNodeLabels: readonly string[] = ['exported_node', 'node', 'Hostname'];

/** A pattern in RE2's syntax, for whole values. */
export const pattern: Type<string> = checked('regular expression', compileRegex);
/** A series selector as in PromQL, its patterns included. */
const selector: Type<string> = checked('series selector', (text) => compileSelector(text));

function checked(name: string, parse: (value: string) => unknown): Type<string> {
  return {
    ...text,
    name,
    read(node, path, context) {
      const written = text.read(node, path, context);
      if (written === undefined) return undefined;
      try {
        parse(written);
        return written;
      } catch (error) {
        return report(context, node.at, path, `${errorText(error)}, expected a ${name}`);
      }
    },
  };
}

const ruleKeys = {
  match: key(listOf(selector, 'empty or null selector'), [], 'Series selectors over labels and provenance; one is enough.', { limit: 'required' }),
  owner: key(text, '', 'Whose series they are.', { limit: 'required' }),
};

const ruleBlock = block(ruleKeys, {
  check(at) {
    if (at.values.match.length === 0 && !at.bad.has('match')) fail(at, 'match', 'match is empty, expected at least one selector');
    if (at.values.owner === '' && !at.bad.has('owner')) fail(at, 'owner', 'owner is empty, expected the name of an owner');
  },
});

const ownerKeys = {
  rules: key(listOf(ruleBlock, 'empty or null rule'), [], 'Owners by labels, in order, before pods and namespaces are asked.'),
  pod_label: optional(text, 'Label of pods whose value is the owner. With it pods are watched; a pod without it belongs to the owner of its namespace.'),
  namespace: optional(pattern, 'Pattern over whole namespace names, with one group: the owner. `hero-user-(.+)`.'),
  follow_labels: key(bool, false, 'A `pod_label` that changes while its pod lives changes the owner. Else the first value that was seen counts until the pod is gone.'),
  tombstone: key(duration, 600_000, 'How long the owner of a pod is kept after the pod is gone: exporters report it for a while.', { unit: 'duration', limit: '0 to 24h' }),
};
type OwnerBlock = Block<typeof ownerKeys>;

/** Exporters tell of pods that are gone for minutes. */
const TOMBSTONE_MS_MAX = 86_400_000;

const ownerBlock = block(ownerKeys, { check: checkOwner, nullIsDefault: true });

function checkOwner(at: OwnerBlock): void {
  const { namespace, tombstone } = at.values;
  if (tombstone > TOMBSTONE_MS_MAX) fail(at, 'tombstone', 'tombstone is out of range, expected at most 24h');
  const problem = namespace === undefined || namespace === '' ? undefined : ownerPatternProblem(namespace);
  if (problem !== undefined) fail(at, 'namespace', problem);
}

/** Why a pattern, which is one, tells no owner; undefined when it does. */
export function ownerPatternProblem(written: string): string | undefined {
  const groups = groupCount(written);
  return groups === 1 ? undefined : `${JSON.stringify(written)} has ${groups === 0 ? 'no group' : `${groups} groups`}, expected one, which is the owner: hero-user-(.+)`;
}

/** Groups that capture. The pattern was checked. */
function groupCount(written: string): number {
  // With an empty alternative the empty value matches, and a match tells one text per group.
  return (compileRegex(`(?:${written})|`).match('')?.length ?? 1) - 1;
}

const policyWords = 'namespace, broadcast, node_owners, none, or a list of destinations';
/** One of the words, or names of destinations. */
const podlessPolicy: Type<PodlessPolicy> = {
  name: 'policy',
  zero: 'none',
  json: { anyOf: [{ enum: ['namespace', 'broadcast', 'node_owners', 'none'] }, { type: 'array', items: { type: 'string' } }] },
  print: (value) => value,
  read(node, path, context) {
    if (node.kind === 'list') return listOf(text).read(node, path, context);
    const written = node.kind === 'scalar' ? node.text : '';
    if (written === 'namespace' || written === 'broadcast' || written === 'node_owners' || written === 'none') return written;
    return report(context, node.at, path, `unknown policy ${JSON.stringify(written)}, expected ${policyWords}`);
  },
};

const jobKeys = {
  about_others: optional(bool, 'The job\'s series speak about other pods than the one that is scraped, so its own pod never tells the owner.', { defaultText: 'by the job\'s name: cadvisor, kubelet, kube-state-metrics, dcgm, npu-exporter, node-exporter and the like' }),
  namespace_labels: key(listOf(text), defaultNamespaceLabels, 'Labels that name the namespace a series speaks about; the first that is there counts.'),
  pod_labels: key(listOf(text), defaultPodLabels, 'Labels that name the pod a series speaks about; the first that is there counts.'),
  node_labels: key(listOf(text), defaultNodeLabels, 'Labels that name the node a series speaks about, for `node_owners`; the first that is there counts, behind them the node of the target.'),
  namespace_only: key(podlessPolicy, 'namespace', 'Owner of series that name a namespace and no pod.', { limit: policyWords }),
  without_pod: key(podlessPolicy, 'none', 'Owner of series that name neither: of the host, of the cluster, of an idle GPU.', { limit: policyWords }),
};
type JobBlock = Block<typeof jobKeys>;

const budgetWords = ['drop', 'thin'] as const;

const routeKeys = {
  match: key(listOf(selector, 'empty or null selector'), [], 'Series selectors over labels and provenance (`__meta_*`, `__owner__`); one is enough, and an empty list takes everything.'),
  to: key(listOf(text, 'empty or null destination'), [], 'Names of destinations; `owner` for those of the series\' owner, `all` for every one, `none` alone for nowhere.', { limit: 'required' }),
  continue: key(bool, false, 'Look at the routes behind this one as well.'),
  samples_per_second: key(float, 0, 'Most samples per second that go this way, over all targets; what is above is left out and counted.', { limit: '0 = no limit' }),
  over_budget: key(choice(budgetWords, (value) => `unknown over_budget ${JSON.stringify(value)}`), 'thin', 'What is left out above the budget: scrapes as they come (`drop`), or all but every n-th scrape of each target (`thin`).'),
};
export type RouteBlock = Block<typeof routeKeys>;

const routeBlock = block(routeKeys, { check: checkRoute });

function checkRoute(at: RouteBlock): void {
  const { to, samples_per_second: budget } = at.values;
  if (to.length === 0 && !at.bad.has('to')) fail(at, 'to', 'to is empty, expected names of destinations, owner, all or none');
  if (to.includes('none') && to.length > 1) fail(at, 'to', 'none stands beside other names, expected it alone');
  if (!(budget >= 0)) fail(at, 'samples_per_second', 'samples_per_second is out of range, expected 0 or more');
}

export const routingKeys = {
  owner: key(ownerBlock, defaultBlock(ownerKeys), 'Who a series belongs to.'),
  jobs: key(mapOf(block(jobKeys, { nullIsDefault: true }), checkJobPattern), new Map<string, JobBlock>(), 'What is known about jobs, by patterns over whole job names; the first that matches counts. With `__meta_kubernetes_namespace` in write rules this holds without routes, too.'),
  unowned: key(listOf(text), [], 'Destinations of series whose owner has none; without one they are dropped, and counted by owner.'),
  routes: key(listOf(routeBlock, 'empty or null route'), [], 'In order; the first that matches decides, unless it says `continue`. What no route takes is dropped and counted. Without routes every destination gets everything.'),
};
export type RoutingBlock = Block<typeof routingKeys>;

export const routingBlock = block(routingKeys, { nullIsDefault: true });

function checkJobPattern(name: string): string | undefined {
  try {
    compileRegex(name);
    return undefined;
  } catch (error) {
    return `${errorText(error)}, expected a regular expression`;
  }
}

export function buildRouting({ values }: RoutingBlock): RoutingSettings {
  const { pod_label: podLabel = '', namespace = '', follow_labels: followsLabels, tombstone: tombstoneMs } = values.owner.values;
  return {
    owner: {
      rules: values.owner.values.rules.map((rule) => ({ match: rule.values.match, owner: rule.values.owner })),
      podLabel: podLabel === '' ? undefined : podLabel,
      namespace: namespace === '' ? undefined : namespace,
      followsLabels,
      tombstoneMs,
    },
    jobs: [...values.jobs].map(([job, own]) => buildJob(job, own)),
    unowned: values.unowned,
    routes: values.routes.map(buildRoute),
  };
}

function buildJob(job: string, { values }: JobBlock): JobPolicySettings {
  return {
    job,
    aboutOthers: values.about_others,
    namespaceLabels: values.namespace_labels,
    podLabels: values.pod_labels,
    nodeLabels: values.node_labels,
    namespaceOnly: values.namespace_only,
    withoutPod: values.without_pod,
  };
}

function buildRoute({ values }: RouteBlock): RouteSettings {
  return {
    match: values.match,
    to: values.to.filter((name) => name !== 'none'),
    continue: values.continue,
    samplesPerSecond: values.samples_per_second,
    overBudget: values.over_budget,
  };
}
