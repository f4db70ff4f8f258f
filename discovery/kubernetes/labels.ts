// The names and values that all roles share: `__meta_kubernetes_*` labels of an object's metadata, sanitised as Prometheus does, and
// addresses. Source: Prometheus discovery/kubernetes/kubernetes.go.

import type { LabelMap } from '../../src/model/labels.ts';
import type { Meta, Pairs } from '../../src/kubernetes/objects.ts';

export const ADDRESS = '__address__';
export const NAMESPACE = '__meta_kubernetes_namespace';

/** The word of a resource in label names. */
export type ResourceWord = 'endpoints' | 'endpointslice' | 'ingress' | 'namespace' | 'node' | 'pod' | 'service';

/**
 * How many keys of labels and annotations have their label names remembered, per prefix. A cluster has some hundreds that repeat; whoever puts
 * unique words into keys must not fill the memory. About 300 bytes each.
 */
const NAMES_MAX = 2048;

/** Every character that is no letter, digit or underscore becomes `_`. */
export function sanitize(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/gu, '_');
}

/** The name of a value and of its presence, made once per key: a name that is kept is hashed once, not once per object. */
type NamePair = readonly [value: string, present: string];

/** Adds the pairs as `<prefix>_<key>` and `<prefix>present_<key>`. */
export type PairAdder = (labels: LabelMap, pairs: Pairs) => void;

export function pairAdder(prefix: string, presentPrefix = `${prefix}present`): PairAdder {
  const names = new Map<string, NamePair>();
  const namesOf = (key: string): NamePair => {
    const known = names.get(key);
    if (known !== undefined) return known;
    if (names.size >= NAMES_MAX) names.clear();
    const made: NamePair = [`${prefix}_${sanitize(key)}`, `${presentPrefix}_${sanitize(key)}`];
    names.set(key, made);
    return made;
  };
  return (labels, pairs) => {
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const [name, present] = namesOf(pairs[i]!);
      labels.set(name, pairs[i + 1]!);
      labels.set(present, 'true');
    }
  };
}

/** Adds the labels and annotations of an object; its name is the role's business. */
export type MetadataAdder = (labels: LabelMap, meta: Meta) => void;

export function metadataAdder(word: ResourceWord): MetadataAdder {
  const addLabels = pairAdder(`__meta_kubernetes_${word}_label`);
  const addAnnotations = pairAdder(`__meta_kubernetes_${word}_annotation`);
  return (labels, meta) => {
    addLabels(labels, meta.labels);
    addAnnotations(labels, meta.annotations);
  };
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') || host.includes('%') ? `[${host}]:${port}` : `${host}:${port}`;
}
