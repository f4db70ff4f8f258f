// The outage matrix: how long the link is down, what else happens in the middle of it, and who receives. Every cell has a second outage while the
// first backlog drains, 520 series and churn, and ends when everything is drained: nothing may be missing, lost, altered or unaccounted.
//
//     five minutes up | outage, the event in its middle | up, draining | second outage | up until drained

import type { DestinationSettings } from '../../../src/destinations/config.ts';
import { seededRandom } from '../../../src/io/random.ts';
import { Secret } from '../../../src/model/secret.ts';
import { defaultQueueSettings } from '../../../src/queue/config.ts';
import { personalities } from '../oracle/oracle.ts';
import { START_MS } from './life.ts';
import { fairWeather, type Weather } from './network.ts';
import { baseSettings } from './scenario.ts';
import { type Destination, World } from './world.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SERIES = 520;
const WARM_UP_MS = 5 * MINUTE_MS;
/** New credentials reach the configuration this long after the link is back. */
const CREDENTIALS_AFTER_MS = 2 * MINUTE_MS;
/** With live_first fresh samples are at most this late, from this long after the link is back. */
const FRESH_MS = 10_000;
const DRAIN_MAX_MS = 12 * HOUR_MS;
/** Less than an answer takes to come back. */
const DRAIN_LOOK_MS = 20;

export const outages = { '1 min': MINUTE_MS, '1 h': HOUR_MS, '3 h 10 min': 3 * HOUR_MS + 10 * MINUTE_MS, '9 h': 9 * HOUR_MS, '3.7 d': 3.7 * 24 * HOUR_MS } as const;
export const events = ['graceful restart', 'kill -9', 'URL change', 'address change', 'credential expiry'] as const;
export const receivers = ['prometheus', 'mimir', 'victoriametrics'] as const;

export interface Cell {
  readonly outage: keyof typeof outages;
  readonly event: (typeof events)[number];
  readonly receiver: (typeof receivers)[number];
}

export interface CellResult {
  readonly cell: Cell;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  readonly samples: number;
  readonly missing: number;
  readonly duplicated: number;
  readonly requests: number;
  /** From the end of the second outage until everything was through, seconds. */
  readonly drainSeconds: number;
  /** Of samples scraped while a backlog was sent; undefined where the order is oldest-first. Seconds. */
  readonly freshLateSeconds: number | undefined;
  readonly simulatedMs: number;
}

/** Every outage with every event, at a receiver with a window of 0 (Prometheus and Mimir by turns) and at VictoriaMetrics. */
export function matrixCells(): Cell[] {
  const cells: Cell[] = [];
  Object.keys(outages).forEach((outage, i) => events.forEach((event, k) => {
    for (const receiver of [(i + k) % 2 === 0 ? 'prometheus' : 'mimir', 'victoriametrics'] as const) cells.push({ outage: outage as Cell['outage'], event, receiver });
  }));
  return cells;
}

export async function runCell(cell: Cell): Promise<CellResult> {
  const run = new MatrixRun(cell);
  return run.run();
}

class MatrixRun {
  readonly #cell: Cell;
  readonly #world: World;
  readonly #destination: Destination;
  readonly #outageMs: number;
  readonly #intervalMs: number;
  readonly #up: Weather;
  #nextScrapeMs: number;
  /** Stretches of simulated time in which fresh samples have to be fresh. */
  readonly #fresh: { fromMs: number; untilMs: number }[] = [];

  constructor(cell: Cell) {
    this.#cell = cell;
    this.#outageMs = outages[cell.outage];
    this.#intervalMs = this.#outageMs > 10 * HOUR_MS ? 60_000 : this.#outageMs > 4 * HOUR_MS ? 30_000 : 15_000;
    this.#nextScrapeMs = this.#intervalMs;
    const settings: DestinationSettings = { ...baseSettings, url: 'http://old.example/api/v1/write', profile: cell.receiver, http: withToken('old') };
    this.#world = new World({
      seed: 1, queue: { ...defaultQueueSettings, freeSpaceFloor: { bytes: 0 }, segmentBytes: 1024 ** 2 }, recentBytesMax: 256 * 1024,
      destinations: [{ name: 'a', settings, stream: { maxBytes: 1024 ** 3 }, receiver: { ...personalities[cell.receiver], authorization: 'Bearer old' } }],
    });
    this.#destination = this.#world.destinations[0]!;
    for (const name of ['t0', 't1']) this.#world.source.add({ name, series: SERIES / 2, churn: { series: 5, probability: 0.05 } }, seededRandom(name.charCodeAt(1)));
    // A link on which the backlog takes a minute or so, and live samples fit many times.
    const backlog = (this.#outageMs / this.#intervalMs) * SERIES;
    this.#up = { ...fairWeather, latencyMs: 40, bytesPerSecond: Math.min(300_000, Math.max(5000, backlog / 20)) };
  }

  async run(): Promise<CellResult> {
    const world = this.#world;
    world.network.weather = this.#up;
    await world.start();
    await this.#until(WARM_UP_MS);
    this.#down();
    await this.#until(WARM_UP_MS + this.#outageMs / 2);
    await this.#happen();
    await this.#until(WARM_UP_MS + this.#outageMs);
    await this.#comeBack();
    await this.#drainPartly();
    this.#down();
    await this.#until(world.timeline.nowMs + Math.max(MINUTE_MS, Math.min(this.#outageMs / 4, 2 * HOUR_MS)));
    const upMs = world.timeline.nowMs;
    await this.#comeBack();
    await this.#drain();
    return this.#verdict((world.timeline.nowMs - upMs) / 1000);
  }

  get #pending(): number {
    return this.#world.program!.streams.get('a')!.state().counters.pending;
  }

  /** Scrapes and lets time pass until then. */
  async #until(untilMs: number): Promise<void> {
    const { timeline } = this.#world;
    for (; this.#nextScrapeMs <= untilMs; this.#nextScrapeMs += this.#intervalMs) {
      await timeline.run(Math.max(timeline.nowMs, this.#nextScrapeMs));
      for (const target of this.#world.source.targets) await this.#world.scrape(target);
      this.#world.observe();
    }
    await timeline.run(untilMs);
  }

  #down(): void {
    const stretch = this.#fresh.at(-1);
    // What was scraped shortly before could not be sent any more.
    if (stretch !== undefined) stretch.untilMs = Math.min(stretch.untilMs, this.#world.timeline.nowMs - FRESH_MS);
    this.#world.network.weather = { ...this.#up, state: this.#outageMs > HOUR_MS ? 'swallows' : 'refuses' };
  }

  async #happen(): Promise<void> {
    const world = this.#world;
    switch (this.#cell.event) {
      case 'graceful restart':
        await world.stop();
        return void (await world.start());
      case 'kill -9':
        world.life.die('waiting for the link');
        world.crashed('kill');
        return void (await world.start());
      case 'URL change':
        return this.#move('new.example', '10.0.0.99', true);
      case 'address change':
        return this.#move('old.example', '10.0.0.99', false);
      case 'credential expiry':
        this.#destination.oracle.set({ authorization: 'Bearer new' });
    }
  }

  /** The receiver is to be found elsewhere: at an address, and perhaps at another name. */
  #move(host: string, address: string, isReloaded: boolean): void {
    const { network } = this.#world;
    const site = [...network.sites.values()][0]!;
    network.sites.clear();
    network.names.clear();
    network.sites.set(address, site);
    network.names.set(host, address);
    if (isReloaded) this.#world.reload(this.#destination, { ...this.#destination.settings, url: `http://${host}/api/v1/write` });
  }

  /** The link is back; expired credentials are replaced a little later. */
  async #comeBack(): Promise<void> {
    const world = this.#world;
    world.network.weather = this.#up;
    const mustWait = this.#cell.event === 'credential expiry' && this.#fresh.length === 0;
    if (mustWait) {
      await this.#until(world.timeline.nowMs + CREDENTIALS_AFTER_MS);
      const state = world.program!.senders.get('a')!.destinationState().state;
      if (state !== 'parked') world.violated(`the destination is ${state} while its credentials are refused`);
      world.reload(this.#destination, { ...this.#destination.settings, http: withToken('new') });
    }
    this.#fresh.push({ fromMs: world.timeline.nowMs + FRESH_MS, untilMs: Number.POSITIVE_INFINITY });
  }

  /** Until a part of the first backlog has arrived: the second outage comes in the middle of it, and may take an answer with it. */
  async #drainPartly(): Promise<void> {
    const { timeline } = this.#world;
    const { book } = this.#destination;
    const enough = book.distinct + this.#pending / 4;
    const untilMs = timeline.nowMs + DRAIN_MAX_MS;
    while (book.distinct < enough && timeline.nowMs < untilMs) await this.#until(timeline.nowMs + DRAIN_LOOK_MS);
    if (this.#pending === 0) this.#world.violated('the first backlog was gone at once: the second outage does not meet it');
  }

  /** Until everything is through but what the last scrapes brought. */
  async #drain(): Promise<void> {
    const { timeline } = this.#world;
    const untilMs = timeline.nowMs + DRAIN_MAX_MS;
    while (this.#pending > 0 && timeline.nowMs < untilMs) await this.#until(timeline.nowMs + 1000);
    if (this.#pending > 0) this.#world.violated(`${this.#pending} samples are pending ${DRAIN_MAX_MS / HOUR_MS} hours after the link was back`);
    this.#fresh.at(-1)!.untilMs = timeline.nowMs - FRESH_MS;
    await this.#world.stop();
    await this.#world.start();
    this.#world.observe();
    await this.#world.stop();
  }

  #verdict(drainSeconds: number): CellResult {
    const world = this.#world;
    const { oracle, account, book, settings } = this.#destination;
    const verdict = oracle.compare(world.source.expected());
    const { missing, altered, extra, outOfOrder, duplicated, examples } = verdict;
    const freshLateSeconds = settings.profile === 'victoriametrics' ? this.#freshLateSeconds() : undefined;
    if (missing + altered + extra > 0) world.violated(`missing ${missing}, altered ${altered}, extra ${extra}: ${examples.join('; ')}`);
    if (account.lostSamples() + account.vanished > 0) world.violated(`lost ${JSON.stringify(account.lost)}, vanished ${account.vanished}`);
    if (settings.profile !== 'victoriametrics' && outOfOrder > 0) world.violated(`${outOfOrder} samples out of order: ${examples.join('; ')}`);
    const torn = book.tornRepetitions();
    if (torn.length > 0) world.violated(`${torn.length} bodies came again in part`);
    return {
      cell: this.#cell, violations: world.violations, trace: world.trace, samples: account.issued, missing, duplicated, requests: world.network.requests, drainSeconds, freshLateSeconds,
      simulatedMs: world.timeline.nowMs,
    };
  }

  /** How late the latest sample came of those that had to be fresh. */
  #freshLateSeconds(): number {
    let worst = { lateMs: 0, atMs: 0 };
    for (const target of this.#world.source.targets) {
      const late = this.#destination.book.lateness.get(target.name) ?? [];
      target.timesMs.forEach((timeMs, number) => {
        const atMs = timeMs - START_MS;
        if (!this.#fresh.some(({ fromMs, untilMs }) => atMs >= fromMs && atMs <= untilMs)) return;
        const lateMs = late[number] ?? Number.POSITIVE_INFINITY;
        if (lateMs > worst.lateMs) worst = { lateMs, atMs };
      });
    }
    const stretches = this.#fresh.map(({ fromMs, untilMs }) => `${fromMs / 1000} to ${untilMs / 1000} s`).join(', ');
    if (worst.lateMs > FRESH_MS) this.#world.violated(`a sample of ${worst.atMs / 1000} s came ${worst.lateMs / 1000} s late; it had to be fresh in ${stretches}`);
    return worst.lateMs / 1000;
  }
}

function withToken(token: string): DestinationSettings['http'] {
  return { ...baseSettings.http, authorization: { type: 'Bearer', credentials: new Secret(token) } };
}
