// Every recorded case against the built program: the pages are served, the program scrapes all of them at once, every second, and what it
// writes is decoded and compared with what Prometheus 3.14 sent. A case that differs after the machine was too busy to scrape it in
// time is repeated with the others of its kind; one that differs without such an excuse fails.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startReceiver } from '../support/receiver.ts';
import type { Receiver } from '../support/receiver.ts';
import { startCasePages } from './support/case-pages.ts';
import type { CasePages } from './support/case-pages.ts';
import { endAll } from './support/process.ts';
import { Arrival, configurationOf, differences, isDisturbed, moved, readCases } from './support/scrape-cases.ts';
import type { ScrapeCase } from './support/scrape-cases.ts';
import { startTributary, workplace } from './support/tributary.ts';

/** Six scrapes take 6 s, 12 s with the longest interval; the rest is for a busy machine. */
const DELIVERED_WITHIN_MS = 120_000;
const ROUNDS_MAX = 4;

const cases = readCases();
const outcomes = new Map<string, readonly string[]>();

beforeAll(async () => {
  let open: readonly ScrapeCase[] = cases;
  for (let round = 1; round <= ROUNDS_MAX && open.length > 0; round++) open = await scrapeAll(open);
}, ROUNDS_MAX * (DELIVERED_WITHIN_MS + 60_000));

afterAll(endAll);

describe('recorded scrapes of Prometheus 3.14', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', (name) => {
    expect(outcomes.get(name)).toEqual([]);
  });
});

/** Runs the program until every case was scraped often enough; returns the cases that the machine disturbed. */
async function scrapeAll(all: readonly ScrapeCase[]): Promise<ScrapeCase[]> {
  const startMs = Date.now();
  const pages = await startCasePages(new Map(all.map((one) => [one.metrics_path, one.pages])));
  const receiver = await startReceiver();
  try {
    const here = all.map((one) => moved(one, pages.port));
    const arrivals = await collect(here, pages, receiver);
    const disturbed: ScrapeCase[] = [];
    for (const [i, one] of here.entries()) {
      const arrival = arrivals.get(one.name)!;
      const found = differences(one, arrival, pages.baseMs(one.metrics_path), startMs);
      if (pages.isAsked(one.metrics_path) !== one.scraped) found.push(one.scraped ? 'was never scraped' : 'was scraped');
      if (!arrival.isComplete) found.unshift(`only ${arrival.scrapesMs.length} scrapes arrived within ${DELIVERED_WITHIN_MS} ms`);
      outcomes.set(one.name, found);
      if (found.length > 0 && isDisturbed(one, arrival)) disturbed.push(all[i]!);
    }
    return disturbed;
  } finally {
    await Promise.all([pages.stop(), receiver.stop()]);
  }
}

async function collect(here: readonly ScrapeCase[], pages: CasePages, receiver: Receiver): Promise<ReadonlyMap<string, Arrival>> {
  const arrivals = new Map(here.map((one) => [one.name, new Arrival(one)]));
  let taken = 0;
  /** Sorts what has come since the last look by case. Series of other jobs were not recorded. */
  const take = (): boolean => {
    for (; taken < receiver.requests.length; taken++) {
      for (const { labels, samples } of receiver.requests[taken]!.content?.series ?? []) {
        const named = Object.fromEntries(labels);
        arrivals.get(named['job'] ?? '')?.add(named, samples);
      }
    }
    return [...arrivals.values()].every((arrival) => arrival.isComplete);
  };
  const program = await startTributary(workplace(configurationOf(here, pages.port, receiver.url)));
  // Scrapes that are missing in the end are the failure of their cases, not of all.
  await receiver.until(take, DELIVERED_WITHIN_MS).catch(() => undefined);
  const code = await program.stop();
  if (code !== 0) throw new Error(`the program ended with ${code}:\n${program.output().slice(-3000)}`);
  take();
  return arrivals;
}
