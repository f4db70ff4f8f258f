// The discovery contract. A provider watches one source and reports target groups; the manager joins providers of all jobs.

/** Targets that share a source and labels. An empty `targets` removes what the source had before. */
export interface TargetGroup {
  /** Unique within the provider: file name and index, object name, URL and index. */
  readonly source: string;
  readonly targets: readonly ReadonlyMap<string, string>[];
  readonly labels: ReadonlyMap<string, string>;
}

/** Called with the groups that changed. */
export type GroupSink = (changed: readonly TargetGroup[]) => void;

export interface Provider {
  /** Starts watching; `sink` is called with all groups once they are known and with changed ones later. A failure keeps the last groups. */
  start(sink: GroupSink): void;
  stop(): Promise<void>;
}
