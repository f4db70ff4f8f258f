// The part of the page about destinations: one block each, with the essentials in a row and everything else below it in
// `<details>`, which open without a script; last the destinations that are gone while their queue is still there.

import { html, type Html, type HtmlPart } from './html.ts';
import { sortedDestinations, sortedRetired } from './api-destinations.ts';
import type { DestinationView, LaneView, PaceView, RetiredView, SpecimenView, TenantView } from './destination-view.ts';
import { alarmsOf, identityHolds, lostSamples, scrapeIdentityHolds } from './identities.ts';
import { formatAge, formatBytes, formatCount, formatDrain, formatForecast, formatRate } from './page-text.ts';
import { formatTime } from './time-text.ts';
import type { AgentView } from './view.ts';

/** Nothing known, or nothing there. */
const NONE = '-';

const COLUMNS = ['Destination', 'State', 'Live lag', 'Pending', 'Drained in', 'Free quota holds', 'Disk', 'Lost', 'Accounts'] as const;

export function destinationSection(view: AgentView, nowMs: number): Html {
  const destinations = sortedDestinations(view);
  if (destinations.length === 0) return html`<h2>Destinations</h2><p>None: without remote_write nothing is kept or sent.</p>`;
  const heads = COLUMNS.map((name) => html`<th>${name}</th>`);
  return html`<h2>Destinations (${destinations.length})</h2><table><thead><tr>${heads}</tr></thead>
    ${destinations.map((destination) => block(destination, nowMs))}</table>`;
}

export function retiredSection(view: AgentView, nowMs: number): Html {
  const rows = sortedRetired(view).map((one) => retiredRow(one, nowMs));
  if (rows.length === 0) return html``;
  return html`<h2>Removed destinations whose queue is kept (${rows.length})</h2>
    <table><tr><th>Name</th><th>Removed</th><th>State</th><th>Pending</th><th>Disk</th></tr>${rows}</table>
    <p>In grace it comes back when the configuration names it again; parked it waits for <code>tributary queue adopt</code>, <code>export</code> or <code>drop</code>.</p>`;
}

function retiredRow({ name, removedMs, state, pendingSamples, diskBytes }: RetiredView, nowMs: number): Html {
  return html`<tr><td>${name}</td><td>${formatAge((nowMs - removedMs) / 1000)} ago</td><td class="${state === 'parked' ? 'parked' : 'retrying'}">${state}</td>
    <td>${formatCount(pendingSamples)} samples</td><td>${formatBytes(diskBytes)}</td></tr>`;
}

function block(view: DestinationView, nowMs: number): Html {
  const lost = lostSamples(view);
  const isExact = identityHolds(view) && scrapeIdentityHolds(view);
  const isAlarming = alarmsOf(view).length > 0;
  return html`<tbody class="block wide"><tr><td><b>${view.name}</b></td>
    <td class="${view.state}">${view.state}${view.queueMode === 'ok' ? '' : `, queue ${view.queueMode}`}${isAlarming ? ' (alarm)' : ''}</td>
    <td>${lagText(view.live)}</td>
    <td>${view.counters.pending === 0 ? 'none' : html`${formatCount(view.counters.pending)} samples<br><small>oldest ${formatAge(view.oldestUnsentAgeSeconds)}</small>`}</td>
    <td class="${view.isFallingBehind ? 'down' : ''}">${formatDrain(view)}</td>
    <td>${outageText(view)}</td>
    <td>${formatBytes(view.diskBytes)} of ${formatBytes(view.quotaBytes)}</td>
    <td class="${lost > 0 ? 'down' : ''}">${lost > 0 ? `${formatCount(lost)} samples` : 'none'}</td>
    <td class="${isExact ? 'up' : 'down'}">${isExact ? 'hold' : 'BROKEN'}</td></tr>
    <tr class="more"><td colspan="${COLUMNS.length}"><small>${view.url} (${view.profile}, remote write ${view.message}, ${view.encoding})</small>${errorLines(view, nowMs)}
    <details><summary>Details</summary><div class="columns">${accountTable(view)}${queueTable(view)}${laneTable(view)}${linkTable(view, nowMs)}</div>
    ${endpointTable(view)}</details>${specimenList(view.specimens, nowMs)}</td></tr></tbody>`;
}

function errorLines({ lastError, lastErrorMs, retryAtMs, queueError }: DestinationView, nowMs: number): Html {
  const age = lastErrorMs === undefined ? '' : ` ${formatAge((nowMs - lastErrorMs) / 1000)} ago`;
  const retry = retryAtMs === undefined ? '' : `; next try in ${formatAge((retryAtMs - nowMs) / 1000)}`;
  return html`${lastError === '' ? [] : [html`<p>Last error${age}: ${lastError}${retry}</p>`]}${queueError === '' ? [] : [html`<p>Queue: ${queueError}</p>`]}`;
}

type Fact = readonly [name: string, value: HtmlPart];

function facts(heading: string, rows: readonly Fact[]): Html {
  return html`<table class="facts"><caption>${heading}</caption>${rows.map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`)}</table>`;
}

/** Both identities, in samples, as sums that a person can check. */
function accountTable(view: DestinationView): Html {
  const { appended, movedIn, acknowledged, deduplicated, lost, pending, scrape } = view.counters;
  const verdict = (holds: boolean) => html`<b class="${holds ? 'up' : 'down'}">${holds ? 'holds' : 'BROKEN'}</b>`;
  const reasons = Object.entries(lost).filter(([, samples]) => samples > 0).map(([reason, samples]): Fact => [`+ ${reason} (lost)`, formatCount(samples)]);
  return facts('Accounts, samples', [
    ['Scraped', formatCount(scrape.scraped)],
    ['= failed', formatCount(scrape.failed)],
    ['+ relabelled away', formatCount(scrape.relabelled)],
    ['+ over a limit', formatCount(scrape.limited)],
    ['+ unrouted', formatCount(scrape.unrouted)],
    ['+ appended', formatCount(appended)],
    ['Scrapes', verdict(scrapeIdentityHolds(view))],
    ['Appended + moved in', `${formatCount(appended)} + ${formatCount(movedIn)}`],
    ['= acknowledged', formatCount(acknowledged)],
    ['+ deduplicated', formatCount(deduplicated)],
    ...reasons,
    ['+ pending', formatCount(pending)],
    ['Queue', verdict(identityHolds(view))],
  ]);
}

function queueTable(view: DestinationView): Html {
  return facts('Queue', [
    ['Mode', view.isBlocked ? `${view.queueMode}, scrapes wait for room` : view.queueMode],
    ['Pending', `${counted(view.pendingRecords, 'record')}, ${formatBytes(view.pendingBytes)}`],
    ['Disk', `${formatBytes(view.diskBytes)} in ${counted(view.segments, 'segment')}`],
    ['Quota', formatBytes(view.quotaBytes)],
    ['Free quota holds', outageText(view)],
    ['Drained at', timeText(view.drainedAtMs)],
    ['Held by the clock guard', heldText(view)],
    ['In quarantine', counted(view.quarantinedEntries, 'entry', 'entries')],
  ]);
}

function laneTable({ live, backfill, laneOrder, maxDelaySeconds }: DestinationView): Html {
  const lane = (name: string, { samplesPerSecond, requestsInFlight }: LaneView, lag: string): Fact[] => [
    [`${name} lag`, lag], [`${name} rate`, formatRate(samplesPerSecond, 'samples')], [`${name} requests`, `${requestsInFlight} under way`],
  ];
  return facts('Lanes', [
    ['Order', laneOrder === 'live_first' ? 'live first' : 'oldest first'],
    ['Longest delay of live data', formatAge(maxDelaySeconds)],
    ...lane('Live', live, lagText(live)),
    ...(backfill === undefined ? [['Backfill', 'none'] as const] : lane('Backfill', backfill, lagText(backfill))),
  ]);
}

function linkTable(view: DestinationView, nowMs: number): Html {
  const { lastSuccessMs, clockSkewSeconds, linkBytesPerSecond, pace } = view;
  return facts('Link and receiver', [
    ['Profile', view.profile],
    ['Tenant', tenantText(view.tenant)],
    ['Remote write', `${view.message}, ${view.encoding}${view.encoding === 'zstd' ? ` level ${view.zstdLevel}` : ''}`],
    ['Sent', `${counted(view.requests, 'request')}, ${formatBytes(view.wireBytes)}`],
    ['Last success', lastSuccessMs === undefined ? 'never' : `${formatAge((nowMs - lastSuccessMs) / 1000)} ago`],
    ['Link carries', linkBytesPerSecond === undefined ? NONE : bytesRate(linkBytesPerSecond)],
    ['Pace', paceText(pace)],
    ['Burst', pace.burstItems === undefined ? NONE : `${formatCount(pace.burstItems)} items`],
    ['Bandwidth cap', pace.bytesPerSecond === undefined ? 'none' : bytesRate(pace.bytesPerSecond)],
    ['Concurrency', counted(view.concurrency, 'request')],
    ['Clock skew', clockSkewSeconds === undefined ? NONE : `${clockSkewSeconds.toFixed(1)} s`],
  ]);
}

function endpointTable({ endpoints }: DestinationView): Html {
  const rows = endpoints.map(({ url, inUse, lastError }) => html`<tr><td>${url}</td><td class="${inUse ? 'up' : ''}">${inUse ? 'in use' : 'standby'}</td><td>${lastError}</td></tr>`);
  return html`<table><tr><th>Endpoint</th><th>Use</th><th>Last error</th></tr>${rows}</table>`;
}

/** Answers of the receiver are foreign text: `html` escapes them. */
function specimenList(specimens: readonly SpecimenView[], nowMs: number): Html[] {
  return specimens.map(({ status, reason, samples, atMs, series, body }) => html`<details><summary>Last ${reason}: ${status === 0 ? 'no answer' : `status ${status}`},
    ${formatCount(samples)} samples, ${formatAge((nowMs - atMs) / 1000)} ago</summary>${series === undefined ? [] : [html`<p>Series: <code>${series}</code></p>`]}<pre>${body}</pre></details>`);
}

function lagText({ lagSeconds }: LaneView): string {
  return lagSeconds === 0 ? 'none' : formatAge(lagSeconds);
}

function outageText({ outageHours }: DestinationView): string {
  return outageHours === undefined ? NONE : formatForecast(outageHours * 3600);
}

function heldText({ heldSamples, heldUntilMs }: DestinationView): string {
  if (heldSamples === 0) return 'none';
  return `${formatCount(heldSamples)} samples, the first until ${timeText(heldUntilMs)}`;
}

function paceText({ itemsPerSecond, isLearned }: PaceView): string {
  return itemsPerSecond === undefined ? 'no limit' : `${formatRate(itemsPerSecond, 'items')}, ${isLearned ? 'learned' : 'configured'}`;
}

function tenantText(tenant: TenantView | undefined): string {
  return tenant === undefined ? NONE : `${tenant.id ?? 'of each series'} (by ${tenant.by})`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function bytesRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** To the second: figures of a forecast. */
function timeText(ms: number | undefined): string {
  return ms === undefined ? NONE : `${formatTime(ms).slice(0, 19).replace('T', ' ')} UTC`;
}
