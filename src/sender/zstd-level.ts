// Which zstd level a body gets. 3 costs about as much as 1; more saves a tenth of the bytes for several times the CPU, which pays only where
// the link is what is short and the CPU is not.

/** Links below these carry so little that compressing harder takes a small part of the time the bytes would. Bytes a second, compressed. */
const THIN = { level6: 2_000_000, level9: 500_000 };
/** Above it scraping needs the CPU. */
const BUSY_SHARE_MAX = 0.5;

export interface LevelFacts {
  /** Undefined before it was measured. */
  readonly linkBytesPerSecond: number | undefined;
  /** Share of the time the event loop is busy, 0 to 1. */
  readonly cpuBusyShare: number;
}

export function zstdLevel({ linkBytesPerSecond, cpuBusyShare }: LevelFacts): number {
  if (linkBytesPerSecond === undefined || cpuBusyShare > BUSY_SHARE_MAX) return 3;
  if (linkBytesPerSecond < THIN.level9) return 9;
  return linkBytesPerSecond < THIN.level6 ? 6 : 3;
}
