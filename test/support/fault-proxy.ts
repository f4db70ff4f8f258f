// A bad link for tests: a TCP proxy on the loopback between a sender and its receiver. It delays, throttles, cuts, hangs, refuses and moves to another
// address, by command or by a schedule that follows from a seed and can be replayed.
//
//     const proxy = await startFaultProxy({ target: { host: '127.0.0.1', port }, seed: 1 });
//     proxy.shape({ bytesPerSecond: 32_000, latencyMs: 40, jitterMs: 10 });
//     proxy.down(); ... proxy.up(); ... await proxy.move('127.0.0.2');
//
// `up` of a direction is from the sender to the receiver. The limit of bytes is one of the link: connections share it in the order in which
// their bytes come. What the sender's system takes into its own socket buffers counts as sent for it, as on a real link, and is throttled from there on.

import { createConnection, createServer, type LookupFunction, type Server, type Socket } from 'node:net';
import { systemClock, type Clock, type Timer } from '../../src/io/clock.ts';
import { seededRandom, type Random } from '../../src/io/random.ts';
import { freePort } from './ports.ts';

export type Direction = 'up' | 'down';

export interface LinkShape {
  /** Each way. Default 0. */
  readonly latencyMs?: number;
  /** Up to so much more, at random; bytes of a connection stay in order. */
  readonly jitterMs?: number;
  /** Each way, both together are twice that. Default: as fast as it goes. */
  readonly bytesPerSecond?: number;
}

export type Fault =
  | { readonly kind: 'shape'; readonly shape: LinkShape }
  /** The next bytes of a direction, whichever connection has them, pass; then that connection is reset on both sides. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly afterBytes: number }
  /** Open connections forward nothing any more and stay open; new ones work. */
  | { readonly kind: 'hang' }
  /** As `hang`, and new connections get no answer, until `up`. */
  | { readonly kind: 'down' }
  | { readonly kind: 'up' }
  /** New connections are refused and open ones reset, until `listen`. */
  | { readonly kind: 'refuse' }
  | { readonly kind: 'listen' };

export interface ScheduledFault {
  readonly atMs: number;
  readonly fault: Fault;
}

export interface FaultProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  readonly seed: number;
  readonly clock?: Clock;
  /** Where it listens, default 127.0.0.1; the port is free then and stays the same. */
  readonly host?: string;
}

export interface ProxyCounts {
  /** Given to the other side. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** Taken and never given on. */
  readonly lostBytes: number;
  readonly connections: number;
  readonly resets: number;
}

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  shape(shape: LinkShape): void;
  cut(direction: Direction, afterBytes: number): void;
  hang(): void;
  down(): void;
  up(): void;
  refuse(): Promise<void>;
  listen(): Promise<void>;
  /** Leaves its address and listens on another one of the loopback, same port; open connections hang, as they do when a machine moves. */
  move(host: string): Promise<void>;
  /** Resolves every name to where the proxy listens now. */
  readonly lookup: LookupFunction;
  /** Plays faults at their times from now on. */
  play(schedule: readonly ScheduledFault[]): void;
  counts(): ProxyCounts;
  stop(): Promise<void>;
}

/** What one direction holds before it stops reading. */
const BUFFER_BYTES = 16 * 1024;
/** Bytes that pass a throttled link at once. */
const QUANTUM_BYTES = 1024;

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new Proxy(options, await freePort());
  await proxy.listen();
  return proxy;
}

interface LinkState {
  readonly clock: Clock;
  readonly random: Random;
  shape: LinkShape;
  /** When the last byte that was taken has passed the throttle, monotonic. */
  readonly freeAtMs: Record<Direction, number>;
  /** Bytes that may pass before a cut. */
  readonly cutAfter: Record<Direction, number>;
  readonly bytes: Record<Direction, number>;
  lostBytes: number;
  resets: number;
}

class Proxy implements FaultProxy {
  host: string;
  readonly port: number;
  readonly #target: FaultProxyOptions['target'];
  readonly #link: LinkState;
  readonly #connections = new Set<Connection>();
  readonly #timers = new Set<Timer>();
  #server: Server | undefined;
  #isDown = false;
  #opened = 0;

  constructor({ target, seed, clock = systemClock, host = '127.0.0.1' }: FaultProxyOptions, port: number) {
    this.host = host;
    this.port = port;
    this.#target = target;
    const infinite = { up: Infinity, down: Infinity };
    this.#link = { clock, random: seededRandom(seed), shape: {}, freeAtMs: { up: 0, down: 0 }, cutAfter: infinite, bytes: { up: 0, down: 0 }, lostBytes: 0, resets: 0 };
  }

  shape(shape: LinkShape): void {
    this.#link.shape = shape;
  }

  cut(direction: Direction, afterBytes: number): void {
    this.#link.cutAfter[direction] = afterBytes;
  }

  hang(): void {
    for (const connection of this.#connections) connection.hang();
  }

  down(): void {
    this.#isDown = true;
    this.hang();
  }

  up(): void {
    this.#isDown = false;
  }

  async refuse(): Promise<void> {
    for (const connection of this.#connections) connection.reset();
    await this.#close();
  }

  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: BUFFER_BYTES }, (socket) => this.#accept(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, this.host, resolve);
    });
  }

  async move(host: string): Promise<void> {
    this.hang();
    await this.#close();
    this.host = host;
    await this.listen();
  }

  readonly lookup: LookupFunction = (_name, options, callback) => {
    if (options.all === true) callback(null, [{ address: this.host, family: 4 }]);
    else callback(null, this.host, 4);
  };

  play(schedule: readonly ScheduledFault[]): void {
    for (const { atMs, fault } of schedule) {
      const timer = this.#link.clock.after(atMs, () => {
        this.#timers.delete(timer);
        this.#apply(fault);
      });
      this.#timers.add(timer);
    }
  }

  #apply(fault: Fault): void {
    switch (fault.kind) {
      case 'shape': return this.shape(fault.shape);
      case 'cut': return this.cut(fault.direction, fault.afterBytes);
      case 'hang': return this.hang();
      case 'down': return this.down();
      case 'up': return this.up();
      case 'refuse': return void this.refuse();
      case 'listen': return void this.listen();
    }
  }

  counts(): ProxyCounts {
    const { bytes, lostBytes, resets } = this.#link;
    return { upBytes: bytes.up, downBytes: bytes.down, lostBytes, connections: this.#opened, resets };
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    for (const connection of this.#connections) connection.reset();
    await this.#close();
  }

  #accept(socket: Socket): void {
    this.#opened++;
    const connection = new Connection(socket, this.#isDown ? undefined : this.#target, this.#link, () => this.#connections.delete(connection));
    this.#connections.add(connection);
  }

  /** A listening socket that is closed refuses; connections of it stay. */
  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // `close` calls back after the last connection is gone, which may be never; the socket itself closes at once.
    server?.close();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}

/** One connection of the sender and its counterpart. Without a target nothing is ever answered. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket | undefined;
  readonly #pipes: Pipe[] = [];
  readonly #link: LinkState;
  readonly #closed: () => void;

  constructor(client: Socket, target: FaultProxyOptions['target'] | undefined, link: LinkState, closed: () => void) {
    this.#client = client;
    this.#link = link;
    this.#closed = closed;
    client.on('error', () => undefined);
    client.on('close', () => this.#gone(this.#server));
    if (target === undefined) {
      client.on('data', (chunk: Buffer) => (link.lostBytes += chunk.length));
      return;
    }
    const server = createConnection({ ...target, allowHalfOpen: true, noDelay: true });
    this.#server = server;
    server.on('error', () => this.reset());
    server.on('close', () => this.#gone(client));
    const cut = () => this.reset();
    this.#pipes.push(new Pipe('up', client, server, link, cut), new Pipe('down', server, client, link, cut));
  }

  hang(): void {
    for (const pipe of this.#pipes) pipe.kill();
  }

  reset(): void {
    if (this.#client.destroyed && this.#server?.destroyed !== false) return;
    this.#link.resets++;
    this.hang();
    this.#client.resetAndDestroy();
    this.#server?.resetAndDestroy();
  }

  /** A side that is gone takes the other one along once what it said has been given on; behind a dead link nobody learns of it. */
  #gone(other: Socket | undefined): void {
    const isDead = this.#pipes.some((pipe) => pipe.isDead);
    if (!isDead && other !== undefined && !other.destroyed && !this.#pipes.some((pipe) => pipe.sink === other && pipe.isFinishing())) other.destroy();
    if (this.#client.destroyed) this.#closed();
  }
}

interface Piece {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of a connection. */
class Pipe {
  isDead = false;
  readonly sink: Socket;
  readonly #direction: Direction;
  readonly #source: Socket;
  readonly #link: LinkState;
  readonly #cut: () => void;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #hasEnded = false;
  #timer: Timer | undefined;

  constructor(direction: Direction, source: Socket, sink: Socket, link: LinkState, cut: () => void) {
    this.sink = sink;
    this.#direction = direction;
    this.#source = source;
    this.#link = link;
    this.#cut = cut;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => {
      this.#hasEnded = true;
      this.#flow();
    });
    sink.on('drain', () => this.#flow());
  }

  /** Its source has ended and there is something left to give on. */
  isFinishing(): boolean {
    return this.#hasEnded && this.#queue.length > 0;
  }

  /** What was taken and what comes is lost; nobody is told. */
  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#timer?.cancel();
    this.#link.lostBytes += this.#queuedBytes;
    this.#queue.length = 0;
    this.#source.resume();
  }

  #take(chunk: Buffer): void {
    if (this.isDead) return void (this.#link.lostBytes += chunk.length);
    const { clock, random, shape, freeAtMs } = this.#link;
    const { bytesPerSecond = Infinity, latencyMs = 0, jitterMs = 0 } = shape;
    const quantum = Number.isFinite(bytesPerSecond) ? QUANTUM_BYTES : chunk.length;
    for (let at = 0; at < chunk.length; at += quantum) {
      const bytes = chunk.subarray(at, at + quantum);
      const passedMs = Math.max(clock.monotonicMs(), freeAtMs[this.#direction]) + (bytes.length / bytesPerSecond) * 1000;
      freeAtMs[this.#direction] = passedMs;
      this.#lastDueMs = Math.max(this.#lastDueMs, passedMs + latencyMs + random.next() * jitterMs);
      this.#queue.push({ bytes, dueMs: this.#lastDueMs });
      this.#queuedBytes += bytes.length;
    }
    this.#flow();
  }

  /** Gives on what is due, then waits for the next piece. */
  #flow(): void {
    if (this.isDead) return;
    const { clock } = this.#link;
    while (this.#queue.length > 0 && this.#queue[0]!.dueMs <= clock.monotonicMs()) {
      const { bytes } = this.#queue.shift()!;
      this.#queuedBytes -= bytes.length;
      if (!this.#give(bytes)) return;
    }
    if (this.#queuedBytes + this.sink.writableLength > BUFFER_BYTES) this.#source.pause();
    else this.#source.resume();
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#queue[0];
    if (next !== undefined) this.#timer = clock.after(next.dueMs - clock.monotonicMs(), () => this.#flow());
    else if (this.#hasEnded && !this.sink.writableEnded) this.sink.end();
  }

  /** False when the connection was cut here. */
  #give(bytes: Buffer): boolean {
    const { cutAfter } = this.#link;
    const passing = Math.min(bytes.length, cutAfter[this.#direction]);
    this.#link.bytes[this.#direction] += passing;
    cutAfter[this.#direction] -= passing;
    if (passing > 0 && !this.sink.destroyed) this.sink.write(bytes.subarray(0, passing));
    if (passing === bytes.length) return true;
    cutAfter[this.#direction] = Infinity;
    this.#link.lostBytes += bytes.length - passing;
    // What passed has to leave the process before the reset does.
    setImmediate(this.#cut);
    this.#timer?.cancel();
    return false;
  }
}

/** Faults between 0 and `durationMs`, the same for the same seed. Whatever was broken is whole at the end. */
export function randomSchedule(seed: number, { durationMs, faults }: { readonly durationMs: number; readonly faults: number }): ScheduledFault[] {
  const random = seededRandom(seed);
  const slotMs = durationMs / (faults + 1);
  const below = (count: number) => Math.floor(random.next() * count);
  const schedule: ScheduledFault[] = [];
  for (let i = 0; i < faults; i++) {
    const atMs = Math.floor(i * slotMs + random.next() * slotMs * 0.4);
    const endMs = Math.floor(atMs + (0.1 + random.next() * 0.4) * slotMs);
    const both = (begin: Fault, end: Fault) => schedule.push({ atMs, fault: begin }, { atMs: endMs, fault: end });
    switch (below(5)) {
      case 0: both({ kind: 'down' }, { kind: 'up' }); break;
      case 1: both({ kind: 'refuse' }, { kind: 'listen' }); break;
      case 2: both({ kind: 'shape', shape: { latencyMs: below(300), jitterMs: below(100), bytesPerSecond: 8000 + below(100_000) } }, { kind: 'shape', shape: {} }); break;
      case 3: schedule.push({ atMs, fault: { kind: 'cut', direction: random.next() < 0.5 ? 'up' : 'down', afterBytes: below(20_000) } }); break;
      default: schedule.push({ atMs, fault: { kind: 'hang' } });
    }
  }
  return schedule;
}
