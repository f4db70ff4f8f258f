// A sysfs with a device whose counters move as planned: the golden tree of a two-port mlx5 device, and a program beside it that counts. For tests and benchmarks
// of a sampler that is unmodified but for the root.

import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { bundle } from '../../scripts/bundle.mjs';
import { buildProgram, hasCompiler } from '../../scripts/native.mjs';

/** What one counter does. */
export interface Movement {
  /** Below `class/infiniband`: `mlx5_0/ports/1/counters/port_rcv_data`. */
  readonly counter: string;
  /** After the beginning. */
  readonly startMs: number;
  /** Evenly over this time; 0: at once. */
  readonly durationMs: number;
  readonly counts: number;
}

/** A movement as it came true: the counts are exact, and their time is when the file's value was up to date. */
export interface Moved extends Movement {
  /** The longest time for which the file lagged behind, milliseconds: what a reading in it is wrong by, in time. More than a few microseconds are a host that stalled. */
  readonly lagMs: number;
}

export interface FakeSysfs {
  /** For `paths.sysfs`. */
  readonly root: string;
  /** Of every counter's file. */
  valueOf(counter: string): number;
  /**
   * Moves counters from `beginMs` on, milliseconds since the epoch, which has to be far enough away for a program to start. Resolves when all is done. A process that reads
   * them, `readerPid`, keeps off the processor on which they are written, where there are several.
   */
  move(beginMs: number, movements: readonly Movement[], readerPid?: number): Promise<Moved[]>;
  remove(): void;
}

const golden = join(import.meta.dirname, '..', 'fixtures', 'sys', 'mlx5-two-ports');
/** Without the interfaces of the tree, which nothing moves. */
const parts = ['class/infiniband', 'devices'];
const digits = 20;

/** `remove` ends a program that still counts. */
export async function createFakeSysfs(writer: 'native' | 'typescript' = hasCompiler() ? 'native' : 'typescript'): Promise<FakeSysfs> {
  const command = writer === 'native' ? [buildProgram('fake-counters', '')] : [process.execPath, await bundle('test/support/fake-counters.ts', 'fake-counters')];
  // In memory, where it can be had: a disk that is busy would delay the files.
  const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fake-sysfs-'));
  const devices = join(root, 'class', 'infiniband');
  for (const part of parts) cpSync(join(golden, part), join(root, part), { recursive: true, verbatimSymlinks: true });
  // Every writer finds the width that it keeps, so that no file is ever empty.
  for (const file of countersBelow(devices)) writeFileSync(file, `${readFileSync(file, 'latin1').trim().padStart(digits, '0')}\n`);
  const end = new AbortController();
  const valueOf = (counter: string) => Number(readFileSync(join(devices, counter), 'latin1'));
  return {
    root,
    valueOf,
    async move(beginMs, movements, readerPid) {
      const sorted = movements.toSorted((a, b) => a.startMs - b.startMs);
      const names = [...new Set(sorted.map(({ counter }) => counter))];
      const lines = [
        `begin ${beginMs}`,
        ...(readerPid === undefined ? [] : [`reader ${readerPid}`]),
        ...names.map((name) => `counter ${valueOf(name)} ${join(devices, name)}`),
        ...sorted.map(({ counter, startMs, durationMs, counts }) => `move ${names.indexOf(counter)} ${Math.round(startMs * 1e6)} ${Math.round(durationMs * 1e6)} ${counts}`),
      ];
      const lags = (await finish(command, `${lines.join('\n')}\n`, end.signal)).trim().split('\n').map(Number);
      return sorted.map((movement, i) => ({ ...movement, lagMs: lags[i]! / 1e6 }));
    },
    remove() {
      end.abort();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function countersBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((entry) => entry.isFile() && /\/(hw_)?counters$/.test(entry.parentPath));
  return files.map(({ parentPath, name }) => join(parentPath, name)).filter((file) => /^\d+\n$/.test(readFileSync(file, 'latin1')));
}

function finish([program = '', ...args]: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { signal, stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
    child.on('error', reject).on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program} ended with ${code}`))));
    child.stdin.end(input);
  });
}
