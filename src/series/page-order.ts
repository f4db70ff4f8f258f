// Remembers in which order a page told its series, so that the next page is read by comparing with what followed last
// time. A line out of place starts a new order, which replaces the old one when the page was accepted.

const FIRST_LENGTH = 64;
const NOWHERE = -1;

export class PageOrder {
  #ids = new Int32Array(FIRST_LENGTH);
  #length = 0;
  #cursor = 0;
  /** Where an id stands in `#ids`; the last place when it stands twice. */
  #placeOf = new Int32Array(FIRST_LENGTH).fill(NOWHERE);
  /** The order of the page being read, once it differs. */
  #next: Int32Array<ArrayBuffer> | undefined;
  #nextLength = 0;

  grow(capacity: number): void {
    const larger = new Int32Array(capacity).fill(NOWHERE);
    larger.set(this.#placeOf);
    this.#placeOf = larger;
  }

  begin(): void {
    this.#cursor = 0;
    this.#next = undefined;
  }

  /** The id that should come next, or -1. */
  expected(): number {
    return this.#cursor < this.#length ? this.#ids[this.#cursor]! : NOWHERE;
  }

  /** The id that should come after the next one, or -1: what follows a series that has vanished. */
  expectedAfter(): number {
    return this.#cursor + 1 < this.#length ? this.#ids[this.#cursor + 1]! : NOWHERE;
  }

  /** The expected id came. */
  advance(): void {
    const id = this.#ids[this.#cursor++]!;
    if (this.#next !== undefined) this.#push(id);
  }

  /** The id expected after the next one came: one has vanished. */
  advanceOver(): void {
    this.#diverge();
    this.#push(this.#ids[this.#cursor + 1]!);
    this.#cursor += 2;
  }

  /** A known id came out of place: the old order goes on behind it. */
  jumpTo(id: number): void {
    this.#diverge();
    this.#push(id);
    const place = this.#placeOf[id]!;
    if (place !== NOWHERE) this.#cursor = place + 1;
  }

  /** A new id came. */
  insert(id: number): void {
    this.#diverge();
    this.#push(id);
  }

  /** The page was accepted: its order is the order from now on. */
  accept(): void {
    if (this.#next === undefined) {
      for (let i = this.#cursor; i < this.#length; i++) this.#placeOf[this.#ids[i]!] = NOWHERE;
      this.#length = this.#cursor;
      return;
    }
    for (let i = 0; i < this.#length; i++) this.#placeOf[this.#ids[i]!] = NOWHERE;
    this.#ids = this.#next;
    this.#length = this.#nextLength;
    this.#next = undefined;
    for (let i = 0; i < this.#length; i++) this.#placeOf[this.#ids[i]!] = i;
  }

  /** Forgets everything, for a cache that was emptied. */
  clear(): void {
    this.#placeOf.fill(NOWHERE);
    this.#length = 0;
    this.begin();
  }

  #diverge(): void {
    if (this.#next !== undefined) return;
    this.#next = new Int32Array(Math.max(FIRST_LENGTH, this.#length + (this.#length >>> 4)));
    this.#next.set(this.#ids.subarray(0, this.#cursor));
    this.#nextLength = this.#cursor;
  }

  #push(id: number): void {
    const next = this.#next!;
    if (this.#nextLength === next.length) {
      this.#next = new Int32Array(Math.ceil(next.length * 1.5));
      this.#next.set(next);
    }
    this.#next![this.#nextLength++] = id;
  }
}
