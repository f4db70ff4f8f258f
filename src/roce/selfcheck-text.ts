// A self-check for people: tables of what was found and measured, bursts, and verdicts. Pure.

import type { FoundPort } from './discover.ts';
import type { BurstReport, SamplerReport, SelfcheckReport, SourceReport } from './selfcheck.ts';

export interface Verdict {
  /** `bad` means that bursts will be missed or counters are. */
  readonly level: 'good' | 'note' | 'bad';
  readonly text: string;
}

/** Missed ticks that do not matter, as a share; what the bench allows. */
const missedShareMax = 0.002;
/** A share of one core that nobody minds. */
const cpuShareMax = 0.05;
/** Bursts printed; all of them are in the JSON. */
const burstsPrinted = 200;

const policies: Readonly<Record<SamplerReport['policy'], Verdict>> = {
  fifo: { level: 'good', text: 'scheduling: SCHED_FIFO is allowed' },
  nice: { level: 'note', text: 'scheduling: SCHED_FIFO is refused, nice -20 is allowed; on busy CPUs ticks will be missed. Grant CAP_SYS_NICE or an RTPRIO limit' },
  plain: { level: 'bad', text: 'scheduling: neither SCHED_FIFO nor nice is allowed; on busy CPUs up to a third of the ticks is missed. Grant CAP_SYS_NICE' },
  loop: { level: 'note', text: 'scheduling: the event loop; periods below 10 ms are not possible' },
};

/** What to think of it, the sampler first. */
export function verdictsOf(report: SelfcheckReport): Verdict[] {
  const { figures } = report;
  if (figures === undefined) return [{ level: 'bad', text: 'nothing to sample: no RDMA device and no network interface with counters was found' }];
  const sampler: Verdict = report.reason === undefined
    ? { level: 'good', text: 'sampler: native' }
    : { level: 'note', text: `sampler: TypeScript, because there is no native one: ${report.reason}` };
  return [sampler, policies[figures.policy], ...samplerVerdicts(figures), ...report.sources.flatMap(sourceVerdicts), ...report.ports.flatMap((port) => portVerdicts(port, report.lineRate === 0))];
}

function samplerVerdicts({ periodMs, counters, leftOut, ticks, missed, cpuShare, overwritten }: SamplerReport): Verdict[] {
  const share = missed / Math.max(1, ticks + missed);
  const verdicts: Verdict[] = [
    { level: share <= missedShareMax ? 'good' : 'bad', text: `every ${periodMs} ms: ${missed} of ${ticks + missed} ticks missed (${percent(share)})` },
    { level: cpuShare <= cpuShareMax ? 'good' : 'note', text: `every ${periodMs} ms: ${percent(cpuShare)} of a core` },
  ];
  if (overwritten > 0) verdicts.push({ level: 'bad', text: `every ${periodMs} ms: ${overwritten} rows lost, this process was not scheduled for seconds` });
  if (leftOut > 0) verdicts.push({ level: 'bad', text: `${leftOut} of ${counters + leftOut} counters were left out, ${counters} are read` });
  return verdicts;
}

function sourceVerdicts(report: SourceReport): Verdict[] {
  const { source, periodNs, refreshNs, moved, failedReadings, reads, counters, implausible } = report;
  const verdicts: Verdict[] = [];
  if (moved === 0) verdicts.push({ level: 'note', text: `${source}: nothing moved, so how often it refreshes is not known; try again under traffic` });
  if (refreshNs > 1.5 * periodNs) verdicts.push({ level: 'note', text: `${source}: refreshes every ${milliseconds(refreshNs)}; shorter bursts cannot be seen there` });
  if (failedReadings > 0) verdicts.push({ level: 'bad', text: `${source}: ${failedReadings} of ${reads * counters} readings failed` });
  if (implausible > 0) verdicts.push({ level: 'note', text: `${source}: ${implausible} intervals above the line rate; is the rate right?` });
  return verdicts;
}

function portVerdicts(port: FoundPort, speedIsMissing: boolean): Verdict[] {
  const verdicts: Verdict[] = [];
  if (port.lineRate === 0 && speedIsMissing) verdicts.push({ level: 'note', text: `${nameOf(port)}: the line rate is not known; --speed gives one, without it there are no bursts` });
  if (port.unreadable.length > 0) {
    const list = port.unreadable.map(({ name, reason }) => `${name} (${reason})`).join(', ');
    verdicts.push({ level: 'note', text: `${nameOf(port)}: left out as unreadable: ${list}` });
  }
  return verdicts;
}

/** The whole text, without the line of JSON. */
export function selfcheckText(report: SelfcheckReport): string {
  const parts = [
    table('Found', ['device', 'driver', 'link', 'line rate', 'counters', 'traffic', 'events'], report.ports.map(portRow)),
    table('Measured', ['source', 'every', 'counters', 'moved', 'read p50', 'read p99', 'read max', 'refresh'], report.sources.map(sourceRow)),
    table('Sampler', ['every', 'counters', 'policy', 'late p50', 'late p99', 'late max', 'missed', 'core'], report.figures === undefined ? [] : [samplerRow(report.figures)]),
    ...(report.bursts === undefined ? [] : [burstTable(report.bursts)]),
    table('Verdicts', [], verdictsOf(report).map(({ level, text }) => [level, text])),
  ];
  return `${parts.join('\n\n')}\n`;
}

function portRow(port: FoundPort): string[] {
  const counters = port.groups.flatMap((group) => group.counters);
  const traffic = new Set(counters.flatMap(({ meaning }) => meaning.traffic ?? []));
  const events = new Set(counters.flatMap(({ meaning }) => meaning.event ?? []));
  return [nameOf(port), port.driver || '-', port.linkLayer || '-', port.lineRate === 0 ? '?' : `${port.lineRate / 125_000_000} Gb/s`, `${counters.length}`, [...traffic].join(' ') || '-', [...events].join(' ') || '-'];
}

function sourceRow(source: SourceReport): string[] {
  const times = [source.readP50Ns, source.readP99Ns, source.readMaxNs].map(microseconds);
  return [source.source, `${source.periodNs / 1e6} ms`, `${source.counters}`, `${source.moved}`, ...times, source.refreshNs === 0 ? '?' : milliseconds(source.refreshNs)];
}

function samplerRow(sampler: SamplerReport): string[] {
  const times = [sampler.latenessP50Ns, sampler.latenessP99Ns, sampler.latenessMaxNs].map(microseconds);
  return [`${sampler.periodMs} ms`, `${sampler.counters}`, sampler.policy, ...times, `${sampler.missed}`, percent(sampler.cpuShare)];
}

function burstTable(bursts: readonly BurstReport[]): string {
  const rows = bursts.slice(0, burstsPrinted).map(({ startMs, device, port, direction, durationMs, bytes, peakShare }) =>
    [new Date(startMs).toISOString(), port === 0 ? device : `${device}/${port}`, direction, `${durationMs.toFixed(2)} ms`, `${bytes}`, percent(peakShare)]);
  const more = bursts.length > burstsPrinted ? `\n  ... and ${bursts.length - burstsPrinted} more` : '';
  return `${table(`Bursts (${bursts.length})`, ['begin', 'device', 'direction', 'duration', 'bytes', 'peak'], rows)}${more}`;
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `${title}\n  none`;
  const all = head.length === 0 ? rows : [head, ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
  return [title, ...lines].join('\n');
}

function nameOf({ kind, device, port }: FoundPort): string {
  return kind === 'rdma' ? `${device}/${port}` : device;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

function microseconds(ns: number): string {
  return `${(ns / 1000).toFixed(1)} us`;
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(1)} ms`;
}
