// `/api/v1/status/kubernetes` and `/api/v1/status/discovery`: what is known of the API servers, one entry per reflector, and what discovery has found,
// one entry per provider. Everything the page shows of them is here. Fields: docs/status.md.

import type { ProviderState } from '../../discovery/manager.ts';
import type { ReflectorState } from '../kubernetes/kubernetes.ts';
import { compareUtf8 } from '../model/labels.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import { formatAge } from './page-text.ts';
import { missingPermission, type MissingPermission } from './permission.ts';
import { formatTime } from './time-text.ts';
import type { AgentView } from './view.ts';

export interface ReflectorAlarm {
  readonly kind: 'denied' | 'stale' | 'not_synced';
  readonly text: string;
}

export function kubernetes(_request: WebRequest, { view }: WebContext): Answer {
  const nowMs = Date.now();
  return success({ reflectors: sortedReflectors(view).map((state) => reflector(state, nowMs)) });
}

export function discovery(_request: WebRequest, { view }: WebContext): Answer {
  return success({ providers: sortedProviders(view).map(provider) });
}

/** By server, kind and namespace. */
export function sortedReflectors(view: AgentView): ReflectorState[] {
  const key = ({ server, kind, namespace }: ReflectorState) => [server, kind, namespace].join('\u0000');
  return [...view.kubernetes()].sort((a, b) => compareUtf8(key(a), key(b)));
}

/** By the jobs that use them. */
export function sortedProviders(view: AgentView): ProviderState[] {
  const key = ({ jobs, kind }: ProviderState) => [[...jobs].sort(compareUtf8).join('\u0000'), kind].join('\u0000');
  return [...view.discovery()].sort((a, b) => compareUtf8(key(a), key(b)));
}

/** What somebody should look at now. The sentence of the server is in it, because it says what nobody else knows. */
export function reflectorAlarms(state: ReflectorState, nowMs: number): ReflectorAlarm[] {
  const permission = missingPermission(state);
  if (permission !== undefined) return [{ kind: 'denied', text: deniedText(permission, state.error) }];
  if (state.state === 'stale') return [{ kind: 'stale', text: `not current for ${ageText(state, nowMs)}, the last state is served: ${state.error}` }];
  return state.state === 'syncing' && state.error !== '' ? [{ kind: 'not_synced', text: `not read yet: ${state.error}` }] : [];
}

function deniedText({ verb, advice, rule }: MissingPermission, error: string): string {
  return [`we may not ${verb === '' ? 'read' : verb} it.`, advice, rule, `(${error})`].filter((part) => part !== '').join(' ');
}

/** Since the state was last proved current. */
export function ageText({ currentAtMs }: ReflectorState, nowMs: number): string {
  return currentAtMs === undefined ? 'ever' : formatAge((nowMs - currentAtMs) / 1000);
}

function reflector(state: ReflectorState, nowMs: number): object {
  const { currentAtMs, ...rest } = state;
  return { ...rest, currentTime: formatTime(currentAtMs), permission: missingPermission(state), alarms: reflectorAlarms(state, nowMs) };
}

function provider({ updatedAtMs, ...rest }: ProviderState): object {
  return { ...rest, updatedTime: formatTime(updatedAtMs) };
}
