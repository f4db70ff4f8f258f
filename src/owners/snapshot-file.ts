// The file of the snapshot: read at the start, written when something changed and a minute has passed, and at the stop. What the disk refuses costs the answers of a start
// without the API server, nothing else: it is counted, and logged when it begins and ends.

import type { Clock, Timer } from '../io/clock.ts';
import type { Disk } from '../io/disk.ts';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { KeptPod } from './kept-pod.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';

/** A rollout changes pods for minutes, and 50,000 of them are 3 MB and some 30 ms to write. Milliseconds. */
export const SAVE_MS = 60_000;
/** Five million pods. */
const FILE_BYTES_MAX = 512 * 1024 * 1024;

export type SnapshotFailure = 'damaged' | 'version' | 'unreadable' | 'unwritable';

export interface SnapshotFileOptions {
  readonly path: string;
  /** '' where pods have no say. */
  readonly podLabel: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly countFailure: (reason: SnapshotFailure) => void;
}

/** What is written. */
export interface SnapshotSource {
  /** Another number is another content. */
  readonly revision: number;
  kept(): Iterable<KeptPod>;
}

export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  #timer: Timer | undefined;
  #savedRevision = -1;
  #isRefused = false;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
  }

  /** The pods of the file; none where there is no file, or none that means something here. Time that has passed since is taken off tombstones. */
  read(): readonly KeptPod[] {
    const bytes = this.#bytes();
    if (bytes === undefined) return [];
    const snapshot = decodeSnapshot(bytes);
    if ('reason' in snapshot) {
      this.#fail(snapshot.reason, snapshot.text);
      return [];
    }
    if (snapshot.podLabel !== this.#options.podLabel) return [];
    const passedMs = Math.max(0, this.#options.clock.nowMs() - snapshot.writtenAtMs);
    return snapshot.pods
      .filter(({ tombstoneMs }) => tombstoneMs === undefined || tombstoneMs > passedMs)
      .map((pod) => (pod.tombstoneMs === undefined ? pod : { ...pod, tombstoneMs: pod.tombstoneMs - passedMs }));
  }

  #bytes(): Buffer | undefined {
    const { disk, path } = this.#options;
    try {
      if (!disk.exists(path)) return undefined;
      const size = disk.fileBytes(path);
      if (size <= FILE_BYTES_MAX) return Buffer.from(disk.readFile(path));
      this.#fail('damaged', `${size} bytes, expected at most ${FILE_BYTES_MAX}`);
    } catch (error) {
      this.#fail('unreadable', errorText(error));
    }
    return undefined;
  }

  #fail(reason: SnapshotFailure, text: string): void {
    this.#options.countFailure(reason);
    this.#options.logger.warn('the snapshot of owners is ignored: owners are known once the API server has told all pods', { path: this.#options.path, reason, error: text });
  }

  /** Writes from now on, as often as allowed. */
  follow(source: SnapshotSource): void {
    this.#savedRevision = source.revision;
    this.#schedule(source);
  }

  #schedule(source: SnapshotSource): void {
    this.#timer = this.#options.clock.after(SAVE_MS, () => {
      this.save(source);
      this.#schedule(source);
    });
  }

  /** Writes now what has changed since it was written last. */
  save(source: SnapshotSource): void {
    if (source.revision === this.#savedRevision) return;
    const { disk, path, podLabel, clock, logger } = this.#options;
    const { revision } = source;
    try {
      disk.writeFile(path, encodeSnapshot({ writtenAtMs: clock.nowMs(), podLabel, pods: [...source.kept()] }));
      this.#savedRevision = revision;
      if (this.#isRefused) logger.info('the snapshot of owners is written again', { path });
      this.#isRefused = false;
    } catch (error) {
      this.#options.countFailure('unwritable');
      if (!this.#isRefused) logger.warn('the snapshot of owners cannot be written; it is tried again every minute', { path, error: errorText(error) });
      this.#isRefused = true;
    }
  }

  close(source: SnapshotSource): void {
    this.#timer?.cancel();
    this.save(source);
  }
}
