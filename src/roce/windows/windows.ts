// From the rows of a sampler to series. Rows come channel by channel, some a moment after their window has ended, those of seldom read counters many
// seconds later, some never. They wait here until their window is over and its quick channels have told, at most a second; then they are added to what was
// counted before, and what they moved is sent with the window's end as its timestamp, in one go. What comes later makes a small batch of its own with
// its window's timestamp, or, where the series has a later one already, goes out with the next window.
//
// Numbers live here from one sampler to the next. A window that was open when a sampler stopped waits for its end, where that of the next sampler joins it; where
// windows have another length from then on, it is sent as it is.
// No number is ever taken back: a window that never comes is missing from times and distributions, and in counters it is made up for by the next one.

import type { RocePlan } from '../plan.ts';
import type { BurstRow, WindowRow } from '../reduction.ts';
import type { Rows } from '../sampler.ts';
import type { RoceSeries } from '../series.ts';
import { Batch, type SampleCounts } from './batch.ts';
import { Captures, type CaptureDrop } from './captures.ts';
import type { CounterTrack } from './counter-track.ts';
import type { RoceFamily } from './families.ts';
import type { Feed } from './feed.ts';
import { makeFeeds } from './feeds.ts';
import { OutletStore } from './outlet-store.ts';
import type { Outlet } from './outlets.ts';
import { renderPage } from './page.ts';
import { PortOutlets, portName } from './port-outlets.ts';
import { secondViews } from './second-views.ts';
import type { WindowSettings } from './settings.ts';
import { Turns } from './turns.ts';

export interface WindowFigures {
  /** Samples since the start, by kind. */
  readonly samples: Readonly<SampleCounts>;
  /** Samples of captures that were not sent, by reason. */
  readonly captureDropped: Readonly<Record<CaptureDrop, number>>;
}

/** When rows were drained. */
export interface Drained {
  /** Of the sampler that gave them. */
  readonly wallOffsetNs: number;
  readonly nowMs: number;
}

/** Quick channels are waited for so long. */
const graceMs = 1000;
/** What is read at least as often is quick. */
const quickPeriodNs = 1e9;
/** Bursts of a channel that wait for their window; more are counted at once. */
const waitingBurstsMax = 65_536;

interface ChannelState {
  readonly feed: Feed;
  readonly isQuick: boolean;
  /** Between two readings, at most. */
  readonly periodNs: number;
  /** End of the latest window it has told of. */
  toldMs: number;
  readonly bursts: BurstRow[];
}

/** A window that has not been sent. */
interface Pending {
  rows: { readonly channel: ChannelState; readonly row: WindowRow; readonly wallOffsetNs: number }[];
  /** What rows may have moved that are added already, with the place of its port. */
  readonly moved: Map<Outlet, number>;
}

export class RoceWindows {
  readonly #store = new OutletStore();
  readonly #tracks = new Map<string, CounterTrack>();
  readonly #pending = new Map<number, Pending>();
  readonly #samples: SampleCounts = { plain: 0, native: 0, classic: 0, capture: 0, marker: 0, late: 0 };
  readonly #dropped: Record<CaptureDrop, number> = { budget: 0, order: 0, signal: 0 };
  readonly #captures: Captures;
  #ports: PortOutlets[] = [];
  #channels: ChannelState[] = [];
  #windowMs = 15_000;
  #turns = new Turns(15_000, []);

  constructor() {
    this.#captures = new Captures({
      began: (port, trigger) => this.#ports[port]?.captureBegan(trigger),
      dropped: (port, trigger, reason) => {
        this.#dropped[reason]++;
        this.#ports[port]?.captureDropped(trigger);
      },
    });
  }

  /** A sampler begins, after all rows of the one before were taken. Returns what was open, and markers of series that the plan does not have. */
  begin(plan: RocePlan, settings: WindowSettings, atMs: number): RoceSeries[] {
    const nowMs = Math.floor(atMs);
    const batch = new Batch(this.#samples);
    this.#store.beganMs ??= nowMs;
    this.#release(batch, nowMs);
    this.#addAll();
    const windowMs = Math.round(plan.sampler.reduction.windowNs / 1e6);
    // What is open would end when none of the new length does, perhaps much later.
    if (windowMs !== this.#windowMs) this.#sendAll(batch, nowMs);
    this.#captures.begin(plan, settings.captureSamplesPerMinute, batch);
    const making = { plan, settings, store: this.#store, second: secondViews(plan.channels) };
    this.#channels = makeFeeds(making, this.#tracks).map((feed) => channelState(plan, feed));
    const before = new Map(this.#ports.map((port) => [port.name, port]));
    this.#ports = plan.ports.map((port, place) => new PortOutlets(port, lineRateOf(plan, place), this.#store, before.get(portName(port))));
    this.#windowMs = windowMs;
    this.#end(this.#store.settle(), batch, nowMs);
    this.#turns = new Turns(this.#windowMs, this.#store.outlets());
    return batch.series();
  }

  /** Takes what a sampler gave; to be called with no rows as well, since windows wait. */
  take(rows: Rows, { wallOffsetNs, nowMs }: Drained): RoceSeries[] {
    const batch = new Batch(this.#samples);
    this.#captures.take(rows, wallOffsetNs, nowMs, batch);
    for (const burst of rows.bursts) this.#waitBurst(burst);
    for (const row of rows.windows) this.#wait(row, wallOffsetNs);
    this.#release(batch, nowMs);
    return batch.series();
  }

  /** The process ends: everything that waits, windows that are not over with this time. No markers, the next process goes on. */
  finish(atMs: number): RoceSeries[] {
    const nowMs = Math.floor(atMs);
    const batch = new Batch(this.#samples);
    this.#addAll();
    this.#sendAll(batch, nowMs);
    this.#captures.end(batch);
    return batch.series();
  }

  /** Sampling is switched off: everything that waits, and markers of all series. */
  end(atMs: number): RoceSeries[] {
    const nowMs = Math.floor(atMs);
    const batch = new Batch(this.#samples);
    this.#release(batch, nowMs);
    this.#addAll();
    this.#captures.end(batch);
    this.#channels = [];
    this.#ports = [];
    this.#tracks.clear();
    this.#end(this.#store.settle(), batch, nowMs);
    return batch.series();
  }

  /** What is sent, as remote write's metadata has it. */
  families(): RoceFamily[] {
    return [...new Map([...this.#store.outlets()].map(({ family }) => [family.family, family])).values()];
  }

  /** The last window of each series in text format 0.0.4, with its time, for being scraped. */
  page(): string {
    return renderPage(this.#store.outlets());
  }

  figures(): WindowFigures {
    return { samples: { ...this.#samples }, captureDropped: { ...this.#dropped } };
  }

  #waitBurst(burst: BurstRow): void {
    const channel = this.#channels[burst.channel];
    if (channel === undefined) return;
    channel.bursts.push(burst);
    if (channel.bursts.length > waitingBurstsMax) addBursts(channel, channel.bursts.length);
  }

  #wait(row: WindowRow, wallOffsetNs: number): void {
    const channel = this.#channels[row.channel];
    if (channel === undefined) return;
    const windowMs = Math.round((row.endNs + wallOffsetNs) / 1e6);
    channel.toldMs = Math.max(channel.toldMs, windowMs);
    this.#pendingAt(windowMs).rows.push({ channel, row, wallOffsetNs });
  }

  #pendingAt(windowMs: number): Pending {
    let pending = this.#pending.get(windowMs);
    if (pending === undefined) this.#pending.set(windowMs, (pending = { rows: [], moved: new Map() }));
    return pending;
  }

  #endsInOrder(): number[] {
    return [...this.#pending.keys()].sort((a, b) => a - b);
  }

  /** Sends what need not wait any longer. */
  #release(batch: Batch, nowMs: number): void {
    for (const windowMs of this.#endsInOrder()) if (this.#isReady(windowMs, nowMs)) this.#send(windowMs, windowMs, batch);
  }

  #isReady(windowMs: number, nowMs: number): boolean {
    if (nowMs < windowMs) {
      // A window cannot be over in more than its length: the clock was set back.
      return windowMs - nowMs > this.#windowMs;
    }
    return nowMs >= windowMs + graceMs || this.#channels.every(({ isQuick: isAwaited, toldMs }) => !isAwaited || toldMs >= windowMs);
  }

  /** Everything that waits, windows that are not over with this time. */
  #sendAll(batch: Batch, nowMs: number): void {
    for (const windowMs of this.#endsInOrder()) this.#send(windowMs, Math.min(windowMs, nowMs), batch);
  }

  #send(windowMs: number, timestampMs: number, batch: Batch): void {
    const pending = this.#pending.get(windowMs);
    if (pending === undefined) return;
    this.#add(windowMs, pending);
    this.#pending.delete(windowMs);
    const momentOf = this.#turns.at(windowMs, timestampMs);
    for (const [outlet, port] of pending.moved) outlet.emit(batch, momentOf(outlet, port));
  }

  /** Everything that waits: no sampler will tell more of it. */
  #addAll(): void {
    for (const windowMs of this.#endsInOrder()) {
      const pending = this.#pending.get(windowMs);
      if (pending !== undefined) this.#add(windowMs, pending);
    }
    for (const channel of this.#channels) addBursts(channel, channel.bursts.length);
  }

  /** Adds rows to the numbers. */
  #add(windowMs: number, pending: Pending): void {
    for (const { channel, row, wallOffsetNs } of pending.rows) {
      const { feed } = channel;
      const step = feed.track.take(row);
      for (const take of feed.takers) take({ row, step, windowMs, wallOffsetNs });
      addBursts(channel, burstsOf(channel, row));
      for (const outlet of feed.outlets) pending.moved.set(outlet, feed.port);
      for (const outlet of this.#ports[feed.port]?.outlets ?? []) pending.moved.set(outlet, feed.port);
    }
    pending.rows = [];
  }

  /** The last numbers of series that end, and their markers. */
  #end(ended: readonly Outlet[], batch: Batch, nowMs: number): void {
    for (const outlet of ended) {
      for (const { moved } of this.#pending.values()) {
        if (moved.delete(outlet)) outlet.emit(batch, this.#turns.at(nowMs, nowMs)(outlet, 0));
      }
      outlet.end(batch, nowMs);
      this.#store.remember(outlet, nowMs);
    }
  }
}

/**
 * How many of the bursts that wait are of the window: those that had ended when it was over. Where these are more than it tells of, the last ones were noticed after its end,
 * or others are left of a window that never came.
 */
function burstsOf({ bursts, periodNs }: ChannelState, row: WindowRow): number {
  // An interval below the limit ends no burst, the next one does.
  const noticedNs = 4 * Math.max(periodNs, row.refreshNs);
  const endOf = ({ startNs, durationNs }: BurstRow) => startNs + durationNs;
  const later = bursts.findIndex((burst) => endOf(burst) > row.endNs);
  let count = later < 0 ? bursts.length : later;
  const isNoticedLater = (burst: BurstRow | undefined) => burst !== undefined && endOf(burst) > row.endNs - noticedNs;
  while (count > row.bursts && isNoticedLater(bursts[count - 1])) count--;
  return count;
}

function addBursts({ feed, bursts }: ChannelState, count: number): void {
  for (const burst of bursts.splice(0, count)) feed.takeBurst?.(burst);
}

function channelState(plan: RocePlan, feed: Feed): ChannelState {
  const source = plan.sampler.sources.find(({ name }) => name === feed.planned.channel.source);
  const periodNs = source?.periodNs ?? 0;
  return { feed, isQuick: periodNs <= quickPeriodNs, periodNs: Math.max(periodNs, source?.idlePeriodNs ?? 0), toldMs: -Infinity, bursts: [] };
}

/** As its throughput is judged by. */
function lineRateOf(plan: RocePlan, place: number): number {
  const judged = plan.channels.find(({ channel, isThroughput }) => isThroughput && channel.port === place)?.channel.rules.lineRate ?? 0;
  return judged > 0 ? judged : plan.ports[place]?.lineRate ?? 0;
}
