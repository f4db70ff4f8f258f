// What is told about a port as such: what is known about it, its line rate, and its captures.

import type { FoundPort } from '../discover.ts';
import { families, type RoceFamily } from './families.ts';
import { portLabels } from './feed.ts';
import type { OutletStore } from './outlet-store.ts';
import type { ValueOutlet } from './outlets.ts';

export class PortOutlets {
  readonly name: string;
  readonly outlets: ValueOutlet[] = [];
  readonly #port: FoundPort;
  readonly #store: OutletStore;
  /** By family and trigger: they appear with the first capture of their kind. */
  readonly #captures: Map<string, ValueOutlet>;

  /** `before`: the same port in the plan before. */
  constructor(port: FoundPort, lineRate: number, store: OutletStore, before: PortOutlets | undefined) {
    this.name = portName(port);
    this.#port = port;
    this.#store = store;
    this.#captures = new Map(before === undefined ? [] : before.#captures);
    for (const outlet of this.#captures.values()) store.keep(outlet);
    this.outlets.push(...this.#captures.values());
    this.#fact(families.portInfo, infoLabels(port), 1);
    if (lineRate > 0) this.#fact(families.lineRate, portLabels(port), lineRate);
  }

  captureBegan(trigger: string): void {
    this.#count(families.captures, trigger);
  }

  captureDropped(trigger: string): void {
    this.#count(families.captureDropped, trigger);
  }

  #fact(family: RoceFamily, labels: Map<string, string>, value: number): void {
    const outlet = this.#store.claimValue(family, labels);
    if (outlet === undefined) return;
    outlet.value = value;
    this.outlets.push(outlet);
  }

  #count(family: RoceFamily, trigger: string): void {
    const key = `${family.family} ${trigger}`;
    let outlet = this.#captures.get(key);
    if (outlet === undefined) {
      outlet = this.#store.addValue(family, portLabels(this.#port).set('trigger', trigger), { isLazy: true, zeroSinceMs: this.#store.beganMs });
      this.#captures.set(key, outlet);
      this.outlets.push(outlet);
    }
    outlet.add(1);
  }
}

export function portName({ kind, device, port }: FoundPort): string {
  return `${kind} ${device} ${port}`;
}

/** What is not known has no label. */
function infoLabels({ netdev, driver, firmware, linkLayer, pci, numaNode, ...port }: FoundPort): Map<string, string> {
  const facts = { netdev, driver, firmware, link_layer: linkLayer, pci, numa_node: numaNode };
  const known = Object.entries(facts).filter(([, value]) => value !== '');
  return new Map([['device', port.device], ['port', String(port.port)], ...known]);
}
