// What the series of one target speak about: the namespace and pod that a series names, and what provenance it has. An object is made per target and reused for
// each of its series; nothing is kept between two of them.
//
// A label names a pod only if the page said so. A target label of the same name is the exporter's own: without `honor_labels` the page's moves to
// `exported_<name>`, with it the target's fills the gap that the page left.

import type { LabelMap } from '../model/labels.ts';
import type { JobPolicy } from './policy.ts';
import type { TargetFacts } from './route.ts';

export const META_PREFIX = '__meta_';
export const OWNER = '__owner__';
export const NAMESPACE = '__meta_kubernetes_namespace';
const POD = '__meta_kubernetes_pod_name';
const POD_PREFIX = '__meta_kubernetes_pod_';
/** Where the node of a target stands, depending on the role that discovered it. */
const nodeNames = ['__meta_kubernetes_pod_node_name', '__meta_kubernetes_node_name', '__meta_kubernetes_endpoint_node_name', '__meta_kubernetes_endpointslice_endpoint_node_name'];

export class Subject {
  readonly facts: TargetFacts;
  readonly policy: JobPolicy;
  /** Of the series last looked at; '' where it names none. */
  namespace = '';
  pod = '';
  /** Labels that could name something and that every target of this kind has. */
  readonly #filled: readonly string[];
  /** Those that are the target's in the series at hand. */
  own: readonly string[];

  constructor(facts: TargetFacts, policy: JobPolicy) {
    this.facts = facts;
    this.policy = policy;
    const naming = new Set([...policy.namespaceLabels, ...policy.podLabels, ...policy.nodeLabels]);
    this.#filled = facts.labels.map(([name]) => name).filter((name) => naming.has(name));
    this.own = this.#filled;
  }

  /** As TargetRouter.notePage. */
  notePage(labels: LabelMap): void {
    if (!this.facts.honorLabels || this.#filled.length === 0) return;
    this.own = this.#filled.filter((name) => !labels.has(name));
  }

  look(labels: LabelMap): void {
    this.namespace = this.#first(this.policy.namespaceLabels, labels);
    this.pod = this.#first(this.policy.podLabels, labels);
  }

  #first(names: readonly string[], labels: LabelMap): string {
    for (const name of names) {
      const value = labels.get(name) ?? '';
      if (value !== '' && !this.own.includes(name)) return value;
    }
    return '';
  }

  /** Of the pod that is scraped; '' outside Kubernetes. */
  get scrapedNamespace(): string {
    return this.facts.provenance.get(NAMESPACE) ?? '';
  }

  get scrapedPod(): string {
    return this.facts.provenance.get(POD) ?? '';
  }

  get scrapedUid(): string | undefined {
    return this.facts.provenance.get('__meta_kubernetes_pod_uid');
  }

  /** The node that the series speaks about. */
  node(labels: LabelMap): string {
    const named = this.#first(this.policy.nodeLabels, labels);
    if (named !== '') return named;
    for (const name of nodeNames) {
      const value = this.facts.provenance.get(name) ?? '';
      if (value !== '') return value;
    }
    return '';
  }

  /** Whether the series speaks about something else than the scraped pod. After `look`. */
  get isAboutAnother(): boolean {
    return this.policy.aboutOthers && this.namespace !== '' && (this.namespace !== this.scrapedNamespace || this.pod !== this.scrapedPod);
  }

  /**
   * One of the target's hidden labels as this series has it, '' where it has none. What is known of the exporter's pod says nothing about another one, and of that
   * only the name is known. After `look`.
   */
  provenance(name: string): string {
    if (this.isAboutAnother) {
      if (name === NAMESPACE) return this.namespace;
      if (name === POD) return this.pod;
      if (name.startsWith(POD_PREFIX)) return '';
    }
    return this.facts.provenance.get(name) ?? '';
  }

  /** Every name for which `provenance` may have a value. */
  *provenanceNames(): Iterable<string> {
    yield* this.facts.provenance.keys();
    if (!this.policy.aboutOthers) return;
    if (!this.facts.provenance.has(NAMESPACE)) yield NAMESPACE;
    if (!this.facts.provenance.has(POD)) yield POD;
  }
}
