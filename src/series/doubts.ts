// Which series are to be decided about again, and where that comes from: another configuration, other provenance of the target, index entries that changed. Taken
// note of between two pages; a series in doubt is not recognised at its next line, so that the line is parsed and comes in once more.

import type { TargetFacts } from '../route/route.ts';
import type { FanOut } from './fan-out.ts';
import type { Plan } from './plan.ts';
import { AMBIGUOUS, DOUBTED, NORMAL, REPORT } from './tracking.ts';
import type { Tracking } from './tracking.ts';

export class Doubts {
  readonly #fanOut: FanOut;
  readonly #ids: Tracking;
  #nextPlan: Plan | undefined;
  #nextFacts: TargetFacts | undefined;
  /** Series that are told by the text of their key. */
  readonly #byText = new Set<number>();

  constructor(fanOut: FanOut, ids: Tracking) {
    this.#fanOut = fanOut;
    this.#ids = ids;
  }

  /** For the next page. */
  follow(plan: Plan): void {
    this.#nextPlan = plan;
  }

  retarget(facts: TargetFacts): void {
    this.#nextFacts = facts;
  }

  /** Between two pages: marks what is in doubt now. `changePlan` puts a plan in force and says whether labels change with it. Returns whether report series are among it. */
  catchUp(used: number, changePlan: (plan: Plan) => boolean): boolean {
    let isAll = false;
    if (this.#nextPlan !== undefined) {
      const labelsChange = changePlan(this.#nextPlan);
      isAll = this.#fanOut.follow(this.#nextPlan, used) || labelsChange;
    }
    if (this.#nextFacts !== undefined) isAll = this.#fanOut.retarget(this.#nextFacts) || isAll;
    this.#nextPlan = undefined;
    this.#nextFacts = undefined;
    const doubt = isAll ? 'all' : this.#fanOut.doubt();
    if (doubt === undefined) return false;
    let hasReports = false;
    const mark = (id: number) => (hasReports = this.#isReport(id) || hasReports);
    if (doubt === 'all') for (let id = 0; id < used; id++) mark(id);
    else this.#fanOut.mark(doubt, used, mark);
    return hasReports;
  }

  /** Marks a series; a report series is only told. */
  #isReport(id: number): boolean {
    if (this.#ids.kind[id] === NORMAL) this.#ids.kind[id] = DOUBTED;
    else if (this.#ids.kind[id] === AMBIGUOUS) this.#byText.add(id);
    return this.#ids.kind[id] === REPORT;
  }

  has(id: number): boolean {
    return this.#ids.kind[id] === DOUBTED || this.#byText.has(id);
  }

  /** It has been decided about, or is gone. */
  settle(id: number): void {
    if (!this.#byText.delete(id) && this.#ids.kind[id] === DOUBTED) this.#ids.kind[id] = NORMAL;
  }
}
