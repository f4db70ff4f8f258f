// The discovery contract. A provider watches one source and reports target groups; the manager joins providers of all jobs.

/**
 * Targets that share a source and labels. No `targets` removes what the source had before. Immutable; a changed group is a new object. A
 * provider of many groups may work `targets` and `labels` out on each access instead of keeping them (fifty thousand pods with sixty labels each
 * are hundreds of megabytes): read each once, and ask `targetCount` for the number.
 */
export interface TargetGroup {
  /** Unique within the provider: file name and index, object name, URL and index. */
  readonly source: string;
  readonly targetCount: number;
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

/** A group whose targets are kept as they are. */
export function targetGroup(source: string, targets: readonly ReadonlyMap<string, string>[], labels: ReadonlyMap<string, string> = new Map()): TargetGroup {
  return { source, targetCount: targets.length, targets, labels };
}
