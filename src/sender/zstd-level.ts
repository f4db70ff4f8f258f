// Which zstd level a body gets. 3 costs about as much as 1; more saves a tenth of the bytes for several times the CPU, which pays only where
// the link is what is short and the CPU is not. A link that carries all there is in a small part of the time is not short, whatever the answers to small bodies seem to tell of
// its speed: they tell about the receiver.

/** Links below these carry so little that compressing harder takes a small part of the time the bytes would. Bytes a second, compressed. */
const THIN = { level6: 2_000_000, level9: 500_000 };
/** A link that is busy for less than this share of the time has room. */
const IDLE_SHARE_MAX = 0.1;
/** Above it scraping needs the CPU. */
const BUSY_SHARE_MAX = 0.5;

export interface LevelFacts {
  /** Undefined before it was measured. */
  readonly linkBytesPerSecond: number | undefined;
  /** Share of the time that requests are under way. */
  readonly linkBusyShare: number;
  /** Share of the time the event loop is busy, 0 to 1. */
  readonly cpuBusyShare: number;
}

export function zstdLevel({ linkBytesPerSecond, linkBusyShare, cpuBusyShare }: LevelFacts): number {
  if (linkBytesPerSecond === undefined || linkBusyShare < IDLE_SHARE_MAX || cpuBusyShare > BUSY_SHARE_MAX) return 3;
  if (linkBytesPerSecond < THIN.level9) return 9;
  return linkBytesPerSecond < THIN.level6 ? 6 : 3;
}
