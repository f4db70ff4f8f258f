// The native sampler in a process that is stopped for 50 ms, and in one whose event loop is blocked for 500 ms: every window arrives, what was counted is counted, and
// the deadlines that passed unused are told. What is compared follows from the order of things, not from how fast they are.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const isBuilt = existsSync(join(root, 'dist', 'native', 'sampler.node'));
if (!isBuilt) console.warn('SKIPPED: the native sampler: it was not built');

const periodNs = 1e6;
const windowNs = 5e8;
const children = new Set<ChildProcess>();
const folder = mkdtempSync(join(tmpdir(), 'tributary-roce-'));
let script: string;

interface Outcome {
  readonly produced: number;
  readonly consumed: number;
  readonly overwritten: number;
  readonly ticks: number;
  readonly missed: number;
  readonly elapsedNs: number;
  readonly windows: readonly { readonly startNs: number; readonly endNs: number; readonly coveredNs: number; readonly units: number }[];
}

beforeAll(() => {
  const code = `import { bundle } from './scripts/bundle.mjs'; console.log(await bundle('test/e2e/support/sampler-child.ts', 'sampler-child'));`;
  script = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' }).trim();
});

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A counter in a file that is written in place, so that nobody reads half of it. */
function counterFile(name: string) {
  const path = join(folder, name);
  const file = openSync(path, 'w+');
  let value = 0;
  const add = (units: number) => {
    value += units;
    writeSync(file, `${value.toString().padStart(12, '0')}\n`, 0);
  };
  add(0);
  return { path, add, close: () => closeSync(file) };
}

async function startSampler(path: string) {
  const child = spawn(process.execPath, [script, JSON.stringify({ path, periodNs, windowNs })], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.add(child);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await answers.next()).value as string) as Outcome;
  await next();
  return {
    pid: child.pid ?? 0,
    ask: async (command: object) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}

/** Every thread of the process stands still for at least `ms`. */
async function standStill(pid: number, ms: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const states = () => readdirSync(`/proc/${pid}/task`).map((thread) => /\) (\w)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))?.[1]);
  while (states().some((state) => state !== 'T')) await setTimeout(1);
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs) await setTimeout(untilMs - performance.now());
  process.kill(pid, 'SIGCONT');
}

/** Reads until the thread has seen what the file holds now. */
async function settle(ask: (command: object) => Promise<Outcome>): Promise<void> {
  const from = (await ask({})).ticks;
  while ((await ask({})).ticks < from + 2) await setTimeout(1);
}

function expectNothingLost({ produced, consumed, overwritten, windows, ticks, missed, elapsedNs }: Outcome, units: number): void {
  expect({ produced, overwritten }).toEqual({ produced: consumed, overwritten: 0 });
  for (const [index, window] of windows.slice(1).entries()) expect(Math.abs(window.startNs - (windows[index]?.endNs ?? 0))).toBeLessThan(1000);
  expect(windows.reduce((sum, window) => sum + window.units, 0)).toBe(units);
  // Deadlines between the first reading and the last were used or missed, and none came before the start or after the stop.
  const coveredNs = windows.reduce((sum, window) => sum + window.coveredNs, 0);
  expect(ticks + missed).toBeGreaterThanOrEqual(Math.floor(coveredNs / periodNs));
  expect(ticks + missed).toBeLessThanOrEqual(Math.ceil(elapsedNs / periodNs));
}

describe.runIf(isBuilt)('the native sampler', () => {
  test('tells the gap when its process is stopped for 50 ms, and loses nothing', async () => {
    const { path, add, close } = counterFile('stopped');
    const { pid, ask, end } = await startSampler(path);
    await settle(ask);
    add(1000);
    await standStill(pid, 50);
    add(500);
    await setTimeout(1200);
    await settle(ask);
    const outcome = await ask({ stop: true });
    expectNothingLost(outcome, 1500);
    expect(outcome.missed).toBeGreaterThanOrEqual(49);
    expect(outcome.windows.length).toBeGreaterThanOrEqual(3);
    end();
    close();
  });

  test('goes on while the event loop is blocked for 500 ms', async () => {
    const { path, add, close } = counterFile('blocked');
    const { ask, end } = await startSampler(path);
    await settle(ask);
    const before = (await ask({})).ticks;
    const blocked = ask({ block: 500 });
    for (let part = 0; part < 10; part++) {
      add(100);
      await setTimeout(30);
    }
    // The answer comes from the loop that was blocked; the thread was not.
    expect((await blocked).ticks).toBeGreaterThan(before);
    await setTimeout(600);
    await settle(ask);
    const outcome = await ask({ stop: true });
    expectNothingLost(outcome, 1000);
    end();
    close();
  });
});
