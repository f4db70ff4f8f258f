// Owners by name, each once, with what belongs to it. An owner without pods and tombstones is forgotten.

export interface Owner {
  readonly name: string;
  /** Pods that exist. */
  pods: number;
  tombstones: number;
}

export class OwnerNames {
  readonly #owners = new Map<string, Owner>();

  /** undefined for undefined and ''. What is not counted afterwards has to be given back with `release`. */
  of(name: string | undefined): Owner | undefined {
    if (name === undefined || name === '') return undefined;
    let owner = this.#owners.get(name);
    if (owner === undefined) this.#owners.set(name, (owner = { name, pods: 0, tombstones: 0 }));
    return owner;
  }

  release(owner: Owner): void {
    if (owner.pods === 0 && owner.tombstones === 0) this.#owners.delete(owner.name);
  }

  /** By name. */
  all(): Owner[] {
    return [...this.#owners.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
