// The owner index: what the watch tells of pods becomes answers for routing.
//
//   waiting -> known       the watch tells of the pod
//   waiting -> absent      the watch is complete, and the pod has had its time to be told
//   known -> tombstone     the pod is gone, or its name has come back with another uid: exporters still report it, so its owner is kept for a while
//   tombstone -> absent    the while is over; a row that nobody asked for goes
//   absent -> (forgotten)  every ten minutes its entry becomes void and listeners are told: who needs it asks again, what nobody asked for goes
//
// By name the newest incarnation answers, by uid that one. The newest is what the watch told last: the API server has one object of a name at a time.
// The first owner that a label names counts for the life of a pod, unless changes are followed (`followsLabels`).

import type { Clock, Timer } from '../io/clock.ts';
import type { NamespaceRule } from './by-namespace.ts';
import { ChangeBundle } from './change-bundle.ts';
import { Entries } from './entries.ts';
import { Holdings } from './holdings.ts';
import { inOrderOfReturn, keptPods } from './kept-pod.ts';
import type { KeptPod } from './kept-pod.ts';
import { NodeOwners, ownersOf } from './node-owners.ts';
import type { Node } from './node-owners.ts';
import { OwnerNames } from './owner-names.ts';
import type { Owner } from './owner-names.ts';
import { NO_ENTRY } from './owners.ts';
import type { EntryState, OwnerIndex } from './owners.ts';
import { NO_ROW, PodTable, row, uidNumber } from './pod-table.ts';
import { RowQueue } from './row-queue.ts';

/** What the watch tells of a pod. */
export interface PodFact {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The value of the label; '' without it. */
  readonly owner: string;
  /** '' where it is not known. */
  readonly node: string;
  readonly isRunning: boolean;
}

export interface IndexLimits {
  /** Pods that exist. */
  readonly pods: number;
  /** Names that were asked for and are not known. */
  readonly unknown: number;
  readonly tombstones: number;
  readonly nodes: number;
}

/** What could not be kept, for a limit. */
export type Refusal = keyof IndexLimits;

export interface IndexCounters {
  /** Entries told to listeners as changed. */
  told(entries: number): void;
  refused(what: Refusal): void;
}

/** A million pods are 200 MB; the others are some minutes of a large cluster's churn, and what exporters may invent. */
export const defaultIndexLimits: IndexLimits = { pods: 1_000_000, unknown: 100_000, tombstones: 100_000, nodes: 50_000 };

/** Time after which entries of what does not exist become void, milliseconds: as long as a tombstone by default. */
export const FORGET_MS = 600_000;

export interface PodIndexOptions {
  readonly clock: Clock;
  /** Whether the label of pods has a say. */
  readonly hasPods: boolean;
  /** Whether the watch tells nodes. */
  readonly hasNodes: boolean;
  readonly ruleOf: NamespaceRule;
  readonly followsLabels: boolean;
  readonly tombstoneMs: number;
  /** Time that the watch has to tell of a pod that was asked for, milliseconds. */
  readonly waitMs: number;
  readonly counters: IndexCounters;
  readonly limits?: IndexLimits;
}

export interface IndexCounts {
  readonly pods: number;
  readonly tombstones: number;
  /** Asked for, and still awaited. */
  readonly unresolved: number;
  /** Asked for, and not there. */
  readonly absent: number;
}

const noOwners: readonly string[] = [];
const stateNames: readonly EntryState[] = ['absent', 'unresolved', 'absent', 'known', 'tombstone'];

export class PodIndex implements OwnerIndex {
  readonly #options: PodIndexOptions;
  readonly #limits: IndexLimits;
  readonly #table: PodTable;
  readonly #owners = new OwnerNames();
  readonly #nodes = new NodeOwners();
  readonly #holdings: Holdings;
  readonly #entries = new Entries();
  readonly #changes: ChangeBundle;
  readonly #waits = new RowQueue();
  readonly #tombstones = new RowQueue();
  #isComplete = false;
  #timer: Timer | undefined;
  #timerDueMs = Infinity;
  #forgetAtMs: number;
  #revision = 0;

  constructor(options: PodIndexOptions) {
    const { clock, ruleOf, hasPods, hasNodes, limits = defaultIndexLimits } = options;
    this.#options = options;
    this.#limits = limits;
    this.#table = new PodTable(ruleOf);
    this.#holdings = new Holdings({ table: this.#table, owners: this.#owners, nodes: this.#nodes, hasPods, hasNodes });
    this.#changes = new ChangeBundle(() => this.#tellNodes(), (entries) => options.counters.told(entries));
    this.#forgetAtMs = clock.monotonicMs() + FORGET_MS;
  }

  // What routing asks.

  pod(namespace: string, name: string, uid = ''): number {
    if (!this.#options.hasPods) return NO_ENTRY;
    const at = this.#rowFor(namespace, name, uid);
    if (at === NO_ROW) return NO_ENTRY;
    const entries = uid === '' ? this.#table.nameEntry : this.#table.uidEntry;
    if (entries[at] === NO_ENTRY) entries[at] = this.#entries.giveRow(at);
    return entries[at]!;
  }

  ownerOfNamespace(name: string): string | undefined {
    return this.#options.ruleOf(name);
  }

  node(name: string): number {
    if (!this.#options.hasNodes) return NO_ENTRY;
    const known = this.#nodes.get(name);
    if (known === undefined && this.#nodes.size >= this.#limits.nodes) return this.#refuse('nodes');
    const node = known ?? this.#nodes.of(name);
    if (node.entry === NO_ENTRY) {
      node.entry = this.#entries.giveNode(node);
      node.told = ownersOf(node);
      this.#arm();
    }
    return node.entry;
  }

  state(entry: number): EntryState {
    const at = this.#entries.row(entry);
    if (at !== undefined) return stateNames[this.#table.state[at]!]!;
    const node = this.#entries.node(entry);
    if (node === undefined) return 'absent';
    if (node.pods.size > 0) return 'known';
    return this.#isComplete ? 'absent' : 'unresolved';
  }

  owner(entry: number): string | undefined {
    const at = this.#entries.row(entry);
    const owner = at === undefined ? '' : this.#table.owner[at]!;
    return owner === '' ? undefined : owner;
  }

  owners(entry: number): readonly string[] {
    const node = this.#entries.node(entry);
    return node === undefined ? noOwners : ownersOf(node);
  }

  onChange(listener: (entries: readonly number[]) => void): () => void {
    return this.#changes.listen(listener);
  }

  // What the watch tells.

  /** A pod exists, or has changed. */
  set({ namespace, name, uid, owner, node, isRunning }: PodFact): void {
    const at = this.#arrive(namespace, name, uidNumber(uid));
    if (at === NO_ROW) return;
    this.#table.isConfirmed[at] = 1;
    const kept = this.#table.owner[at]!;
    this.#become(at, { state: row.known, owner: kept !== '' && !this.#options.followsLabels ? kept : owner, node, isRunning });
  }

  /** A pod is gone. */
  remove(namespace: string, name: string): void {
    const head = this.#table.head(namespace, name);
    if (head !== NO_ROW && this.#table.state[head] === row.known) this.#bury(head, this.#options.tombstoneMs);
  }

  /** Everything that exists has been told: what only a snapshot knows is gone. */
  complete(): void {
    this.#isComplete = true;
    const { state, isConfirmed, used } = this.#table;
    for (let at = 0; at < used; at++) if (state[at] === row.known && isConfirmed[at] === 0) this.#bury(at, this.#options.tombstoneMs);
    for (const node of this.#entries.nodes()) if (node.pods.size === 0) this.#changes.add(node.entry);
    this.#sweep();
  }

  /** Before the watch begins: what was known when a snapshot was written. */
  restore(pods: readonly KeptPod[]): void {
    for (const { namespace, name, uidNumber: uid, owner, node, isRunning, tombstoneMs } of inOrderOfReturn(pods)) {
      const at = this.#arrive(namespace, name, uid);
      if (at === NO_ROW) continue;
      this.#become(at, { state: row.known, owner, node, isRunning });
      if (tombstoneMs !== undefined) this.#bury(at, Math.min(tombstoneMs, this.#options.tombstoneMs));
    }
  }

  // What people and the snapshot see.

  /** Grows with everything that a snapshot would tell differently. */
  get revision(): number {
    return this.#revision;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  counts(): IndexCounts {
    const { known, tombstone, waiting, absent } = row;
    const [pods, tombstones, unresolved, absentNow] = [known, tombstone, waiting, absent].map((state) => this.#holdings.count(state));
    return { pods: pods!, tombstones: tombstones!, unresolved: unresolved!, absent: absentNow! };
  }

  /** By name. A pod belongs to whom its label names, else to the owner of its namespace. */
  owned(): readonly Readonly<Owner>[] {
    return this.#owners.all();
  }

  kept(): Iterable<KeptPod> {
    return keptPods(this.#table, this.#options.clock.monotonicMs());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timerDueMs = -Infinity;
  }

  // Rows.

  /** The row that an answer is wanted of, made where there is none. */
  #rowFor(namespace: string, name: string, uid: string): number {
    const head = this.#table.head(namespace, name);
    if (uid === '' && head !== NO_ROW) return head;
    const number = uidNumber(uid);
    const at = this.#table.find(head, number);
    if (at !== NO_ROW) return at;
    if (this.#isNameless(head)) return this.#claim(head, number);
    if (this.#holdings.count(row.waiting) + this.#holdings.count(row.absent) >= this.#limits.unknown) return this.#refuse('unknown');
    return this.#wait(this.#table.add(namespace, name, number, 'behind'));
  }

  /** The row of a pod that the watch tells of, at the beginning of its chain. */
  #arrive(namespace: string, name: string, uid: number): number {
    const head = this.#table.head(namespace, name);
    let at = this.#table.find(head, uid);
    if (at === NO_ROW && this.#isNameless(head)) at = this.#claim(head, uid);
    if (at !== NO_ROW && at === head) return at;
    if (at !== NO_ROW) this.#table.lift(at);
    else if (this.#holdings.count(row.known) >= this.#limits.pods) return this.#refuse('pods');
    else {
      at = this.#table.add(namespace, name, uid, 'first');
      this.#holdings.add(at);
    }
    this.#succeed(at, head);
    return at;
  }

  /** `at` is the newest of its name now; before it was `head`. */
  #succeed(at: number, head: number): void {
    const entry = this.#table.nameEntry[at]!;
    if (entry !== NO_ENTRY) {
      this.#entries.move(entry, at);
      this.#changes.add(entry);
    }
    if (head !== NO_ROW && this.#table.state[head] === row.known) this.#bury(head, this.#options.tombstoneMs);
  }

  /** Somebody asked for the name, and nothing is known of it: whatever uid comes is meant. */
  #isNameless(head: number): boolean {
    return head !== NO_ROW && this.#table.uid[head] === 0 && this.#table.state[head]! <= row.absent;
  }

  #claim(at: number, uid: number): number {
    this.#table.uid[at] = uid;
    return at;
  }

  #wait(at: number): number {
    this.#holdings.add(at);
    this.#due(at, this.#waits, this.#options.waitMs);
    return at;
  }

  #become(at: number, next: { readonly state: number; readonly owner: string; readonly node: string; readonly isRunning: boolean }): void {
    const { state, owner, node, isRunning } = this.#table;
    const running = next.isRunning ? 1 : 0;
    const isAnswered = state[at] === next.state && owner[at] === next.owner;
    if (isAnswered && node[at] === next.node && isRunning[at] === running) return;
    this.#revision++;
    this.#holdings.remove(at);
    state[at] = next.state;
    owner[at] = next.owner;
    node[at] = next.node;
    isRunning[at] = running;
    this.#holdings.add(at);
    if (this.#holdings.movedNodes.size > 0) this.#changes.schedule();
    if (!isAnswered) this.#tell(at);
  }

  #bury(at: number, tombstoneMs: number): void {
    const { owner, node } = this.#table;
    if (tombstoneMs <= 0) return this.#expire(at);
    if (this.#holdings.count(row.tombstone) >= this.#limits.tombstones) this.#expireOldest();
    this.#become(at, { state: row.tombstone, owner: owner[at]!, node: node[at]!, isRunning: false });
    this.#due(at, this.#tombstones, tombstoneMs);
  }

  #expireOldest(): void {
    this.#refuse('tombstones');
    while (!this.#tombstones.isEmpty) {
      const { at, dueMs } = this.#tombstones.take();
      if (this.#awaits(at, dueMs, row.tombstone)) return this.#expire(at);
    }
  }

  #expire(at: number): void {
    this.#become(at, { state: row.absent, owner: '', node: '', isRunning: false });
    if (!this.#hasEntry(at)) this.#free(at);
  }

  #free(at: number): void {
    this.#holdings.remove(at);
    this.#table.remove(at);
  }

  #hasEntry(at: number): boolean {
    return this.#table.nameEntry[at] !== NO_ENTRY || this.#table.uidEntry[at] !== NO_ENTRY;
  }

  // Changes.

  #tell(at: number): void {
    const { nameEntry, uidEntry } = this.#table;
    for (const entry of [nameEntry[at]!, uidEntry[at]!]) if (entry !== NO_ENTRY) this.#changes.add(entry);
  }

  #tellNodes(): void {
    const { movedNodes } = this.#holdings;
    for (const node of movedNodes) {
      const owners = ownersOf(node);
      if (node.entry !== NO_ENTRY && owners !== node.told) this.#changes.add(node.entry);
      node.told = owners;
      this.#nodes.release(node);
    }
    movedNodes.clear();
  }

  #refuse(what: Refusal): typeof NO_ENTRY {
    this.#options.counters.refused(what);
    return NO_ENTRY;
  }

  // Time.

  #due(at: number, queue: RowQueue, delayMs: number): void {
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    this.#table.dueMs[at] = dueMs;
    queue.push(at, dueMs);
    this.#arm();
  }

  #awaits(at: number, dueMs: number, state: number): boolean {
    return this.#table.state[at] === state && this.#table.dueMs[at] === dueMs;
  }

  #arm(): void {
    const dueMs = Math.min(this.#isComplete ? this.#waits.dueMs : Infinity, this.#tombstones.dueMs, this.#forgetAtMs);
    if (dueMs >= this.#timerDueMs) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = this.#options.clock.after(Math.max(0, dueMs - this.#options.clock.monotonicMs()), () => {
      this.#timerDueMs = Infinity;
      this.#sweep();
    });
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#isComplete) this.#sweepQueue(this.#waits, row.waiting, nowMs);
    this.#sweepQueue(this.#tombstones, row.tombstone, nowMs);
    if (nowMs >= this.#forgetAtMs) this.#forget(nowMs);
    this.#arm();
  }

  #sweepQueue(queue: RowQueue, state: number, nowMs: number): void {
    while (queue.dueMs <= nowMs) {
      const { at, dueMs } = queue.take();
      if (this.#awaits(at, dueMs, state)) this.#expire(at);
    }
  }

  #forget(nowMs: number): void {
    this.#forgetAtMs = nowMs + FORGET_MS;
    for (let at = 0; at < this.#table.used; at++) {
      const state = this.#table.state[at]!;
      if (state === row.waiting || state === row.absent) this.#forgetRow(at);
    }
    this.#waits.retain((at, dueMs) => this.#awaits(at, dueMs, row.waiting));
    for (const node of this.#entries.nodes()) if (node.pods.size === 0) this.#forgetNode(node);
  }

  #forgetRow(at: number): void {
    if (!this.#hasEntry(at)) return this.#free(at);
    const { nameEntry, uidEntry } = this.#table;
    this.#tell(at);
    this.#entries.drop(nameEntry[at]!);
    this.#entries.drop(uidEntry[at]!);
    nameEntry[at] = NO_ENTRY;
    uidEntry[at] = NO_ENTRY;
  }

  #forgetNode(node: Node): void {
    this.#changes.add(node.entry);
    this.#entries.drop(node.entry);
    node.entry = NO_ENTRY;
    this.#nodes.release(node);
  }
}
