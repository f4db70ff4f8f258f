// A branch: the series of one target that go to the same destinations, with one outlet for each feed among these. Without routes there is one branch, which has
// every series; with them as many as the target has different answers, usually one per owner.

import type { Stream } from '../queue/queue.ts';
import type { Budget } from '../route/budget.ts';
import type { RouteSet } from '../route/route.ts';
import type { Outlet } from './outlet.ts';
import type { Feed, Plan } from './plan.ts';

/** Makes an outlet of this branch in which nothing is yet. */
export type OpenOutlet = (feed: Feed, streams: readonly Stream[], branch: Branch) => Outlet;

export class Branch {
  readonly set: RouteSet;
  /** By which series remember it. */
  readonly number: number;
  /** Of feeds that have streams here, in the order of the plan. */
  outlets: Outlet[] = [];
  /** Series from pages, and report series. */
  members = 0;
  reports = 0;
  /** Scrapes so far, for routes that let every n-th through. */
  turn: number;

  /** It has the series of a target without routes: whatever destinations there are. */
  readonly takesAll: boolean;

  constructor(set: RouteSet, options: { readonly number: number; readonly turn: number; readonly takesAll: boolean }) {
    this.set = set;
    this.number = options.number;
    this.turn = options.turn;
    this.takesAll = options.takesAll;
  }

  get isEmpty(): boolean {
    return this.members === 0 && this.reports === 0;
  }

  budgetOf(name: string): Budget | undefined {
    return this.set.legs.find((leg) => leg.name === name)?.budget;
  }

  /** Follows the plan: its streams change, outlets come and go. Returns the outlets that are new. */
  follow(plan: Plan, open: OpenOutlet): Outlet[] {
    const fresh: Outlet[] = [];
    this.outlets = plan.feeds.flatMap((feed) => {
      const streams = this.takesAll ? feed.streams : feed.streams.filter(({ name }) => this.set.legs.some((leg) => leg.name === name));
      if (streams.length === 0) return [];
      const known = this.outlets.find((outlet) => outlet.key === feed.key);
      known?.setFeed(feed, streams);
      if (known !== undefined) return [known];
      const made = open(feed, streams, this);
      fresh.push(made);
      return [made];
    });
    return fresh;
  }
}
