// The contract of where documents come from. A source tells every document it has, once it knows them all that this is so, and then what changes. It never
// tells that a document vanished because it could not look.

/** A document, or why there is none where one should be. */
export type Content = Uint8Array | { readonly problem: string };

export interface Told {
  /** Unique within the source, the same after a restart. */
  readonly key: string;
  /** What tells the owner. */
  readonly place: string;
  /** For people. */
  readonly shown: string;
  /** Pattern over whole places, its group is the owner; undefined where nobody has given one. */
  readonly owner: string | undefined;
  readonly content: Content;
}

export interface SourceListener {
  told(document: Told): void;
  vanished(key: string): void;
  /** Everything that is there has been told. Called once, after `start` has returned or during it. */
  synced(): void;
}

export interface Source {
  start(listener: SourceListener): void;
  stop(): Promise<void>;
  /** Why it cannot look now; '' when it can. */
  readonly error: string;
}
