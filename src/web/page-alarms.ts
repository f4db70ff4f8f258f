// The first thing on the page: what somebody should look at now, whatever part of the collector it comes from.

import type { ReflectorState } from '../kubernetes/kubernetes.ts';
import { reflectorAlarms, sortedReflectors } from './api-discovery.ts';
import { sortedDestinations } from './api-destinations.ts';
import { masterAlarms } from './api-masters.ts';
import { html, type Html } from './html.ts';
import { alarmsOf } from './identities.ts';
import { reflectorName } from './page-discovery.ts';
import type { AgentView } from './view.ts';

/** Lines that are shown: a missing role may be refused in each of a hundred namespaces, and what follows must stay in reach. */
const linesMax = 50;

export function alarmSection(view: AgentView, nowMs: number): Html {
  const lines = [...destinationLines(view), ...masterLines(view), ...reflectorLines(view, nowMs)];
  if (lines.length === 0) return html``;
  const more = lines.length > linesMax ? [html`<p>${lines.length - linesMax} more: see the sections below.</p>`] : [];
  return html`<section class="alarm"><h2>Alarms (${lines.length})</h2><ul>${lines.slice(0, linesMax)}</ul>${more}</section>`;
}

function destinationLines(view: AgentView): Html[] {
  return sortedDestinations(view).flatMap((destination) => alarmsOf(destination).map(({ kind, text }) => line(destination.name, kind, text)));
}

function masterLines(view: AgentView): Html[] {
  const { masters, keepError } = view.masters();
  const kept = keepError === '' ? [] : [line('announced destinations', 'not_kept', `a start without their source would not have them: ${keepError}`)];
  return [...kept, ...masters.flatMap((master) => masterAlarms(master).map(({ kind, text }) => line(master.destination === '' ? master.document : master.destination, kind, text)))];
}

function reflectorLines(view: AgentView, nowMs: number): Html[] {
  const reflectors = sortedReflectors(view);
  const isOneServer = new Set(reflectors.map(({ server }) => server)).size === 1;
  const name = (state: ReflectorState) => (isOneServer ? reflectorName(state) : `${reflectorName(state)} at ${state.server}`);
  return reflectors.flatMap((state) => reflectorAlarms(state, nowMs).map(({ kind, text }) => line(name(state), kind, text)));
}

function line(name: string, kind: string, text: string): Html {
  return html`<li><b>${name}</b> ${kind.replace('_', ' ')}: ${text}</li>`;
}
