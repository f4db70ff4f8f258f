// Processes of a benchmark and what they cost, from the kernel's accounting.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Ticks of /proc/<pid>/stat per second: USER_HZ is 100 on every Linux. */
const TICKS_PER_SECOND = 100;

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
}

/** Reads what a process has used. Fails when it is gone. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kb = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    rssMb: kb('VmRSS') / 1024,
    peakRssMb: kb('VmHWM') / 1024,
  };
}

/** A helper process that runs an exported function of this very bundle and speaks by messages. */
export class Helper<T> {
  readonly port: Promise<number>;
  readonly #child: ChildProcess;
  #waiting: ((message: T) => void)[] = [];

  /** `prefix`: a command that starts the process elsewhere, such as in a network namespace. */
  constructor(functionName: string, options: unknown, prefix: readonly string[] = []) {
    const code = `import(${JSON.stringify(import.meta.url)}).then((m) => m.${functionName}(${JSON.stringify(options)}))`;
    const node = [process.execPath, '--input-type=module', '-e', code];
    const [command = process.execPath, ...args] = [...prefix, ...node];
    this.#child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.port = new Promise((resolve) => this.#child.once('message', (message: { port: number }) => resolve(message.port)));
    void this.port.then(() => this.#child.on('message', (message) => this.#waiting.shift()?.(message as T)));
  }

  ask(message: object = {}): Promise<T> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#child.send(message);
    });
  }

  stop(): void {
    this.#child.disconnect();
  }
}

export function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The root of the repository, seen from a bundle below .cache/bundles. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Ends a process by its id and waits for it. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(timer);
}
