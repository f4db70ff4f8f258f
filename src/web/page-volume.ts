// The parts of the page about how much comes from whom: owners, jobs and namespaces, by samples per second.

import type { VolumeRow } from '../series/volume.ts';
import { ownerRows, type OwnerRow } from './api-owners.ts';
import { sumOf } from './api-volume.ts';
import { html, type Html } from './html.ts';
import { formatBytes, formatCount, formatRate } from './page-text.ts';
import type { AgentView } from './view.ts';

/** Rows of one table: what fills the link stands at the top, the rest is in the API. */
const rowsMax = 20;

export function ownersSection(view: AgentView): Html {
  const rows = ownerRows(view);
  if (rows.length === 0) return html``;
  const shown = rows.toSorted((a, b) => b.samplesPerSecond - a.samplesPerSecond).slice(0, rowsMax);
  const rest = rows.length > rowsMax ? html`<p>${rows.length - rowsMax} more: see /api/v1/status/owners.</p>` : html``;
  return html`<h2>Owners (${rows.length})</h2>
    <table><tr><th>Owner</th><th>Destinations</th><th>Pods</th><th>Series</th><th>Samples</th></tr>${shown.map(ownerRow)}</table>${rest}`;
}

function ownerRow({ owner, destinations, pods, series, samplesPerSecond }: OwnerRow): Html {
  const names = destinations.length === 0 ? '-' : destinations.join(' ');
  return html`<tr><td class="names">${owner}</td><td class="names">${names}</td><td>${formatCount(pods)}</td><td>${formatCount(series)}</td><td>${formatRate(samplesPerSecond, 'samples')}</td></tr>`;
}

export function volumeSection(view: AgentView): Html {
  const { jobs, namespaces } = view.volume();
  if (jobs.length === 0) return html``;
  // Outside Kubernetes there is one row, of series about no namespace.
  const hasNamespaces = namespaces.some(({ name }) => name !== '');
  return html`<h2>Volume</h2>${volumeTable('Job', jobs)}${hasNamespaces ? volumeTable('Namespace', namespaces) : ''}`;
}

function volumeTable(head: string, rows: readonly VolumeRow[]): Html {
  const others = sumOf(rows.slice(rowsMax));
  const last = others.count === 0 ? html`` : html`<tr><td>${others.count} others</td><td></td>${figures(others)}</tr>`;
  const shown = rows.slice(0, rowsMax).map(({ name, targets, ...row }) => html`<tr><td class="names">${name === '' ? 'none' : name}</td><td>${formatCount(targets)}</td>${figures(row)}</tr>`);
  return html`<table><tr><th>${head}</th><th>Targets</th><th>Series</th><th>Samples</th><th>To the queue</th></tr>${shown}${last}</table>`;
}

function figures({ series, samplesPerSecond, bytesPerSecond }: Pick<VolumeRow, 'series' | 'samplesPerSecond' | 'bytesPerSecond'>): Html {
  return html`<td>${formatCount(series)}</td><td>${formatRate(samplesPerSecond, 'samples')}</td><td>${formatBytes(bytesPerSecond)}/s</td>`;
}
