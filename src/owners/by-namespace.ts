// The owner index of a collector that does not watch pods: the owner of a series follows from its namespace alone.

import { compileRegex } from '../relabel/regex.ts';
import { NO_ENTRY } from './owners.ts';
import type { OwnerIndex } from './owners.ts';

/** The owner of a namespace, undefined for none. */
export type NamespaceRule = (namespace: string) => string | undefined;

/** The first group of `pattern`, which matches whole names; no pattern gives no owners. Fails with REGEX_INVALID. */
export function namespaceRule(pattern: string | undefined): NamespaceRule {
  if (pattern === undefined) return () => undefined;
  const regex = compileRegex(pattern);
  return (namespace) => {
    const owner = regex.match(namespace)?.[1] ?? '';
    return owner === '' ? undefined : owner;
  };
}

export function createNamespaceOwners(rule: NamespaceRule): OwnerIndex {
  return {
    pod: () => NO_ENTRY,
    node: () => NO_ENTRY,
    ownerOfNamespace: rule,
    state: () => 'absent',
    owner: () => undefined,
    owners: () => [],
    onChange: () => () => undefined,
  };
}
