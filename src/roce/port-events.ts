// Events by port: a counter of trouble moved, so the slower sources of its port are read more often for a while.

export class PortEvents {
  readonly #untilNs = new Map<number, number>();
  #count = 0;

  raise(port: number, untilNs: number): void {
    this.#untilNs.set(port, untilNs);
    this.#count++;
  }

  /** Changes with every event. */
  get count(): number {
    return this.#count;
  }

  /** When the last event of these ports has lost its effect. */
  untilNs(ports: Iterable<number>): number {
    let untilNs = 0;
    for (const port of ports) untilNs = Math.max(untilNs, this.#untilNs.get(port) ?? 0);
    return untilNs;
  }
}
