// The end of a scrape: what its branches have collected goes to the streams, with a tally of what became of the rest. A record is made once per outlet, whatever number
// of streams it goes to.
//
// The account of a stream speaks of every scrape of which it gets anything: scraped = failed + relabelled + limited + unrouted + appended. What went to other
// branches is unrouted for it; that is counted from what those branches collected.

import type { RawInput, SamplesInput, Stream, Tally } from '../queue/queue.ts';
import type { Budget } from '../route/budget.ts';
import type { Unrouted } from '../route/route.ts';
import type { Branch } from './branch.ts';
import type { Collected, Outlet } from './outlet.ts';
import type { ExtraSample } from './page-samples.ts';
import type { ScrapeCounts } from './report.ts';
import type { Scratch } from './scratch.ts';
import type { SeriesMetrics } from './series-metrics.ts';
import type { Strays } from './strays.ts';
import type { TargetVolume } from './volume.ts';

/** What one scrape brought. */
export interface Yield {
  readonly scratch: Scratch;
  readonly extras: readonly ExtraSample[];
  /** Of earlier scrapes, of series that waited until it was known where they go. */
  readonly late: readonly ExtraSample[];
  readonly timestampMs: number;
  /** It had a page whose samples count. */
  readonly accepted: boolean;
  readonly counts: ScrapeCounts;
  /** A ready piece of a write request per outlet. */
  readonly exemplars: (outlet: Outlet) => RawInput | undefined;
}

/** The series of one target, where they go, and where it is told how much that is. */
interface Source {
  readonly branches: readonly Branch[];
  readonly strays: Strays;
  readonly volume: TargetVolume;
}

/** What goes to one stream. */
interface Parcel {
  readonly records: SamplesInput[];
  readonly exemplars: RawInput[];
  /** Samples of the scrape that its branches had. */
  present: number;
  /** Beyond the scrape's own samples: markers of series that left, and what had waited. */
  further: number;
  merged: number;
  mergedByRules: number;
  unrouted: number;
}

/** Appends everything to the streams. Returns how many markers were written for series that left. */
export function emit({ branches, strays, volume }: Source, scrape: Yield, metrics: SeriesMetrics): number {
  const parcels = new Map<Stream, Parcel>();
  const tell = ({ reason, owner }: Unrouted, samples: number) => void (reason !== undefined && metrics.unrouted(reason, owner, samples));
  let present = strays.count(scrape.scratch, scrape.extras, tell);
  strays.countLate(scrape.late, tell);
  let farewells = 0;
  // Positions of what left hold in the image as it is: collecting may build another one.
  for (const { outlets } of branches) for (const outlet of outlets) if (outlet.hasLeft) farewells += sayFarewell(outlet, scrape.timestampMs, parcels);
  for (const branch of branches) present += collectBranch(branch, scrape, parcels, metrics);
  let bytes = 0;
  for (const [stream, parcel] of parcels) {
    append(stream, parcel.records, tallyOf(parcel, scrape.counts, present));
    for (const piece of parcel.exemplars) stream.append([piece]);
    for (const { column } of parcel.records) bytes += column.length;
    for (const { body } of parcel.exemplars) bytes += body.length;
  }
  const { scraped, failed, relabelled, limited } = scrape.counts;
  volume.note({ timestampMs: scrape.timestampMs, samples: scraped - failed - relabelled - limited, bytes, accepted: scrape.accepted });
  return farewells;
}

/** Returns the samples that the scrape has of this branch. */
function collectBranch(branch: Branch, scrape: Yield, parcels: Map<Stream, Parcel>, metrics: SeriesMetrics): number {
  const { scratch, extras, timestampMs } = scrape;
  branch.turn++;
  let present = 0;
  const admitted = new Map<Budget, boolean>();
  for (const outlet of branch.outlets) {
    const collected = outlet.collect(scratch, extras, timestampMs);
    const late = scrape.late.length === 0 ? noRecords : outlet.collectLate(scrape.late);
    const piece = outlet.exemplarStreams.length === 0 ? undefined : scrape.exemplars(outlet);
    present = collected.appended + collected.merged + collected.dropped;
    for (const stream of outlet.streams) {
      const parcel = parcelOf(stream, parcels);
      for (const record of late) {
        parcel.records.push(record);
        parcel.further += record.samples;
      }
      const budget = branch.budgetOf(stream.name);
      if (budget !== undefined && !isAdmitted(budget, { samples: present, turn: branch.turn, timestampMs, admitted })) leaveOut(outlet, collected, scrape, parcel, metrics);
      else pack(outlet, collected, parcel);
      if (piece !== undefined && outlet.exemplarStreams.includes(stream)) parcel.exemplars.push(piece);
      parcel.present += present;
    }
  }
  return present;
}

const noRecords: readonly SamplesInput[] = [];

function isAdmitted(budget: Budget, scrape: { samples: number; turn: number; timestampMs: number; admitted: Map<Budget, boolean> }): boolean {
  let known = scrape.admitted.get(budget);
  if (known === undefined) scrape.admitted.set(budget, (known = budget.admits(scrape.samples, scrape.turn, scrape.timestampMs)));
  return known;
}

function pack(outlet: Outlet, collected: Collected, parcel: Parcel): void {
  parcel.records.push(...collected.records);
  if (outlet.hasRules) parcel.mergedByRules += collected.merged;
  else parcel.merged += collected.merged;
  parcel.unrouted += collected.dropped;
}

/** Above the budget only markers go: a series that ended must not seem to go on. */
function leaveOut(outlet: Outlet, collected: Collected, { scratch, timestampMs }: Yield, parcel: Parcel, metrics: SeriesMetrics): void {
  const markers = outlet.collectMarkers(scratch, timestampMs);
  if (markers !== undefined) parcel.records.push(markers);
  const left = collected.appended - (markers?.samples ?? 0);
  metrics.unrouted('budget', '', left);
  parcel.unrouted += left + collected.merged + collected.dropped;
}

function sayFarewell(outlet: Outlet, timestampMs: number, parcels: Map<Stream, Parcel>): number {
  let markers = 0;
  for (const { streams, record } of outlet.farewells(timestampMs)) {
    markers += record.samples;
    for (const stream of streams) {
      const parcel = parcelOf(stream, parcels);
      parcel.records.push(record);
      parcel.further += record.samples;
    }
  }
  return markers;
}

function parcelOf(stream: Stream, parcels: Map<Stream, Parcel>): Parcel {
  let parcel = parcels.get(stream);
  if (parcel === undefined) parcels.set(stream, (parcel = { records: [], exemplars: [], present: 0, further: 0, merged: 0, mergedByRules: 0, unrouted: 0 }));
  return parcel;
}

/** With write rules, several series of the same labels are put down to them. `present`: what all branches had. */
function tallyOf(parcel: Parcel, counts: ScrapeCounts, present: number): Tally {
  return {
    scraped: counts.scraped + parcel.further,
    failed: counts.failed,
    limited: counts.limited,
    relabelled: counts.relabelled + parcel.merged,
    unrouted: parcel.unrouted + parcel.mergedByRules + present - parcel.present,
  };
}

/** The tally rides on the first record and speaks of that one alone; one that says no more than the record itself stays away. */
function append(stream: Stream, records: readonly SamplesInput[], tally: Tally): void {
  const [first, ...others] = records;
  if (first === undefined) {
    if (tally.scraped > 0) stream.count(tally);
    return;
  }
  let { scraped } = tally;
  for (const { samples } of others) scraped -= samples;
  const isPlain = scraped === first.samples && tally.failed + tally.relabelled + tally.limited + tally.unrouted === 0;
  stream.append(isPlain ? records : [{ ...first, tally: { ...tally, scraped: Math.max(0, scraped) } }, ...others]);
}
