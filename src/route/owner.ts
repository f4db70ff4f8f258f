// Who owns a series. In this order:
//
//   1. a rule over its labels (routing.owner.rules)
//   2. the scraped pod, then its namespace, unless the job speaks about others
//   3. the pod that the series names
//   4. the namespace that the series names
//   5. nobody: the job's policy says where such series go
//
// The scraped pod comes before the one that is named, because its labels come from the API server and those of a page from whoever wrote it: a workload of
// one owner must not be able to send into the storage of another by exporting labels. Exporters that nobody owns, and jobs that are known to speak about
// others, are believed.

import type { LabelMap } from '../model/labels.ts';
import { NO_ENTRY } from '../owners/owners.ts';
import type { OwnerIndex } from '../owners/owners.ts';
import type { PodlessPolicy } from './config.ts';
import type { Subject } from './subject.ts';

/** How the owner was found, for people. */
export type OwnerSource = 'rule' | 'scraped_pod' | 'scraped_namespace' | 'named_pod' | 'named_namespace' | 'policy' | 'nobody';

/** What was found about one series; reused for the next one. */
export interface Ownership {
  /** '' for nobody. */
  owner: string;
  source: OwnerSource;
  /** Set where the series names no pod that somebody owns: it goes where this says. */
  policy: PodlessPolicy | undefined;
  /** Of `node_owners`. */
  owners: readonly string[];
  /** Entries that the answer came from. */
  readonly entries: number[];
  /** A pod that counts is not known yet. */
  isUnresolved: boolean;
}

export interface OwnerRule {
  readonly owner: string;
  matches(subject: Subject, labels: LabelMap): boolean;
}

export function emptyOwnership(): Ownership {
  return { owner: '', source: 'nobody', policy: undefined, owners: [], entries: [], isUnresolved: false };
}

/** Finds the owner of a series of `subject`, which has looked at `labels`. Writes everything into `found`. */
export function findOwner(subject: Subject, labels: LabelMap, context: { readonly rules: readonly OwnerRule[]; readonly index: OwnerIndex | undefined }, found: Ownership): void {
  clearOwnership(found);
  const { rules, index } = context;
  for (const rule of rules) if (rule.matches(subject, labels)) return take(found, rule.owner, 'rule');
  const { aboutOthers } = subject.policy;
  if (index !== undefined && !aboutOthers && isFoundByScraped(subject, index, found)) return;
  if (index !== undefined && isFoundByNamed(subject, index, found)) return;
  if (subject.namespace !== '' && subject.pod !== '') return;
  if (subject.namespace === '' && !aboutOthers && subject.scrapedPod !== '') return;
  applyPolicy(subject, labels, index, found);
}

const noOwners: readonly string[] = [];

/** Nobody was asked. */
export function clearOwnership(found: Ownership): void {
  found.owner = '';
  found.source = 'nobody';
  found.policy = undefined;
  found.owners = noOwners;
  found.isUnresolved = false;
  found.entries.length = 0;
}

function take(found: Ownership, owner: string, source: OwnerSource): void {
  found.owner = owner;
  found.source = source;
}

function isFoundByScraped(subject: Subject, index: OwnerIndex, found: Ownership): boolean {
  const { scrapedNamespace: namespace, scrapedPod: pod } = subject;
  if (namespace === '') return false;
  return (pod !== '' && isOwned(index.pod(namespace, pod, subject.scrapedUid), index, found, 'scraped_pod')) || isNamespaceOwned(namespace, index, found, 'scraped_namespace');
}

function isFoundByNamed({ namespace, pod }: Subject, index: OwnerIndex, found: Ownership): boolean {
  if (namespace === '') return false;
  return (pod !== '' && isOwned(index.pod(namespace, pod), index, found, 'named_pod')) || isNamespaceOwned(namespace, index, found, 'named_namespace');
}

function isOwned(entry: number, index: OwnerIndex, found: Ownership, source: OwnerSource): boolean {
  if (entry === NO_ENTRY) return false;
  found.entries.push(entry);
  if (index.state(entry) === 'unresolved') found.isUnresolved = true;
  const owner = index.owner(entry);
  if (owner === undefined || owner === '') return false;
  take(found, owner, source);
  return true;
}

function isNamespaceOwned(namespace: string, index: OwnerIndex, found: Ownership, source: OwnerSource): boolean {
  const owner = index.ownerOfNamespace(namespace) ?? '';
  if (owner !== '') take(found, owner, source);
  return owner !== '';
}

/** Series of a namespace that nobody owns, of a host, of the cluster, of an idle device. */
function applyPolicy(subject: Subject, labels: LabelMap, index: OwnerIndex | undefined, found: Ownership): void {
  const policy = subject.namespace === '' ? subject.policy.withoutPod : subject.policy.namespaceOnly;
  if (policy === 'none' || policy === 'namespace') return;
  found.policy = policy;
  found.source = 'policy';
  if (policy !== 'node_owners' || index === undefined) return;
  const node = subject.node(labels);
  const entry = node === '' ? NO_ENTRY : index.node(node);
  if (entry === NO_ENTRY) return;
  found.entries.push(entry);
  found.owners = index.owners(entry);
}
