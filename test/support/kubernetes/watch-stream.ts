// One watch: first the state, where it was asked for, then every change after it, with bookmarks. The stream walks the kind's log of changes at the speed
// at which the client reads, so nothing is held per stream.
//
// What is asked decides where it begins:
//
//     sendInitialEvents   everything as ADDED, then the bookmark that says so; refused with 422 where watch-list is off
//     no version, or 0    everything as ADDED; without a version also that bookmark, where bookmarks are wanted and watch-list is on
//     a version           changes after it; one ERROR event with 410 when the watch cache has forgotten it

import type { Clock, Timer } from '../../../src/io/clock.ts';
import { encodeBookmark, encodeErrorEvent, encodeEvent } from './encoding.ts';
import type { FaultState } from './faults.ts';
import { selectorOf } from './list.ts';
import { contentType, type Form } from './negotiation.ts';
import type { Outlet } from './outlet.ts';
import { isTrue, type Ask } from './request.ts';
import { expiredWatch, invalid } from './status.ts';
import type { Change, Store, Stored } from './store.ts';

export interface WatchContext {
  readonly store: Store;
  readonly faults: FaultState;
  readonly clock: Clock;
  /** Whether the server knows `sendInitialEvents`. */
  readonly hasWatchList: boolean;
}

const BOOKMARK_INTERVAL_MS = 60_000;
/** Of a watch that names no time. */
const DEFAULT_TIMEOUT_SECONDS = 1800;

export class WatchStream {
  readonly #context: WatchContext;
  readonly #ask: Ask;
  readonly #form: Form;
  readonly #outlet: Outlet;
  readonly #isSelected: (stored: Stored) => boolean;
  readonly #wantsBookmarks: boolean;
  /** Place in the kind's log. */
  #position = 0;
  #isBookmarkDue = false;
  #isOver = false;
  #wake = () => {};

  /** Throws what the server refuses with a status: 400, 422. */
  constructor(context: WatchContext, ask: Ask, form: Form, outlet: Outlet) {
    this.#context = context;
    this.#ask = ask;
    this.#form = form;
    this.#outlet = outlet;
    this.#isSelected = selectorOf(ask);
    this.#wantsBookmarks = isTrue(ask.query['allowWatchBookmarks']);
    checkInitialEvents(ask, context.hasWatchList);
  }

  /** A bookmark goes out as soon as every change has. */
  bookmark(): void {
    this.#isBookmarkDue = this.#wantsBookmarks;
    this.#wake();
  }

  /** Resolves when the stream has ended. */
  async run(): Promise<void> {
    const { store, faults, clock } = this.#context;
    const stops = [store.onChange(() => this.#wake()), faults.onChange(() => this.#wake())];
    const seconds = Number(this.#ask.query['timeoutSeconds'] ?? 0) || DEFAULT_TIMEOUT_SECONDS;
    const timers = [clock.after(seconds * 1000, () => this.#expire()), this.#everyMinute()];
    void this.#outlet.closed.then(() => this.#wake());
    try {
      await this.#outlet.begin(200, { 'Content-Type': contentType(this.#form, true) });
      if (await this.#begin()) await this.#follow();
      await this.#outlet.end();
    } finally {
      for (const stop of stops) stop();
      for (const timer of timers) timer.cancel();
    }
  }

  #everyMinute(): Timer {
    const { clock } = this.#context;
    let timer: Timer;
    const next = () => {
      timer = clock.after(BOOKMARK_INTERVAL_MS, () => {
        this.bookmark();
        next();
      });
    };
    next();
    return { cancel: () => timer.cancel() };
  }

  #expire(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Sends what comes before changes. False when the stream is over with that. */
  async #begin(): Promise<boolean> {
    const { store, hasWatchList } = this.#context;
    const { query, type } = this.#ask;
    const asked = Number(query['resourceVersion'] ?? 0);
    const isStreamingList = isTrue(query['sendInitialEvents']);
    if (asked > 0 && !isStreamingList) return this.#beginAt(asked);
    const state = store.list(type);
    const { version } = store;
    this.#position = store.log(type).length;
    if (query['sendInitialEvents'] !== 'false') for (const stored of state) await this.#tell('ADDED', stored);
    const endsWithBookmark = isStreamingList || (query['resourceVersion'] === undefined && hasWatchList);
    if (endsWithBookmark && this.#wantsBookmarks) await this.#outlet.write(encodeBookmark(type, this.#form, { version, isEndOfInitialEvents: true }));
    return true;
  }

  async #beginAt(version: number): Promise<boolean> {
    const { store } = this.#context;
    if (version < store.watchFloor) {
      await this.#outlet.write(encodeErrorEvent(expiredWatch(version, store.watchFloor), this.#form));
      return false;
    }
    const first = store.log(this.#ask.type).findIndex((change) => change.version > version);
    this.#position = first === -1 ? store.log(this.#ask.type).length : first;
    return true;
  }

  async #follow(): Promise<void> {
    while (!this.#outlet.isClosed && !this.#isOver) {
      const woken = new Promise<void>((resolve) => void (this.#wake = resolve));
      if (!(await this.#step())) await woken;
    }
  }

  /** Sends one thing. False when there is nothing to send now. */
  async #step(): Promise<boolean> {
    const { store, faults } = this.#context;
    const { type } = this.#ask;
    if (faults.isHeld(type.plural)) return false;
    const change = store.log(type)[this.#position];
    if (change !== undefined) {
      this.#position++;
      await this.#tellChange(change);
      return true;
    }
    if (!this.#isBookmarkDue) return false;
    this.#isBookmarkDue = false;
    await this.#outlet.write(encodeBookmark(type, this.#form, { version: store.version, isEndOfInitialEvents: false }));
    return true;
  }

  /** What enters the selection is added, what leaves it is deleted. */
  async #tellChange({ version, before, after }: Change): Promise<void> {
    const wasSelected = before !== undefined && this.#isSelected(before);
    const isSelected = after !== undefined && this.#isSelected(after);
    if (isSelected) await this.#tell(wasSelected ? 'MODIFIED' : 'ADDED', after);
    else if (wasSelected) await this.#outlet.write(encodeEvent('DELETED', before, this.#form, version));
  }

  async #tell(event: 'ADDED' | 'MODIFIED', stored: Stored): Promise<void> {
    if (this.#outlet.isClosed || (event === 'ADDED' && !this.#isSelected(stored))) return;
    await this.#outlet.write(encodeEvent(event, stored, this.#form));
  }
}

/** What the server says of `sendInitialEvents` that it does not take. */
function checkInitialEvents({ query }: Ask, hasWatchList: boolean): void {
  const field = 'sendInitialEvents';
  if (query[field] === undefined) return;
  const refuse = (why: string) => invalid('ListOptions.meta.k8s.io ""', field, `Forbidden: ${field} is forbidden for watch unless ${why}`);
  if (!hasWatchList) throw refuse('the WatchList feature gate is enabled');
  if (query['resourceVersionMatch'] !== 'NotOlderThan') throw refuse('resourceVersionMatch is set to NotOlderThan');
  if (isTrue(query[field]) && !isTrue(query['allowWatchBookmarks'])) throw refuse('allowWatchBookmarks is set');
}
