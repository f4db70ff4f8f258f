// The part of the page about announced destinations: which documents are in force, since when, and why others are not.

import type { MasterState } from '../destinations/masters/state.ts';
import { html, type Html } from './html.ts';
import { formatAge } from './page-text.ts';
import type { AgentView } from './view.ts';

/** Rows of one table, as for targets. */
const rowsMax = 1000;

const classes: Readonly<Record<MasterState['state'], string>> = { active: 'up', broken: 'down', leaving: 'unknown', refused: 'down' };

export function mastersSection(view: AgentView, nowMs: number): Html {
  const { masters, sources, keepError } = view.masters();
  if (sources.length === 0) return html``;
  const inForce = masters.filter(({ state }) => state !== 'refused').length;
  const waiting = sources.filter(({ isSynced }) => !isSynced).map(({ source, error }) => html`<li>${source} has not told its documents yet${error === '' ? '' : `: ${error}`}</li>`);
  const failing = sources.filter(({ isSynced, error }) => isSynced && error !== '').map(({ source, error }) => html`<li>${source}: ${error}</li>`);
  const kept = keepError === '' ? [] : [html`<li>the last good documents are not on disk: ${keepError}</li>`];
  return html`<h2>Announced destinations (${inForce})</h2><ul>${[...waiting, ...failing, ...kept]}</ul>
    <table><thead><tr><th>Destination</th><th>Document</th><th>State</th><th>In force for</th><th>Endpoints</th></tr></thead>${masters.slice(0, rowsMax).map((master) => masterRow(master, nowMs))}</table>`;
}

/** Reasons stand below the row, where they have the whole width. */
function masterRow({ destination, document, state, problems, sinceMs, endsMs, isTold, endpoints }: MasterState, nowMs: number): Html {
  const until = state === 'leaving' && endsMs !== undefined ? `, removed in ${formatAge((endsMs - nowMs) / 1000)}` : '';
  const age = sinceMs === undefined || state === 'refused' ? '-' : formatAge((nowMs - sinceMs) / 1000);
  const more = problems.length === 0 ? [] : [html`<tr class="more"><td colspan="5">${problems.map((text) => html`<p>${text}</p>`)}</td></tr>`];
  return html`<tbody class="block"><tr><td>${destination === '' ? '-' : destination}</td><td class="names">${document}</td><td class="${classes[state]}">${state}${until}${isTold ? '' : ', from disk'}</td>
    <td>${age}</td><td class="names">${endpoints.join(' ')}</td></tr>${more}</tbody>`;
}
