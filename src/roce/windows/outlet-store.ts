// All outlets by their labels. A plan claims those that it needs; what the plan before had and this one does not claim has ended. Outlets that are claimed
// again keep their numbers, so that a sampler that is started anew goes on where the last one was.

import { labelsKey, METRIC_NAME, sortLabels, type LabelMap } from '../../model/labels.ts';
import { Distribution, type DistributionShape, type NativeRules } from './distribution.ts';
import type { RoceFamily } from './families.ts';
import { DistributionOutlet, ValueOutlet, type Outlet, type ValueTraits } from './outlets.ts';

/** Names of ended series are remembered so long, for their last timestamp. */
const rememberMs = 600_000;

export class OutletStore {
  /** When the first plan began; undefined before. What has samples from before is of another process. */
  beganMs: number | undefined;
  #live = new Map<string, Outlet>();
  #claimed = new Map<string, Outlet>();
  /** Key to last timestamp. */
  readonly #ended = new Map<string, number>();

  /** One value with these labels; undefined where the plan has one already. */
  claimValue(family: RoceFamily, labels: LabelMap, traits: ValueTraits = {}): ValueOutlet | undefined {
    const full = new Map([...labels, [METRIC_NAME, family.family]]);
    return this.#claim(full, (known, lastMs) => {
      if (!(known instanceof ValueOutlet)) return new ValueOutlet(family, full, traits, lastMs);
      known.traits = traits;
      return known;
    });
  }

  /** What the plan has claimed under these labels before. */
  claimed(name: string, labels: LabelMap): ValueOutlet | undefined {
    const outlet = this.#claimed.get(keyOf(new Map([...labels, [METRIC_NAME, name]])));
    return outlet instanceof ValueOutlet ? outlet : undefined;
  }

  claimDistribution(family: RoceFamily, labels: LabelMap, shape: DistributionShape, native: NativeRules): DistributionOutlet | undefined {
    const full = new Map([...labels, [METRIC_NAME, family.family]]);
    return this.#claim(full, (known, lastMs) => {
      if (!(known instanceof DistributionOutlet)) return new DistributionOutlet(family, full, new Distribution(shape), native, lastMs);
      known.native = native;
      return known;
    });
  }

  /** Ends the claims of a plan: returns what is not claimed any more. */
  settle(): Outlet[] {
    const ended = [...this.#live].filter(([key, outlet]) => this.#claimed.get(key) !== outlet).map(([, outlet]) => outlet);
    this.#live = this.#claimed;
    this.#claimed = new Map();
    return ended;
  }

  /** After the marker of an ended one. */
  remember(outlet: Outlet, nowMs: number): void {
    for (const [key, lastMs] of this.#ended) if (lastMs < nowMs - rememberMs) this.#ended.delete(key);
    this.#ended.set(keyOf(outlet.labels), outlet.lastMs);
  }

  /** Between plans: an outlet that a plan could not foresee. */
  addValue(family: RoceFamily, labels: LabelMap, traits: ValueTraits): ValueOutlet {
    const full = new Map([...labels, [METRIC_NAME, family.family]]);
    const key = keyOf(full);
    const outlet = new ValueOutlet(family, full, traits, this.#ended.get(key));
    this.#live.set(key, outlet);
    return outlet;
  }

  /** Claims an outlet as it is. */
  keep(outlet: Outlet): void {
    this.#claimed.set(keyOf(outlet.labels), outlet);
  }

  outlets(): Iterable<Outlet> {
    return this.#live.values();
  }

  #claim<T extends Outlet>(labels: LabelMap, choose: (known: Outlet | undefined, lastMs: number | undefined) => T): T | undefined {
    const key = keyOf(labels);
    if (this.#claimed.has(key)) return undefined;
    const known = this.#live.get(key);
    const outlet = choose(known, known?.lastMs ?? this.#ended.get(key));
    this.#claimed.set(key, outlet);
    return outlet;
  }
}

function keyOf(labels: LabelMap): string {
  return labelsKey(sortLabels(labels));
}
