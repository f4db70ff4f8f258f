// Where held samples of another process go: decided again from what was written down with them.

import type { RawInput } from '../queue/queue.ts';
import { decodeHeld, pieceOf } from './held-pieces.ts';
import type { HeldSample, HeldSeries } from './held-pieces.ts';
import { writeLabels } from './plan.ts';
import type { Plan } from './plan.ts';
import type { SeriesMetrics } from './series-metrics.ts';
import type { LabelMap } from '../model/labels.ts';

export interface HeldPlacement {
  /** By stream. */
  readonly parcels: ReadonlyMap<string, RawInput>;
  /** Samples that go nowhere: they are counted as unrouted. */
  readonly unrouted: number;
}

interface Placed {
  readonly labels: LabelMap;
  readonly samples: readonly HeldSample[];
}

/** Where the samples of a record go; undefined: a pod of it is still not known, and `mayWait`. */
export function placeHeld(body: Uint8Array, mayWait: boolean, plan: Plan, metrics: SeriesMetrics): HeldPlacement | undefined {
  const series = decodeHeld(body);
  if (mayWait && series.some((one) => decide(one, plan).isUnresolved)) return undefined;
  const byStream = new Map<string, Placed[]>();
  let unrouted = 0;
  for (const one of series) {
    metrics.unresolved(decide(one, plan).isUnresolved ? 'by_namespace' : 'resolved');
    const placed = place(one, plan, byStream, metrics);
    if (!placed) unrouted += one.samples.length;
  }
  return { parcels: new Map([...byStream].map(([name, own]) => [name, pieceOf(own)])), unrouted };
}

function decide({ labels, facts, page }: HeldSeries, { router }: Plan) {
  const target = router.open(facts);
  target.recallPage(page);
  const { set, unrouted, isUnresolved } = target.decide(labels);
  return router.hasRoutes ? { target, set, unrouted, isUnresolved } : { target, set: router.everything, unrouted: undefined, isUnresolved };
}

/** Returns whether it goes anywhere. */
function place(series: HeldSeries, plan: Plan, into: Map<string, Placed[]>, metrics: SeriesMetrics): boolean {
  const { labels, samples } = series;
  const { target, set, unrouted } = decide(series, plan);
  if (unrouted?.reason !== undefined) metrics.unrouted(unrouted.reason, unrouted.owner, samples.length);
  let isPlaced = false;
  for (const feed of plan.feeds) {
    const streams = feed.streams.filter(({ name }) => set.legs.some((leg) => leg.name === name));
    const own = streams.length === 0 ? undefined : writeLabels(feed, labels, () => target.provenance(labels));
    if (own === undefined || own.size === 0) continue;
    for (const { name } of streams) into.set(name, [...(into.get(name) ?? []), { labels: own, samples }]);
    isPlaced = true;
  }
  return isPlaced;
}
