// The two accounting identities and the alarms of a destination: judged here once, for the page and for the API.

import type { DestinationView } from './destination-view.ts';
import { formatAge, formatCount, formatForecast, formatRate } from './page-text.ts';

type Accounts = Pick<DestinationView, 'counters'>;

/** appended + moved in = acknowledged + deduplicated + lost + pending. */
export function identityHolds({ counters }: Accounts): boolean {
  return counters.appended + counters.movedIn === counters.acknowledged + counters.deduplicated + lostSamples({ counters }) + counters.pending;
}

/** scraped = failed + relabelled + limited + unrouted + appended. */
export function scrapeIdentityHolds({ counters: { scrape, appended } }: Accounts): boolean {
  return scrape.scraped === scrape.failed + scrape.relabelled + scrape.limited + scrape.unrouted + appended;
}

export function lostSamples({ counters }: Accounts): number {
  return Object.values(counters.lost).reduce((sum, samples) => sum + samples, 0);
}

export interface Alarm {
  readonly kind: 'parked' | 'falling_behind' | 'queue_full' | 'queue_blocked' | 'queue_failing' | 'identity_broken';
  /** What is wrong and what it means, for people. */
  readonly text: string;
}

/** What somebody should look at now; empty when all is well. */
export function alarmsOf(view: DestinationView): Alarm[] {
  const alarms: Alarm[] = [];
  if (view.state === 'parked') alarms.push({ kind: 'parked', text: `sending stopped until somebody changes something (credentials, path, certificate); nothing is dropped. Last error: ${view.lastError}` });
  if (view.isFallingBehind) alarms.push({ kind: 'falling_behind', text: fallingBehindText(view) });
  if (view.queueMode === 'full') alarms.push({ kind: 'queue_full', text: `disk or quota refuses samples. ${view.queueError}`.trimEnd() });
  if (view.isBlocked) alarms.push({ kind: 'queue_blocked', text: 'there is no room and the policy is `block`: nothing is scraped until there is' });
  if (view.queueMode === 'failing') alarms.push({ kind: 'queue_failing', text: `the disk of the queue fails. ${view.queueError}`.trimEnd() });
  if (!identityHolds(view)) alarms.push({ kind: 'identity_broken', text: 'the accounts of the queue do not add up: please report it' });
  if (!scrapeIdentityHolds(view)) alarms.push({ kind: 'identity_broken', text: 'the accounts of the scrapes do not add up: please report it' });
  return alarms;
}

function fallingBehindText(view: DestinationView): string {
  const rate = view.live.samplesPerSecond + (view.backfill?.samplesPerSecond ?? 0);
  const room = view.outageHours === undefined ? '' : `; at the present rate the free quota holds ${formatForecast(view.outageHours * 3600)} of data`;
  return `more comes in than goes out, which is ${formatRate(rate, 'samples')}; ${formatCount(view.counters.pending)} samples wait, the oldest for ${formatAge(view.oldestUnsentAgeSeconds)}${room}`;
}
