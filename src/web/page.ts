// The page: rendered here as plain HTML without a script, so that it works everywhere, also without a network beyond this process. It answers
// "why is this not collected?", "where does this go?" and "what was lost?".

import type { Remark } from '../config/settings.ts';
import { formatLabels, type LabelPair } from '../model/labels.ts';
import type { Answer } from './answer.ts';
import { firstDropped, sortedPools } from './api-targets.ts';
import type { WebContext, WebRequest } from './context.ts';
import { html, type Html } from './html.ts';
import { alarmSection } from './page-alarms.ts';
import { destinationSection, retiredSection } from './page-destinations.ts';
import { discoverySection, kubernetesSection } from './page-discovery.ts';
import { mastersSection } from './page-masters.ts';
import { roceSection } from './page-roce.ts';
import { formatAge, style } from './page-text.ts';
import { ownersSection, volumeSection } from './page-volume.ts';
import type { ActiveTargetView, PoolView, ReloadView } from './view.ts';

/** Rows of one table; beyond it the API tells the rest. A browser draws so many at once without pain. */
const rowsMax = 1000;

/** Nothing from elsewhere, no script at all. */
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function stylesheet(): Answer {
  return { status: 200, type: 'text/css; charset=utf-8', body: style, headers: { 'Cache-Control': 'max-age=3600' } };
}

export function overviewPage(_request: WebRequest, context: WebContext): Answer {
  const { view } = context;
  const pools = sortedPools(context);
  const nowMs = Date.now();
  return page(context, 'Overview', html`
    ${stateLine(context)}
    ${shardingLine(context, pools)}
    ${alarmSection(view, nowMs)}
    ${reloadSection(view.reload())}
    ${destinationSection(view, nowMs)}
    ${retiredSection(view, nowMs)}
    ${mastersSection(view, nowMs)}
    ${ownersSection(view)}
    ${volumeSection(view)}
    ${roceSection(view, nowMs)}
    ${kubernetesSection(view, nowMs)}
    ${discoverySection(view, nowMs)}
    ${targetSection(pools)}
    ${droppedSection(pools)}
    ${remarkSection(view.remarks())}`);
}

export function configPage(_request: WebRequest, context: WebContext): Answer {
  return page(context, 'Configuration', html`<p>In force, with all defaults; secrets are masked.</p><pre>${context.view.configYaml()}</pre>`);
}

export function flagsPage(_request: WebRequest, context: WebContext): Answer {
  const rows = [...context.flags.all].map(([name, value]) => html`<tr><td>--${name}</td><td>${value}</td></tr>`);
  return page(context, 'Flags', html`<table><tr><th>Flag</th><th>Value</th></tr>${rows}</table>`);
}

function page(context: WebContext, heading: string, content: Html): Answer {
  const { flags, build } = context;
  // Relative, because a proxy may have taken a prefix away: every page lies directly below the root.
  const link = (path: string, name: string) => html`<a href="./${path}">${name}</a> `;
  const body = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${flags.pageTitle}: ${heading}</title><link rel="stylesheet" href="./page.css"></head>
<body>
<header><strong>${flags.pageTitle}</strong>
<nav>${link('', 'Overview')}${link('config', 'Configuration')}${link('flags', 'Flags')}${link('metrics', 'Metrics')}${link('api/v1/targets', 'Targets as JSON')}${link('api/v1/status/destinations', 'Destinations as JSON')}${link('api/v1/status/kubernetes', 'Kubernetes as JSON')}</nav></header>
<main>${content}</main>
<footer>Tributary ${build.version} ${build.revision.slice(0, 12)}</footer>
</body></html>
`;
  const headers = { 'Content-Security-Policy': contentSecurityPolicy, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cache-Control': 'no-store' };
  return { status: 200, type: 'text/html; charset=utf-8', body: body.text, headers };
}

function stateLine({ view, startedMs }: WebContext): Html {
  const state = view.isStopping() ? 'stopping' : view.isReady() ? 'ready' : view.isStarted() ? 'waiting' : 'starting';
  return html`<p>State: <b class="${state}">${state}</b>${state === 'waiting' ? ' for API servers to answer' : ''}, running for ${formatAge((Date.now() - startedMs) / 1000)}.</p>`;
}

function shardingLine({ view }: WebContext, pools: readonly PoolView[]): Html {
  const { members, member, replicationFactor } = view.sharding();
  if (members === 1) return html``;
  const kept = pools.reduce((sum, pool) => sum + pool.active.length, 0);
  const left = pools.reduce((sum, pool) => sum + pool.leftCount, 0);
  const copies = replicationFactor === 1 ? 'one member' : `${replicationFactor} members`;
  return html`<p>Member ${member} of ${members} (numbered from 0), each target on ${copies}: ${kept} targets scraped here, ${left} left to others.</p>`;
}

function reloadSection(reload: ReloadView): Html {
  if (reload.successful) return html``;
  const problems = reload.problems.map((problem) => html`<li>${placed(problem)}</li>`);
  return html`<section class="alarm"><h2>The last reload failed</h2>
    <p>Tried ${formatAge((Date.now() - reload.lastAttemptMs) / 1000)} ago. The configuration of ${new Date(reload.lastSuccessMs).toISOString()} stays in force.</p>
    <ul>${problems}${reload.error === '' ? [] : [html`<li>${reload.error}</li>`]}</ul></section>`;
}

function targetSection(pools: readonly PoolView[]): Html {
  const rows = pools.flatMap((pool) => pool.active.map((active) => ({ pool, active })));
  const up = rows.filter(({ active }) => active.health === 'up').length;
  // What needs a person comes first.
  const rank = { down: 0, unknown: 1, up: 2 };
  const shown = rows.sort((a, b) => rank[a.active.health] - rank[b.active.health]).slice(0, rowsMax);
  const heads = ['Job', 'Endpoint', 'State', 'Labels', 'Last scrape', 'Duration', 'Error'].map((name) => html`<th>${name}</th>`);
  return html`<h2>Targets (${up} of ${rows.length} up)</h2><table><tr>${heads}</tr>${shown.map(({ pool, active }) => targetRow(pool, active))}</table>${more(rows.length)}`;
}

function targetRow(pool: PoolView, { target, health, lastScrapeMs, lastScrapeDurationSeconds, lastError, errorClass }: ActiveTargetView): Html {
  const age = lastScrapeMs === undefined ? 'never' : `${formatAge((Date.now() - lastScrapeMs) / 1000)} ago`;
  return html`<tr><td>${pool.name}</td><td class="names">${target.url}</td><td class="${health}">${health}</td><td class="names">${formatLabels(target.labels)}</td>
    <td>${age}</td><td>${(lastScrapeDurationSeconds * 1000).toFixed(1)} ms</td><td>${errorClass === undefined ? '' : `[${errorClass}] `}${lastError}</td></tr>`;
}

function droppedSection(pools: readonly PoolView[]): Html {
  const total = pools.reduce((sum, pool) => sum + pool.droppedCount, 0);
  if (total === 0) return html``;
  const lines = [...firstDropped(pools, rowsMax)]
    .map(({ pool, dropped }) => html`<tr><td>${pool.name}</td><td class="names">${dropped.reason}</td><td class="names">${formatLabels(sorted(dropped.discoveredLabels))}</td></tr>`);
  return html`<h2>Dropped targets (${total})</h2><table><tr><th>Job</th><th>Why</th><th>Discovered labels</th></tr>${lines}</table>${more(total)}`;
}

function remarkSection(remarks: readonly Remark[]): Html {
  if (remarks.length === 0) return html``;
  const lines = remarks.slice(0, rowsMax).map((remark) => html`<li>${remark.kind.replace('_', ' ')}: ${placed(remark)}</li>`);
  return html`<h2>Remarks on the configuration (${remarks.length})</h2><ul>${lines}</ul>`;
}

function placed({ file, line, column, path, text }: Pick<Remark, 'file' | 'line' | 'column' | 'path' | 'text'>): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${text}`;
}

function more(rows: number): Html {
  return rows > rowsMax ? html`<p>${rows - rowsMax} more: see /api/v1/targets.</p>` : html``;
}

function sorted(labels: ReadonlyMap<string, string>): LabelPair[] {
  return [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
}
