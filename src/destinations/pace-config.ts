// How fast a destination is sent to: `tributary.destinations.<name>.pace`, with bandwidths by the time of day.

import { compact } from '../config/build.ts';
import { block, defaultBlock, fail, key, optional, report } from '../config/schema.ts';
import type { Block, Type, Values } from '../config/schema.ts';
import { float, int, listOf, size, text } from '../config/types.ts';

/** A part of the day with a bandwidth of its own. Minutes since midnight, UTC; `from` may be after `to`, across midnight. */
export interface PacePeriod {
  readonly fromMinute: number;
  readonly toMinute: number;
  /** 0 = nothing is sent. */
  readonly bytesPerSecond: number;
}

/** Ceilings that are never exceeded; what is absent is learned from the receiver. */
export interface PaceSettings {
  /** Samples, exemplars and metadata entries. */
  readonly itemsPerSecond?: number;
  /** What the receiver takes at once; a request holds at most a quarter of it. */
  readonly burstItems?: number;
  readonly requestsPerSecond?: number;
  /** Of compressed bodies. */
  readonly bytesPerSecond?: number;
  readonly schedule: readonly PacePeriod[];
}

const minutesOfDay: Type<number> = {
  ...text,
  name: 'time of day',
  zero: 0,
  print: (value) => `${String(Math.floor(value / 60)).padStart(2, '0')}:${String(value % 60).padStart(2, '0')}`,
  read(node, path, context) {
    const written = text.read(node, path, context);
    const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(written ?? '');
    if (written === undefined) return undefined;
    const minutes = match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * 60 + Number(match[2]);
    return minutes <= 1440 ? minutes : report(context, node.at, path, `${JSON.stringify(written)} is no time of day, expected 00:00 to 24:00 (UTC)`);
  },
};

const periodKeys = {
  from: key(minutesOfDay, 0, 'Begin, UTC.', { unit: 'time of day' }),
  to: key(minutesOfDay, 1440, 'End, UTC; before `from` it is that of the next day.', { unit: 'time of day' }),
  bytes_per_second: key(size, 0, 'Bandwidth of compressed bodies; 0 sends nothing.', { unit: 'bytes', limit: '0 or more' }),
};
const periodBlock = block(periodKeys, {
  check(at) {
    if (at.values.from === at.values.to) fail(at, 'to', '`from` and `to` are equal, expected a period of the day');
    if (at.values.bytes_per_second < 0) fail(at, 'bytes_per_second', 'bytes_per_second is below 0');
  },
});

export const paceKeys = {
  items_per_second: optional(float, 'Most samples, exemplars and metadata entries a second.', { limit: 'above 0', defaultText: 'learned from 429' }),
  burst_items: optional(int, 'What the receiver takes at once; a request holds at most a quarter of it.', { limit: '4 or more, at least items_per_second', defaultText: 'learned from 429' }),
  requests_per_second: optional(float, 'Most requests a second.', { limit: 'above 0', defaultText: 'no limit' }),
  bytes_per_second: optional(size, 'Bandwidth of compressed bodies.', { unit: 'bytes', limit: 'above 0', defaultText: 'no limit' }),
  schedule: key(listOf(periodBlock, 'empty or null period'), [], 'Parts of the day with another bandwidth, for links that cost by the hour; the first that fits counts.'),
};
export const paceBlock = block(paceKeys, { nullIsDefault: true, check: checkPace });

function checkPace(at: Block<typeof paceKeys>): void {
  const { items_per_second: items, burst_items: burst } = at.values;
  for (const name of ['items_per_second', 'requests_per_second', 'bytes_per_second'] as const) {
    const value = at.values[name];
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) fail(at, name, `${name} is ${value}, expected above 0`);
  }
  if (burst !== undefined && burst < 4) fail(at, 'burst_items', `burst_items is ${burst}, expected 4 or more: a request holds a quarter of it`);
  else if (items !== undefined && burst !== undefined && items > burst) {
    fail(at, 'items_per_second', `a pace of ${items} items a second is above the burst of ${burst} items, expected at most burst_items`);
  }
}

export function buildPace(values: Values<typeof paceKeys> = defaultBlock(paceKeys).values): PaceSettings {
  return compact({
    itemsPerSecond: values.items_per_second,
    burstItems: values.burst_items,
    requestsPerSecond: values.requests_per_second,
    bytesPerSecond: values.bytes_per_second,
    schedule: values.schedule.map(({ values: period }) => ({ fromMinute: period.from, toMinute: period.to, bytesPerSecond: period.bytes_per_second })),
  });
}
