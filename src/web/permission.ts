// What a denied reflector needs: read from the sentence with which an API server refuses, so that a person can add exactly the rule that is missing.
//
//     cannot list pods in all namespaces: pods is forbidden: User "system:serviceaccount:monitoring:tributary" cannot list resource "pods" in API
//     group "" at the cluster scope (403)
//
// Up to the first colon it is ours. Source of the rest: k8s.io/apiserver responsewriters.Forbidden. Other sentences (a webhook's, a 401) name less; what the
// reflector itself knows fills the gaps.

import type { ReflectorState } from '../kubernetes/kubernetes.ts';
import { resources } from '../kubernetes/resources.ts';

export interface MissingPermission {
  /** `list` or `watch`; '' where the server did not say. */
  readonly verb: string;
  readonly resource: string;
  /** '' is the core group. */
  readonly apiGroup: string;
  /** '' for the whole cluster. */
  readonly namespace: string;
  /** As the server knows us; '' where it did not say, or does not know us (401). */
  readonly user: string;
  /** What to do, for people; ends with a colon where a rule follows. */
  readonly advice: string;
  /** The rule to add, as YAML; '' where no rule would help (401). */
  readonly rule: string;
}

const refusal = /User "([^"]*)" cannot ([a-z]+) resource "([^"]*)" in API group "([^"]*)"/;
const errand = /^cannot (list|watch) /;

/** The permission that a reflector lacks; undefined while it is not denied. */
export function missingPermission({ isDenied, error, kind, namespace, name }: ReflectorState): MissingPermission | undefined {
  if (!isDenied) return undefined;
  const asked = errand.exec(error)?.[1] ?? '';
  const [, user = '', verb = asked, resource = resources[kind].plural, apiGroup = groupOf(kind)] = refusal.exec(error) ?? [];
  const missing = { verb, resource, apiGroup, namespace, user };
  if (/(?:\(|the server answered )401\)?$/.test(error)) return { ...missing, advice: unknownUser, rule: '' };
  const role = namespace === '' ? 'the ClusterRole' : `the Role in namespace ${namespace}`;
  // No more than what is asked for: a rule without names would open every Secret.
  const names = name === undefined ? '' : `resourceNames: ["${name}"], `;
  // Both verbs: without the right to watch, the next refusal would follow the first repair.
  return { ...missing, advice: `Add to the rules of ${role} that is bound to ${subject(user)}:`, rule: `{apiGroups: ["${apiGroup}"], resources: ["${resource}"], ${names}verbs: ["list", "watch"]}` };
}

/** `/apis/apps/v1` is the group `apps`, `/api/v1` the core group. */
function groupOf(kind: ReflectorState['kind']): string {
  return /^\/apis\/([^/]+)\//.exec(resources[kind].group)?.[1] ?? '';
}

const unknownUser = 'The server does not know us (401): check the token of the service account, or the credentials of api_server.';

/** `system:serviceaccount:monitoring:tributary` is written as people look for it. */
function subject(user: string): string {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  if (name !== undefined) return `the ServiceAccount ${namespace ?? ''}/${name}`;
  return user === '' ? 'the account of this collector' : `the user ${user}`;
}
