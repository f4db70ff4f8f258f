// Law: whatever a script gives the addon, it takes it or throws a TypeError or RangeError, and what it takes runs. A native crash would end this process.

import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import { loadNativeSampler, type NativeAddon } from '../../src/roce/native-sampler.ts';
import { windowRowNumbers } from '../../src/roce/reduction.ts';
import { channelOf, fileChannel, planOf, steadySource } from '../support/sampler-plan.ts';

const loaded = loadNativeSampler();
const seed = Number(process.env['SEED'] ?? 20261129);
const rounds = 4000;
const file = '/sys/class/net/lo/statistics/rx_bytes';

const hostile: readonly unknown[] = [
  undefined, null, true, false, NaN, Infinity, -Infinity, -0, -1, 0.5, 1, 64, 65, 4096, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 5e-324, 1n, '', 'a', 'auto', 'learn', 'link', '\0', 'x\0y', '\ud800',
  'x'.repeat(5000), Symbol('s'), {}, [], [undefined], Array.from({ length: 5000 }), () => 1, new Date(NaN), new Map(), new Proxy({}, {}), new Proxy([], {}), new Float64Array(3),
  Object.create(null), { valueOf: () => 1 }, { toString: () => 'a' }, { length: 2 ** 32 }, { kind: 'file' }, { kind: 'link', link: 'lo', field: 0 },
];

function good(): Record<string, unknown> {
  const channels = [
    fileChannel('a', file, { isEvent: true }), channelOf('a', { kind: 'link', link: 'lo', field: 2 }, { port: 3, isCaptured: true, rules: { bits: 64, saturates: false, multiplier: 4, lineRate: 1e9, refreshNs: 'learn' } }),
    fileChannel('b', `${file}-absent`, { port: 3 }),
  ];
  const plan = planOf(channels, { sources: [steadySource('a', 1e6), steadySource('b', 1e8, { thread: 'slow', escalatedPeriodNs: 1e7 })] });
  return structuredClone({ ...plan, capture: { preNs: 5e7, postNs: 1e8, maxNs: 2e9 }, reduction: { ...plan.reduction, alignNs: 0 }, ringBytes: 1 << 16 });
}

test.runIf('addon' in loaded)(`hostile arguments never end the process (seed ${seed})`, () => {
  if (!('addon' in loaded)) return;
  const random = seededRandom(seed);
  const outcomes = { taken: 0, TypeError: 0, RangeError: 0 };
  for (let round = 0; round < rounds; round++) {
    const options = good();
    for (let change = Math.floor(random.next() * 3); change >= 0; change--) spoil(options, () => random.next());
    outcomes[attempt(loaded.addon, options, round % 50 === 0)]++;
  }
  console.log(`seed ${seed}: ${JSON.stringify(outcomes)}`);
  expect(Object.values(outcomes).every((count) => count > 0)).toBe(true);
});

describe.runIf('addon' in loaded)('an array that changes while it is read', () => {
  test.each(['thresholds', 'sources', 'channels'] as const)('%s that grow are as many as they were', (name) => {
    if (!('addon' in loaded)) return;
    const options = good();
    const array = arrayIn(options, name);
    changeWhenRead(array, 0, () => array.push(...Array.from({ length: 5000 }, () => array.at(-1))));
    const sampler = new loaded.addon.Sampler(options);
    expect(sampler.figures().sources).toHaveLength(2);
    sampler.start();
    sampler.stop();
    expect(new Set(sampler.drain().windows.filter((_, i) => i % windowRowNumbers === 0)).size).toBeLessThanOrEqual(3);
  });

  test.each(['thresholds', 'sources', 'channels'] as const)('%s that shrink lack what is gone', (name) => {
    if (!('addon' in loaded)) return;
    const options = good();
    const array = arrayIn(options, name);
    changeWhenRead(array, 0, () => (array.length = 1));
    expect(attempt(loaded.addon, options, false)).toBe('TypeError');
  });
});

function arrayIn(options: Record<string, unknown>, name: 'thresholds' | 'sources' | 'channels'): unknown[] {
  const array = (name === 'thresholds' ? (options['reduction'] as { thresholds: unknown[] }).thresholds : options[name]) as unknown[];
  expect(array.length).toBeGreaterThan(1);
  return array;
}

function changeWhenRead(array: unknown[], at: number, change: () => void): void {
  const value = array[at];
  Object.defineProperty(array, at, {
    configurable: true, enumerable: true,
    get: () => {
      change();
      return value;
    },
  });
}

/** Replaces one value somewhere below `object`, removes it, or puts a getter in its place. */
function spoil(object: object, next: () => number): void {
  const keys = Object.keys(object);
  const key = keys[Math.floor(next() * keys.length)];
  if (key === undefined) return;
  const value = Reflect.get(object, key) as unknown;
  if (typeof value === 'object' && value !== null && !hostile.includes(value) && next() < 0.85) return spoil(value, next);
  const other = hostile[Math.floor(next() * hostile.length)];
  const how = next();
  // Longer or shorter each time it is asked.
  if (Array.isArray(object) && how < 0.05) return changeWhenRead(object, Number(key), () => (object.length = Math.max(Number(key) + 1, Math.floor(next() * 100))));
  if (how < 0.1) Reflect.deleteProperty(object, key);
  // Another answer each time it is asked.
  else if (how < 0.25) Object.defineProperty(object, key, { get: () => (next() < 0.5 ? value : other), configurable: true, enumerable: true });
  else Reflect.set(object, key, other);
}

function attempt({ Sampler }: NativeAddon, options: object, isRun: boolean): 'taken' | 'TypeError' | 'RangeError' {
  try {
    const sampler = new Sampler(options);
    if (isRun) sampler.start();
    sampler.drain();
    sampler.figures();
    sampler.stop();
    return 'taken';
  } catch (error) {
    expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
    return error instanceof TypeError ? 'TypeError' : 'RangeError';
  }
}
