// Where held samples of another process go: decided again from what was written down with them.

import type { RawInput } from '../queue/queue.ts';
import type { Unrouted } from '../route/route.ts';
import { decodeHeld, pieceOf } from './held-pieces.ts';
import type { HeldItems, HeldSeries } from './held-pieces.ts';
import { writeLabels } from './plan.ts';
import type { Plan } from './plan.ts';
import type { SeriesMetrics } from './series-metrics.ts';

export interface HeldPlacement {
  /** By stream. */
  readonly parcels: ReadonlyMap<string, RawInput>;
  /** Samples that go nowhere. */
  readonly unrouted: number;
  /** Counts how waiting ended and what goes nowhere; once, when the record has moved: it is placed anew as long as a stream has no room. */
  readonly count: () => void;
}

/** Where the samples of a record go; undefined: a pod of it is still not known, and `mayWait`. */
export function placeHeld(body: Uint8Array, mayWait: boolean, plan: Plan, metrics: SeriesMetrics): HeldPlacement | undefined {
  const series = decodeHeld(body);
  if (mayWait && series.some((one) => decide(one, plan).isUnresolved)) return undefined;
  const byStream = new Map<string, HeldItems[]>();
  const ends = series.map((one) => place(one, plan, byStream));
  return {
    parcels: new Map([...byStream].map(([name, own]) => [name, pieceOf(own)])),
    unrouted: ends.reduce((sum, { isPlaced, samples }) => sum + (isPlaced ? 0 : samples), 0),
    count: () => ends.forEach((end) => countEnd(end, metrics)),
  };
}

/** What became of a series. */
interface End {
  readonly isPlaced: boolean;
  readonly isUnresolved: boolean;
  readonly unrouted: Unrouted | undefined;
  readonly samples: number;
}

function countEnd({ isUnresolved, unrouted, samples }: End, metrics: SeriesMetrics): void {
  metrics.unresolved(isUnresolved ? 'by_namespace' : 'resolved');
  if (unrouted?.reason !== undefined) metrics.unrouted(unrouted.reason, unrouted.owner, samples);
}

function decide({ labels, facts, page }: HeldSeries, { router }: Plan) {
  const target = router.open(facts);
  target.recallPage(page);
  const { set, unrouted, isUnresolved } = target.decide(labels);
  return router.hasRoutes ? { target, set, unrouted, isUnresolved } : { target, set: router.everything, unrouted: undefined, isUnresolved };
}

function place(series: HeldSeries, plan: Plan, into: Map<string, HeldItems[]>): End {
  const { labels, samples, histograms = [] } = series;
  const { target, set, unrouted, isUnresolved } = decide(series, plan);
  let isPlaced = false;
  for (const feed of plan.feeds) {
    const streams = feed.streams.filter(({ name }) => set.legs.some((leg) => leg.name === name));
    const own = streams.length === 0 ? undefined : writeLabels(feed, labels, () => target.provenance(labels));
    if (own === undefined || own.size === 0) continue;
    for (const { name } of streams) put(into, name, { labels: own, samples, histograms });
    isPlaced = true;
  }
  return { isPlaced, isUnresolved, unrouted, samples: samples.length + histograms.length };
}

function put(into: Map<string, HeldItems[]>, name: string, placed: HeldItems): void {
  const known = into.get(name);
  if (known === undefined) into.set(name, [placed]);
  else known.push(placed);
}
