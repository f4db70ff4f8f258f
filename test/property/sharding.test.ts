// Laws of sharding: a resize moves a member's share and nothing else, shares are even, replicas scrape at different moments. Fixed seeds: the
// hash is the same everywhere, so that these figures are exact.

import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/io/random.ts';
import type { Labels } from '../../src/model/labels.ts';
import { scrapeOffsetMs, scrapeSeed } from '../../src/scrape/schedule.ts';
import { createSharding } from '../../src/targets/sharding.ts';

const TARGETS = 4000;
/** Standard deviations that a random share may be off: beyond four is one case in fifteen thousand. */
const DEVIATIONS = 4;

function randomTargets(seed: number): Labels[] {
  const random = seededRandom(seed);
  const number = (below: number) => Math.floor(random.next() * below);
  return Array.from({ length: TARGETS }, (_, i) => [
    ['instance', `10.${number(4)}.${number(256)}.${number(256)}:${8000 + number(100)}`], ['job', `job-${number(40)}`], ['pod', `app-${number(500)}-${i}`],
  ]);
}

function ownersOf(members: number, replicationFactor: number): (labels: Labels) => number[] {
  const sharding = createSharding({ members, member: 0, replicationFactor })!;
  return (labels) => sharding.owners(labels);
}

const tolerance = (share: number) => DEVIATIONS * Math.sqrt(TARGETS * share * (1 - share));

describe.each([1, 2, 3])('seed %i', (seed) => {
  const targets = randomTargets(seed);

  test.each([2, 3, 4, 7, 12])('growing from %i members moves the share of the new one, and only to it', (members) => {
    const before = ownersOf(members, 1);
    const after = ownersOf(members + 1, 1);
    const moved = targets.filter((labels) => before(labels)[0] !== after(labels)[0]);
    expect(moved.filter((labels) => after(labels)[0] !== members)).toEqual([]);
    const share = 1 / (members + 1);
    expect(Math.abs(moved.length - TARGETS * share)).toBeLessThan(tolerance(share));
  });

  test.each([3, 5])('with two replicas among %i a new member takes at most one place of a target', (members) => {
    const before = ownersOf(members, 2);
    const after = ownersOf(members + 1, 2);
    const moved = targets.filter((labels) => String(before(labels)) !== String(after(labels)));
    for (const labels of moved) {
      expect(after(labels)).toContain(members);
      expect(before(labels).filter((member) => !after(labels).includes(member)).length).toBe(1);
    }
    const share = 2 / (members + 1);
    expect(Math.abs(moved.length - TARGETS * share)).toBeLessThan(tolerance(share));
  });

  test.each([[2, 1], [4, 1], [4, 2], [10, 3]])('%i members, %i replicas: shares are even', (members, factor) => {
    const owners = ownersOf(members, factor);
    const counts = Array.from({ length: members }, () => 0);
    for (const member of targets.flatMap(owners)) counts[member]!++;
    const share = factor / members;
    for (const count of counts) expect(Math.abs(count - TARGETS * share)).toBeLessThan(tolerance(share));
  });

  test('two replicas of a target share a moment of the interval no more often than by chance', () => {
    const offset = (labels: Labels, member: number) =>
      scrapeOffsetMs(String(labels), scrapeSeed('host', { externalLabels: new Map(), sharding: { members: 2, member, replicationFactor: 2 } }), 60_000);
    const equal = targets.filter((labels) => offset(labels, 0) === offset(labels, 1)).length;
    const share = 1 / 240;
    expect(equal).toBeLessThan(TARGETS * share + tolerance(share));
  });
});
