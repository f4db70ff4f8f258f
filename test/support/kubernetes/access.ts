// Who may do what on the fake API server: bearer tokens and the rules of their users, as RBAC grants them.

import type { ResourcePath } from './resources.ts';
import { requiredName } from './selectors.ts';
import { forbidden, unauthorized } from './status.ts';

export interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Where a Role grants it; absent: in all of the cluster, as a ClusterRole does. */
  readonly namespaces?: readonly string[];
  /** `resourceNames`: only objects of these names. */
  readonly names?: readonly string[];
}

export interface User {
  /** Such as `system:serviceaccount:monitoring:tributary`. */
  readonly name: string;
  readonly rules: readonly Rule[];
}

export interface Access {
  /** Gives a token to a user, or other rules to the one who has it. From the first user on, requests without a known token are refused. */
  setUser(token: string, user: User): void;
  /** The token is not known any more. */
  revoke(token: string): void;
}

export class AccessControl implements Access {
  readonly #users = new Map<string, User>();
  #isOpen = true;

  setUser(token: string, user: User): void {
    this.#isOpen = false;
    this.#users.set(token, user);
  }

  revoke(token: string): void {
    this.#users.delete(token);
  }

  /** The user of a request; undefined where anybody may do anything. Throws when the token is not known. */
  authenticate(authorization: string | undefined): User | undefined {
    if (this.#isOpen) return undefined;
    const token = /^Bearer (?<token>.+)$/i.exec(authorization ?? '')?.groups?.['token'];
    const user = token === undefined ? undefined : this.#users.get(token);
    if (user === undefined) throw unauthorized();
    return user;
  }
}

/** Throws when the user may not. A list or watch counts as one of a name when its field selector says so. */
export function authorize(user: User, verb: string, { type, namespace, name, subresource }: ResourcePath, fieldSelector: string): void {
  const asked = name === '' ? requiredName(fieldSelector) : name;
  const resource = subresource === '' ? type.plural : `${type.plural}/${subresource}`;
  const isGranted = user.rules.some((rule) =>
    rule.resources.includes(resource) && rule.verbs.includes(verb) && includes(rule.namespaces, namespace) && includes(rule.names, asked));
  if (!isGranted) throw forbidden({ user: user.name, verb, type, namespace, name: name === '' ? asked ?? '' : name });
}

function includes(allowed: readonly string[] | undefined, asked: string | undefined): boolean {
  return allowed === undefined || (asked !== undefined && allowed.includes(asked));
}
