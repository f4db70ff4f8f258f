// What is told about the throughput of a port in one direction: peaks, utilisation, time above thresholds, bursts.

import { utilizationBuckets, utilizationEdge, type WindowRow } from '../reduction.ts';
import type { Direction } from '../vendors.ts';
import type { Distribution, DistributionShape } from './distribution.ts';
import { families, type RoceFamily } from './families.ts';
import { hasPeak, portLabels, type Feed, type FeedMaking } from './feed.ts';

/**
 * Utilisation comes in buckets that are those of schema 3 already; its classic edges are edges of these, nearest to 1, 10, 25, 50, 75 and 90 %, so that
 * every bucket is exact. 1 is the most: what timing makes more of stands there too.
 */
const utilizationShape: DistributionShape = { zeroThreshold: utilizationEdge(0), edges: [27, 53, 64, 72, 77, 79, 80].map(utilizationEdge) };
/** Prometheus' own threshold: no burst is as short. */
const smallest = 2 ** -128;
/** From a burst of two periods to one that fills a second. */
const durationShape: DistributionShape = { zeroThreshold: smallest, edges: [0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2] };
const bytesShape: DistributionShape = { zeroThreshold: smallest, edges: [1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11] };

export function feedThroughput(feed: Feed, direction: Direction, making: FeedMaking): void {
  feedPeak(feed, direction, making);
  // Nobody knows what the port can carry: no shares of it then.
  if (feed.planned.channel.rules.lineRate <= 0) return;
  feedUtilization(feed, direction, making);
  feedTimeAbove(feed, direction, making);
  feedBursts(feed, direction, making);
}

function feedPeak(feed: Feed, direction: Direction, { store }: FeedMaking): void {
  const labels = directed(feed, direction);
  const peak = store.claimValue(families.peak, labels);
  const time = store.claimValue(families.peakTime, labels);
  if (peak === undefined || time === undefined) return;
  feed.outlets.add(peak).add(time);
  feed.takers.push(({ row, windowMs, wallOffsetNs }) => {
    if (!hasPeak(row) || !peak.raise(row.peakRate, windowMs) || row.peakRate === 0) return;
    time.value = Math.round((row.peakAtNs + wallOffsetNs) / 1e6) / 1e3;
  });
}

function feedUtilization(feed: Feed, direction: Direction, making: FeedMaking): void {
  const distribution = distributionOf(feed, families.utilization, direction, utilizationShape, making);
  const { lineRate } = feed.planned.channel.rules;
  if (distribution !== undefined) feed.takers.push(({ row }) => addUtilization(distribution, row, lineRate));
}

function addUtilization(distribution: Distribution, row: WindowRow, lineRate: number): void {
  for (let bucket = 0; bucket < utilizationBuckets; bucket++) {
    const times = row.utilization[bucket] ?? 0;
    if (times > 0) distribution.addToBucket(bucket - (utilizationBuckets - 1), utilizationEdge(bucket), times);
  }
  // The window's mean share is known exactly from its bytes; the intervals are as good as equally long, so their sum is as many times the mean.
  if (row.coveredNs > 0) distribution.sum += row.intervals * Math.min(1, (row.units * 1e9) / (lineRate * row.coveredNs));
}

function feedTimeAbove(feed: Feed, direction: Direction, { plan, store }: FeedMaking): void {
  plan.sampler.reduction.thresholds.forEach((threshold, index) => {
    const above = store.claimValue(families.timeAbove, directed(feed, direction).set('threshold', String(threshold)), { partsPerUnit: 1e9 });
    if (above === undefined) return;
    above.add(0);
    feed.outlets.add(above);
    feed.takers.push(({ row }) => above.add(row.aboveNs[index] ?? 0));
  });
}

function feedBursts(feed: Feed, direction: Direction, making: FeedMaking): void {
  const bursts = making.store.claimValue(families.bursts, directed(feed, direction));
  const duration = distributionOf(feed, families.burstDuration, direction, durationShape, making);
  const bytes = distributionOf(feed, families.burstBytes, direction, bytesShape, making);
  if (bursts === undefined || duration === undefined || bytes === undefined) return;
  bursts.add(0);
  feed.outlets.add(bursts);
  feed.takers.push(({ row }) => bursts.add(row.bursts));
  feed.takeBurst = ({ durationNs, units }) => {
    duration.observe(durationNs / 1e9);
    bytes.observe(units);
  };
}

function distributionOf(feed: Feed, family: RoceFamily, direction: Direction, shape: DistributionShape, { store, settings }: FeedMaking): Distribution | undefined {
  const outlet = store.claimDistribution(family, directed(feed, direction), shape, settings.native);
  if (outlet !== undefined) feed.outlets.add(outlet);
  return outlet?.distribution;
}

function directed(feed: Feed, direction: Direction): Map<string, string> {
  return portLabels(feed.planned.port).set('direction', direction);
}
