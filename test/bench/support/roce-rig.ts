// The test bed of `npm run bench -- roce`: a network namespace with pairs of virtual interfaces that carry nothing but what our generator sends, and the programs of
// native/test. Whatever it made goes with it, also when the benchmark is interrupted: processes by their id, the namespace by its name.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Native from '../../../scripts/native.mjs';
import { root } from './process.ts';

export interface Rig {
  /** Starts a command in the namespace. */
  readonly prefix: readonly string[];
  /** All interfaces there, `lo` included. */
  readonly links: readonly string[];
  /** What is sent at one of these ... */
  readonly senders: readonly string[];
  /** ... is received at the same place here. */
  readonly receivers: readonly string[];
  close(): void;
}

type ProgramName = 'burst-generator' | 'canary' | 'burners';

const { buildProgram, hasCompiler } = (await import(pathToFileURL(join(root, 'scripts', 'native.mjs')).href)) as typeof Native;
/** Of SCHED_FIFO, as the program has it by default. */
export const samplerPriority = 10;
const programs = new Map<ProgramName, string>();
const leftovers = new Set<() => void>();
/** That this process may use: the sender has the last one to itself while it sends. */
const processors = processorsOf(/^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0');

/** Why the namespace or the programs cannot be had here; undefined where they can. */
export function rigProblem(): string | undefined {
  if (!hasCompiler()) return 'no C++ compiler';
  if (processors.length < 2) return 'one processor: sender and sampler need one each';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (spawnSync('ip', ['-V']).status !== 0) return 'no ip (iproute2)';
  const space = spaceName();
  const made = spawnSync('ip', ['netns', 'add', space], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespace: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', space]);
  return undefined;
}

/** A namespace with so many pairs. Throws what `ip` says. */
export function openRig(pairs: number): Rig {
  const space = spaceName();
  const prefix = ['ip', 'netns', 'exec', space];
  const close = atExit(() => void spawnSync('ip', ['netns', 'del', space]));
  const senders = Array.from({ length: pairs }, (_, pair) => `tr${pair}a`);
  const receivers = Array.from({ length: pairs }, (_, pair) => `tr${pair}b`);
  run('ip', 'netns', 'add', space);
  // Nobody but the generator shall send: no router solicitations, no groups to join, no addresses to ask for.
  run(...prefix, 'sh', '-c', 'for which in all default; do echo 1 > /proc/sys/net/ipv6/conf/$which/disable_ipv6; done 2>/dev/null || test ! -e /proc/sys/net/ipv6');
  run('ip', '-n', space, 'link', 'set', 'lo', 'up');
  for (const [pair, sender] of senders.entries()) run('ip', '-n', space, 'link', 'add', sender, 'type', 'veth', 'peer', 'name', receivers[pair] ?? '');
  for (const link of [...senders, ...receivers]) run('ip', '-n', space, 'link', 'set', link, 'arp', 'off', 'multicast', 'off', 'up');
  return { prefix, links: ['lo', ...senders, ...receivers], senders, receivers, close };
}

function spaceName(): string {
  return `tributary-roce-${process.pid}`;
}

function run(...[tool = '', ...args]: string[]): void {
  const { status, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}: ${stderr.trim()}`);
}

/** `0-2,4` */
function processorsOf(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function programPath(name: ProgramName): string {
  const path = programs.get(name) ?? buildProgram(name, '');
  programs.set(name, path);
  return path;
}

/** Has `undo` happen once: when the returned function is called, or when the benchmark ends in whatever way. */
function atExit(undo: () => void): () => void {
  if (leftovers.size === 0) {
    process.once('exit', undoAll);
    // Without these a signal ends the process past its exit handlers.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
  }
  const once = () => {
    if (leftovers.delete(once)) undo();
  };
  leftovers.add(once);
  return once;
}

function undoAll(): void {
  // Processes before the namespace that they live in: the last made goes first.
  for (const undo of [...leftovers].reverse()) undo();
}

/** One of our programs at work. */
class Program {
  readonly #child: ChildProcess;
  readonly #forget: () => void;
  readonly #ended: Promise<void>;
  readonly ready: Promise<void>;
  #output = '';

  constructor(name: ProgramName, args: readonly (string | number)[], prefix: readonly string[] = []) {
    const [command = '', ...rest] = [...prefix, programPath(name), ...args.map(String)];
    const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    this.#forget = atExit(() => void child.kill('SIGKILL'));
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${name} ended with ${code}`))));
    });
    // Whoever waits gets it; nobody has to.
    this.#ended.catch(() => undefined);
    this.ready = new Promise((resolve) => child.stdout.once('data', () => resolve()));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
  }

  /** Waits for its end, which comes of itself or with the end of its input. Returns the words of its lines. */
  async finish(hasMore: boolean): Promise<string[][]> {
    if (!hasMore) this.#child.stdin?.end();
    await this.#ended;
    this.#forget();
    return this.#output.trimEnd().split('\n').map((line) => line.split(' '));
  }
}

export interface Traffic {
  readonly burstMs: number;
  readonly bursts: number;
  readonly bytesPerSecond: number;
  readonly frameBytes: number;
  /** Idle time between two bursts, at random between these. */
  readonly gapMs: readonly [number, number];
  readonly seed: number;
}

/** One burst as it was really sent; nanoseconds of the monotonic clock. */
export interface SentBurst {
  readonly beginNs: number;
  readonly endNs: number;
  readonly bytes: number;
  /** The machine held the sender up: it is no square burst. */
  readonly isStretched: boolean;
}

/** Sends, frame by frame in turn, at `senders`; the bursts come when all is sent. */
export async function sendBursts(rig: Rig, senders: readonly string[], traffic: Traffic): Promise<SentBurst[]> {
  const lines = await startBursts(rig, senders, traffic).finish(true);
  return lines.filter(([kind]) => kind === 'burst').map(([, begin, end, bytes, stretched]) => ({
    beginNs: Number(begin), endNs: Number(end), bytes: Number(bytes), isStretched: Number(stretched) > 0,
  }));
}

function startBursts({ prefix }: Rig, senders: readonly string[], { burstMs, bursts, bytesPerSecond, frameBytes, gapMs, seed }: Traffic): Program {
  return new Program('burst-generator', [senders.join(','), burstMs * 1000, bursts, bytesPerSecond, frameBytes, gapMs[0] * 1000, gapMs[1] * 1000, seed, processors.at(-1) ?? -1], prefix);
}

/** A frame a millisecond at each of `senders`, so that counters move, for so many seconds. */
export function startDrizzle(rig: Rig, seconds: number): { stop(): Promise<void> } {
  const frameBytes = 600;
  const bytesPerSecond = 1e8;
  const burstMs = ((rig.senders.length + 0.5) * frameBytes * 1000) / bytesPerSecond;
  const program = startBursts(rig, rig.senders, { burstMs, bursts: seconds * 1000, bytesPerSecond, frameBytes, gapMs: [0.9, 1], seed: 1 });
  return { stop: async () => void (await program.finish(true)) };
}

export interface LoopCost {
  readonly policy: string;
  readonly cpuShare: number;
  readonly ticks: number;
  readonly latenessP99Ns: number;
}

export interface CanaryReport {
  /** Times in which a processor did not run anything of ours. */
  readonly stalls: readonly { readonly beginNs: number; readonly endNs: number }[];
  readonly loops: readonly LoopCost[];
}

export interface Canary {
  finish(): Promise<CanaryReport>;
}

/**
 * Looks every 0.25 ms whether each processor runs; a stall is 1 ms without. On a busy machine it stands above everything that is measured. While bursts are sent it stands below the sampler, whose
 * readings it would interrupt, always at the same place; and the sender's processor is left out: the sender says itself when it was held up.
 */
export function startCanary({ isSending }: { isSending: boolean }): Promise<Canary> {
  return startLoop({ periodUs: 250, priority: isSending ? samplerPriority - 1 : 50, where: isSending ? processors.slice(0, -1) : processors });
}

/** What waking up costs: a loop at the period and priority of a sampler that does nothing. */
export function startEmptyLoop(periodMs: number): Promise<Canary> {
  return startLoop({ periodUs: periodMs * 1000, priority: samplerPriority, where: [-1] });
}

/** What the kernel's answer costs beside: the same loop that asks for all interfaces of the namespace each time, and reads nothing of what it is told. */
export function startPlainLoop({ prefix }: Rig, periodMs: number): Promise<Canary> {
  return startLoop({ periodUs: periodMs * 1000, priority: samplerPriority, where: [-1] }, ['ask'], prefix);
}

async function startLoop({ periodUs, priority, where }: { periodUs: number; priority: number; where: readonly number[] }, more: readonly string[] = [], prefix: readonly string[] = []): Promise<Canary> {
  const stallUs = 1000;
  const program = new Program('canary', [periodUs, stallUs, priority, where.join(','), ...more], prefix);
  await program.ready;
  return { finish: async () => reportOf(await program.finish(false)) };
}

function reportOf(lines: readonly string[][]): CanaryReport {
  const of = (wanted: string) => lines.filter(([kind]) => kind === wanted);
  return {
    stalls: of('stall').map(([, begin, end]) => ({ beginNs: Number(begin), endNs: Number(end) })),
    loops: of('loop').map(([, policy = '', seconds, cpu, ticks, p99]) => ({ policy, cpuShare: Number(cpu) / Number(seconds), ticks: Number(ticks), latenessP99Ns: Number(p99) })),
  };
}

/** So many threads that compute all the time. */
export function startBurners(count: number): { stop(): Promise<void> } {
  const program = new Program('burners', [count]);
  return { stop: async () => void (await program.finish(false)) };
}
