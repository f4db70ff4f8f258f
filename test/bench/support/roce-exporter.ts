// Debian's node exporter as one would use it for the same end: scraped every second. Runs in a network namespace, where it finds the same interfaces.

import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ExporterOptions {
  readonly binary: string;
  /** Arguments that choose collectors. */
  readonly args: readonly string[];
  readonly periodMs: number;
}

export interface ExporterReport {
  /** Samples given since the start, and scrapes. */
  readonly samples: number;
  readonly scrapes: number;
  /** Of the exporter alone. */
  readonly cpuSeconds: number;
  readonly atNs: number;
}

/** The namespace is new: everything is free in it. */
const address = '127.0.0.1:9100';

/** Runs until the parent goes, and answers every message with an `ExporterReport`. */
export function serveExporter({ binary, args, periodMs }: ExporterOptions): void {
  const exporter = spawn(binary, [...args, `--web.listen-address=${address}`], { stdio: 'ignore' });
  let samples = 0;
  let scrapes = 0;
  const scrape = async () => {
    const response = await fetch(`http://${address}/metrics`);
    samples += samplesIn(await response.text());
    scrapes++;
  };
  // It may not listen yet.
  setInterval(() => void scrape().catch(() => undefined), periodMs);
  process.on('message', () => process.send!({ samples, scrapes, cpuSeconds: cpuSecondsOf(exporter), atNs: Number(process.hrtime.bigint()) }));
  process.on('disconnect', () => {
    exporter.kill('SIGKILL');
    process.exit(0);
  });
  process.send!({ port: 0 });
}

function samplesIn(page: string): number {
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

/** Of all its threads. A peer's wrapper script replaces itself, so the id stays. */
function cpuSecondsOf({ pid }: ChildProcess): number {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).reduce((sum, thread) => sum + Number(readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0);
}
