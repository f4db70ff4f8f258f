// The part of the page about counters that are sampled here: what is found, its last peaks, how often and how fast it is read, and what is wrong.

import type { RocePeak, RocePort, RoceSource, RoceState } from '../roce/state.ts';
import { html, type Html } from './html.ts';
import { formatAge, formatBytes, formatCount } from './page-text.ts';
import type { AgentView } from './view.ts';

/** Rows of one table: a machine has a few ports; the API has the rest. */
const rowsMax = 100;

export function roceSection(view: AgentView, nowMs: number): Html {
  const state = view.roce();
  if (state === undefined) return html``;
  const problems = state.problems.length === 0 ? html`` : html`<ul>${state.problems.map((text) => html`<li class="unknown">${text}</li>`)}</ul>`;
  return html`<h2>RoCE counters (${state.ports.length} ports)</h2>${samplerLine(state, nowMs)}${problems}${portTable(state.ports)}${sourceTable(state.sources)}${more(Math.max(state.ports.length, state.sources.length))}`;
}

function samplerLine({ sampler, reason, policy, ticks, missedTicks, lastWindowMs, captures }: RoceState, nowMs: number): Html {
  if (sampler === 'none') return html`<p>Nothing is sampled.</p>`;
  const who = sampler === 'native' ? `The native sampler, scheduled as ${policy}` : `The sampler in TypeScript (${reason})`;
  const last = lastWindowMs === undefined ? 'no window has ended yet' : `the last window ended ${formatAge((nowMs - lastWindowMs) / 1000)} ago`;
  return html`<p>${who}: ${formatCount(ticks)} ticks, ${formatCount(missedTicks)} missed; ${captures} captures; ${last}.</p>`;
}

function portTable(ports: readonly RocePort[]): Html {
  if (ports.length === 0) return html``;
  return html`<table><tr><th>Port</th><th>Interface</th><th>Driver</th><th>Line</th><th>Counters</th><th>Peak received</th><th>Peak sent</th></tr>${ports.slice(0, rowsMax).map(portRow)}</table>`;
}

function portRow({ kind, device, port, netdev, driver, lineRate, counters, peaks, unreadable }: RocePort): Html {
  const peak = (direction: RocePeak['direction']) => peakText(peaks.find((one) => one.direction === direction));
  const left = unreadable.length === 0 ? '' : `, ${unreadable.length} unreadable`;
  return html`<tr><td class="names">${kind === 'rdma' ? `${device}/${port}` : device}</td><td class="names">${netdev}</td><td>${driver}</td><td>${lineRate === 0 ? 'not known' : gigabits(lineRate)}</td>
    <td>${formatCount(counters)}${left}</td><td>${peak('receive')}</td><td>${peak('transmit')}</td></tr>`;
}

function peakText(peak: RocePeak | undefined): string {
  if (peak === undefined) return '-';
  const bursts = peak.bursts === 0 ? '' : `, ${peak.bursts} bursts`;
  return `${formatBytes(peak.bytesPerSecond)}/s (${(peak.share * 100).toFixed(0)} %)${bursts}`;
}

/** As devices tell it. */
function gigabits(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 125_000_000).toLocaleString('en-US', { maximumFractionDigits: 1 })} Gb/s`;
}

function sourceTable(sources: readonly RoceSource[]): Html {
  if (sources.length === 0) return html``;
  return html`<table><tr><th>Source</th><th>Counters</th><th>Read every</th><th>Takes (p50, p99)</th><th>Changes every</th><th>Readings</th></tr>${sources.slice(0, rowsMax).map(sourceRow)}</table>`;
}

function sourceRow({ source, counters, effectiveIntervalSeconds, readP50Seconds, readP99Seconds, refreshSeconds, reads, failedReadings }: RoceSource): Html {
  const refresh = refreshSeconds === undefined ? '-' : refreshSeconds === 0 ? 'each reading' : millis(refreshSeconds);
  const failed = failedReadings === 0 ? '' : `, ${formatCount(failedReadings)} numbers missing`;
  return html`<tr><td class="names">${source}</td><td>${formatCount(counters)}</td><td>${millis(effectiveIntervalSeconds)}</td><td>${millis(readP50Seconds)}, ${millis(readP99Seconds)}</td>
    <td>${refresh}</td><td>${formatCount(reads)}${failed}</td></tr>`;
}

/** `0.012 ms`, `250 ms`. */
function millis(seconds: number): string {
  return `${(seconds * 1000).toLocaleString('en-US', { maximumFractionDigits: seconds < 0.001 ? 3 : 1 })} ms`;
}

function more(rows: number): Html {
  return rows > rowsMax ? html`<p>There are more: see /api/v1/status/roce.</p>` : html``;
}
