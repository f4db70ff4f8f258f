// The contract of the owner index: who does a series belong to? Routing asks it once per series, keeps the ids of the entries that its answer came from,
// and asks again when the index tells that one of them changed. What stands behind it (a watch over pods, a file, a rule over names) is not routing's affair.
//
//     pod('hero-user-a', 'train-0') -> 17     owner(17) -> 'a'     ...     changed([17])     owner(17) -> 'b'
//
// An entry stands for a pod or a node. Its id is a small integer from 0, so that a cache can hold one per series in four bytes; ids are
// never given twice in the life of a process. An index may forget what nobody needs any more: the entry then answers as `absent`, and asking for the same name
// again gives another id.

/** Where no entry is meant. */
export const NO_ENTRY = -1;

/**
 * What the index knows of an entry. `known`: its object exists. `tombstone`: it is gone, and its answer is kept for exporters that still report it.
 * `unresolved`: not known, and the watch may yet tell. `absent`: not known, and nothing is awaited: the watch is complete and has had time to tell.
 */
export type EntryState = 'known' | 'tombstone' | 'unresolved' | 'absent';

export interface OwnerIndex {
  /**
   * The entry of a pod; made when there is none, so that its arrival is a change. With `uid` that incarnation is meant, without it the newest of the name.
   * NO_ENTRY where pods have no say (no `owner.pod_label`), or when the index is full.
   */
  pod(namespace: string, name: string, uid?: string): number;
  /** The owner that the rule over namespaces gives; undefined for none. Never changes in the life of an index. */
  ownerOfNamespace(name: string): string | undefined;
  /** The entry of a node, for `owners`. NO_ENTRY where nobody watches pods. */
  node(name: string): number;
  state(entry: number): EntryState;
  /** The owner that the pod's label names; undefined when it names none, and for what is not known. */
  owner(entry: number): string | undefined;
  /** Of a node: the owners that have a running pod there, each once, sorted. The same array until it changes. */
  owners(entry: number): readonly string[];
  /**
   * Calls back with the ids of entries whose state, owner or owners changed, each once per call, after the index gives the new answers. Only entries that were asked for are
   * told. Calls are bundled: at most one per turn of the event loop. Returns what ends the registration.
   */
  onChange(listener: (entries: readonly number[]) => void): () => void;
}
