// The part of the page about where targets come from: per provider whether it has told its targets, and per reflector of an API server how current
// its state is and what it may not read.

import type { ReflectorState } from '../kubernetes/kubernetes.ts';
import { ageText, sortedProviders, sortedReflectors } from './api-discovery.ts';
import { html, type Html } from './html.ts';
import { formatAge, formatCount } from './page-text.ts';
import { missingPermission } from './permission.ts';
import type { AgentView } from './view.ts';

/** Jobs named in a row; a provider may serve a thousand. The API names them all. */
const jobsMax = 5;
/** Rows of one table, as for targets. */
const rowsMax = 1000;

export function discoverySection(view: AgentView, nowMs: number): Html {
  const providers = sortedProviders(view);
  if (providers.length === 0) return html``;
  const ready = providers.filter((provider) => provider.ready).length;
  const rows = providers.slice(0, rowsMax).map(({ kind, jobs, ready: isReady, groups, targets, updatedAtMs }) => html`<tr><td class="names">${jobsText(jobs)}</td><td>${kind}</td>
    <td class="${isReady ? 'up' : 'unknown'}">${isReady ? 'ready' : 'waiting'}</td><td>${formatCount(groups)}</td><td>${formatCount(targets)}</td>
    <td>${updatedAtMs === undefined ? 'never' : `${formatAge((nowMs - updatedAtMs) / 1000)} ago`}</td></tr>`);
  return html`<h2>Discovery (${ready} of ${providers.length} ready)</h2>
    <table><tr><th>Jobs</th><th>Kind</th><th>State</th><th>Groups</th><th>Targets found</th><th>Last change</th></tr>${rows}</table>${more(providers.length, 'discovery')}`;
}

/** A table for each server: its address would take the width that the sentences need. */
export function kubernetesSection(view: AgentView, nowMs: number): Html {
  const reflectors = sortedReflectors(view);
  if (reflectors.length === 0) return html``;
  const live = reflectors.filter(({ state }) => state === 'live').length;
  const servers = [...new Set(reflectors.map(({ server }) => server))];
  const tables = servers.map((server) => serverTable(server, reflectors.filter((state) => state.server === server), nowMs));
  return html`<h2>Kubernetes (${live} of ${reflectors.length} live)</h2>${tables}`;
}

function serverTable(server: string, reflectors: readonly ReflectorState[], nowMs: number): Html {
  const rows = reflectors.slice(0, rowsMax).map((state) => reflectorRow(state, nowMs));
  return html`<table><caption>API server ${server}</caption><thead><tr><th>Resource</th><th>Namespace</th><th>State</th><th>Objects</th><th>Current</th></tr></thead>${rows}</table>${more(reflectors.length, 'kubernetes')}`;
}

/** `pods in namespace web`, `nodes`: as people name what is read. */
export function reflectorName({ kind, namespace }: ReflectorState): string {
  return namespace === '' ? kind : `${kind} in namespace ${namespace}`;
}

const classes: Readonly<Record<ReflectorState['state'], string>> = { live: 'up', syncing: 'unknown', stale: 'down' };

/** Sentences stand below the row, where they have the whole width. */
function reflectorRow(state: ReflectorState, nowMs: number): Html {
  const { kind, namespace, objects, currentAtMs, isDenied } = state;
  return html`<tbody class="block"><tr><td>${kind}</td><td>${namespace === '' ? 'all' : namespace}</td>
    <td class="${isDenied ? 'down' : classes[state.state]}">${isDenied ? 'denied' : state.state}</td><td>${formatCount(objects)}</td>
    <td>${currentAtMs === undefined ? 'never' : `${ageText(state, nowMs)} ago`}</td></tr>${troubleRow(state)}</tbody>`;
}

function troubleRow(state: ReflectorState): Html[] {
  const permission = missingPermission(state);
  if (permission !== undefined) return [html`<tr class="more"><td colspan="5">${permission.advice} <code>${permission.rule}</code><br><small>${state.error}</small></td></tr>`];
  return state.error === '' ? [] : [html`<tr class="more"><td colspan="5">${state.error}</td></tr>`];
}

function jobsText(jobs: readonly string[]): string {
  const shown = jobs.slice(0, jobsMax).join(', ');
  return jobs.length > jobsMax ? `${shown} and ${formatCount(jobs.length - jobsMax)} more` : shown;
}

function more(rows: number, path: string): Html {
  return rows > rowsMax ? html`<p>${formatCount(rows - rowsMax)} more: see /api/v1/status/${path}.</p>` : html``;
}
