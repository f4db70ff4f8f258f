// Processes for end-to-end tests: started with their output kept, waited for by conditions, ended by id.

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  readonly pid: number;
  /** Standard output and standard error so far. */
  readonly output: () => string;
  /** Undefined while it runs; a signal's name when one ended it. */
  readonly exit: () => number | string | undefined;
  /** Resolves at the end, with the exit code or the signal's name. */
  readonly ended: Promise<number | string>;
  /** The first group of the first match of `pattern` in the output. Rejects when the process ends before, or after 30 s. */
  waitFor(pattern: RegExp): Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL when that did not help within 15 s. */
  stop(): Promise<number | string>;
}

/** How long a peer or our program may take to say what a test waits for, milliseconds. */
const sayMs = 30_000;
const stopMs = 15_000;
/** Output kept of one process, characters: enough for every log line of a test. */
const outputChars = 4_000_000;

const started = new Set<Running>();
const folders: string[] = [];

/** Starts `command`, with another environment or user if need be; `endAll` ends it at the latest. */
export function run(command: string, args: readonly string[], options: Pick<SpawnOptions, 'env' | 'uid' | 'gid'> = {}): Running {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const running = follow(child);
  started.add(running);
  return running;
}

function follow(child: ChildProcess): Running {
  let output = '';
  let exit: number | string | undefined;
  const add = (chunk: Buffer) => void (output = (output + chunk.toString('utf8')).slice(-outputChars));
  child.stdout?.on('data', add);
  child.stderr?.on('data', add);
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve((exit = error.message)));
    // `close` comes after the last output, `exit` may come before it.
    child.once('close', (code, signal) => resolve((exit = code ?? signal ?? 'unknown')));
  });
  return {
    pid: child.pid ?? -1,
    output: () => output,
    exit: () => exit,
    ended,
    async waitFor(pattern) {
      await until(() => pattern.test(output) || exit !== undefined, { timeoutMs: sayMs, what: () => `${String(pattern)} in the output:\n${output.slice(-3000)}` });
      const match = pattern.exec(output);
      if (match === null) throw new Error(`ended with ${exit} before ${String(pattern)}:\n${output.slice(-3000)}`);
      return match[1] ?? match[0];
    },
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      const code = await ended;
      clearTimeout(timer);
      return code;
    },
  };
}

/** A new folder, removed by `endAll`. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-e2e-'));
  folders.push(folder);
  return folder;
}

/** Ends every process that was started here and removes the folders: for afterAll. */
export async function endAll(): Promise<void> {
  await Promise.all([...started].filter((running) => running.exit() === undefined).map((running) => running.stop()));
  started.clear();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Asks every 50 ms until `condition` holds; an error of the condition counts as "not yet". Rejects after `timeoutMs`, saying `what` was waited for. */
export async function until(condition: () => boolean | Promise<boolean>, options: { readonly what: () => string; readonly timeoutMs?: number }): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 20_000;
  const endMs = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      if (await condition()) return;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${options.what()}`, { cause: lastError });
    await sleep(50);
  }
}
