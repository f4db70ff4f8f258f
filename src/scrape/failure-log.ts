// scrape_failure_log_file: one JSON line per failed scrape. Lines are gathered for a moment and written in one go, so that a thousand
// failing targets do not mean a thousand writes; a file that cannot be written costs its lines, never a scrape.

import { errorText } from '../model/error.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Disk, DiskFile } from '../io/disk.ts';
import type { Counter } from '../telemetry/metrics.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Target } from '../model/target.ts';

export interface FailureLog {
  write(path: string, target: Target, error: string): void;
  /** Closes the files; each is opened again at its next line. For log rotation, called on every reload. */
  reopen(): void;
  /** Writes what is gathered and closes the files. */
  close(): void;
}

/** How long lines wait for company. */
const GATHER_MS = 200;

export interface FailureLogOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly lost: Counter;
}

interface LogFile {
  file: DiskFile | undefined;
  lines: string[];
  failing: boolean;
}

export function createFailureLog(options: FailureLogOptions): FailureLog {
  const files = new Map<string, LogFile>();
  let timer: Timer | undefined;

  const flush = () => {
    timer = undefined;
    for (const [path, log] of files) if (log.lines.length > 0) flushFile(path, log, options);
  };
  const reopen = () => {
    timer?.cancel();
    flush();
    for (const log of files.values()) log.file?.close();
    files.clear();
  };
  return {
    write(path, target, error) {
      let log = files.get(path);
      if (log === undefined) files.set(path, (log = { file: undefined, lines: [], failing: false }));
      log.lines.push(formatLine(options.clock.nowMs(), target, error));
      timer ??= options.clock.after(GATHER_MS, flush);
    },
    reopen,
    close: reopen,
  };
}

function flushFile(path: string, log: LogFile, options: FailureLogOptions): void {
  const lines = log.lines;
  log.lines = [];
  try {
    log.file ??= options.disk.openAppend(path);
    log.file.append([Buffer.from(lines.join(''))]);
    log.failing = false;
  } catch (error) {
    options.lost.inc(lines.length);
    if (!log.failing) options.logger.warn('scrape failure log cannot be written', { file: path, error: errorText(error) });
    log.failing = true;
  }
}

function formatLine(nowMs: number, target: Target, error: string): string {
  const fields = { time: new Date(nowMs).toISOString(), level: 'ERROR', msg: error, job_name: target.job, target: target.url };
  return `${JSON.stringify(fields)}\n`;
}
