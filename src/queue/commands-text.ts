// What `queue list` and `queue inspect` print for people: plain lines, one subject after the other.

import type { CommandSpecimen, StreamDetails } from './command-queue.ts';
import type { StreamCounters, StreamState } from './queue.ts';
import type { RefusedEntry } from './refused.ts';

/** Rows of one kind that are printed; the rest is a number. */
const ROWS_MAX = 20;
/** Of an answer on one line, characters. */
const ANSWER_CHARACTERS = 300;

export interface InspectInput {
  readonly state: StreamState | undefined;
  readonly details: StreamDetails | undefined;
  readonly removedMs: number | undefined;
  readonly ids: readonly string[];
  /** Undefined for a damaged one; as `ids`. */
  readonly entries: readonly (RefusedEntry | undefined)[];
  /** Undefined when no agent runs. */
  readonly specimens: readonly CommandSpecimen[] | undefined;
}

export function listLines(name: string, state: StreamState | undefined, more: { readonly entries: number; readonly removedMs: number | undefined }): string[] {
  const quarantined = `  quarantined   ${more.entries} entries`;
  if (state === undefined) return [name, '  only quarantined samples are left', quarantined, ''];
  return [name, ...stateLines(state, more.removedMs), quarantined, ''];
}

export function inspectLines(name: string, input: InspectInput): string[] {
  const { state, details, removedMs } = input;
  return [
    name,
    ...(state === undefined ? ['  only quarantined samples are left'] : stateLines(state, removedMs)),
    ...(state?.lastError === undefined ? [] : [`  last error    ${state.lastError}`]),
    ...(details === undefined ? [] : detailLines(details)),
    ...specimenLines(input.specimens),
    ...refusedLines(input.ids, input.entries),
  ];
}

function stateLines(state: StreamState, removedMs: number | undefined): string[] {
  const { counters } = state;
  return [
    `  destination   ${removedMs === undefined ? 'present' : `removed ${isoTime(removedMs)}`}`,
    `  mode          ${state.mode}`,
    `  pending       ${counters.pending} samples in ${state.pendingRecords} records, ${state.pendingBytes} bytes`,
    `  on disk       ${state.diskBytes} bytes in ${state.segments} segments`,
    `  samples from  ${isoTime(state.oldestPendingMs)} (oldest pending) to ${isoTime(state.newestMs)} (newest)`,
    `  identity      ${identityText(counters)}`,
  ];
}

/** Both sides of the identity, and whether they are equal. */
export function identityText(counters: StreamCounters): string {
  const { appended, movedIn, acknowledged, deduplicated, lost, pending } = counters;
  const losses = Object.entries(lost).filter(([, samples]) => samples > 0);
  const out = [['acknowledged', acknowledged], ['deduplicated', deduplicated], ...losses, ['pending', pending]] as const;
  const total = out.reduce((sum, [, samples]) => sum + samples, 0);
  const right = out.map(([word, samples]) => `${word} ${samples}`).join(' + ');
  const holds = appended + movedIn === total ? 'holds' : `does NOT hold, ${appended + movedIn - total} samples are unaccounted for`;
  return `appended ${appended} + moved in ${movedIn} = ${right}: ${holds}`;
}

function detailLines({ segments, pending }: StreamDetails): string[] {
  const rows = segments.map(segmentLine);
  const ranges = pending.map((range) => `    records ${range.first} to ${range.last}, ${range.samples} samples`);
  return ['  segments', ...shortened(rows), '  not settled', ...shortened(ranges)];
}

/** A segment may hold nothing but a checkpoint. */
function segmentLine({ file, first, last, bytes, oldestMs, newestMs }: StreamDetails['segments'][number]): string {
  if (last < first) return `    ${file}  no records, ${bytes} bytes`;
  return `    ${file}  records ${first} to ${last}, ${bytes} bytes, ${isoTime(oldestMs)} to ${isoTime(newestMs)}`;
}

function specimenLines(specimens: readonly CommandSpecimen[] | undefined): string[] {
  if (specimens === undefined) return ['  answers       no collector runs, so the last answers are not known'];
  const rows = specimens.map((s) => `    ${isoTime(s.atMs)} ${s.reason}: status ${s.status}, ${s.samples} samples${s.series === undefined ? '' : `, ${oneLine(s.series)}`}: ${oneLine(s.body)}`);
  return ['  last answer of each reason', ...shortened(rows)];
}

function refusedLines(ids: readonly string[], entries: readonly (RefusedEntry | undefined)[]): string[] {
  const groups = new Map<string, RefusedEntry[]>();
  for (const entry of entries) if (entry !== undefined) groups.set(entry.reason, [...(groups.get(entry.reason) ?? []), entry]);
  const damaged = ids.filter((_, i) => entries[i] === undefined);
  const rows = [...groups].flatMap(([reason, group]) => groupLines(reason, group));
  return ['  quarantined', ...shortened(rows), ...(damaged.length === 0 ? [] : [`    damaged: ${damaged.length} entries, such as ${damaged[0]}`])];
}

function groupLines(reason: string, group: readonly RefusedEntry[]): string[] {
  const first = group[0]!;
  const last = group.at(-1)!;
  const samples = group.reduce((sum, entry) => sum + entry.samples, 0);
  return [
    `    ${reason}: ${group.length} entries, ${samples} samples, ${isoTime(first.atMs)} to ${isoTime(last.atMs)}`,
    `      such as ${last.id}: status ${last.status}${last.series === undefined ? '' : `, ${oneLine(last.series)}`}: ${oneLine(last.answer)}`,
  ];
}

function shortened(rows: readonly string[]): string[] {
  if (rows.length === 0) return ['    none'];
  return rows.length <= ROWS_MAX ? [...rows] : [...rows.slice(0, ROWS_MAX), `    and ${rows.length - ROWS_MAX} more`];
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, ANSWER_CHARACTERS);
}

function isoTime(ms: number | undefined): string {
  return ms !== undefined && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '-';
}
