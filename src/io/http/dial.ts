// Opens connections: TCP, through a proxy with CONNECT where one is chosen, and TLS on top. Every step has a time limit of its own besides that
// of the request, so that an abandoned attempt ends as well.

import { connect as connectTcp } from 'node:net';
import type { Socket, TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock, Timer } from '../clock.ts';
import type { Random } from '../random.ts';
import { raceAddresses } from './address-race.ts';
import type { Race } from './address-race.ts';
import { HttpError, dialError, joinHostPort, tlsError } from './error.ts';
import type { Proxy } from './proxy.ts';
import type { TlsMaterial } from './tls.ts';
import type { Lookup, RefuseAddress } from './types.ts';

/** As Prometheus' dialer and transport: 30 s for a TCP connection, 10 s for a TLS handshake. */
const DIAL_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Silence after which the kernel probes the peer, Go's default. */
const TCP_PROBE_AFTER_MS = 15_000;
/** A proxy's answer to CONNECT is a status line and a few headers. */
const PROXY_ANSWER_BYTES_MAX = 64 * 1024;

/** Where a connection goes. */
export interface DialRoute {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  readonly proxy: Proxy | undefined;
}

export interface Dialer {
  readonly clock: Clock;
  readonly roundRobin: Random | undefined;
  readonly lookup: Lookup;
  readonly refuseAddress?: RefuseAddress | undefined;
  /** Material for the target, and for a proxy that is reached by TLS. */
  readonly tls: () => TlsMaterial;
}

export type Dialled = (error: HttpError | undefined, socket: Socket | undefined) => void;

export interface Dialling {
  /** Gives up; the callback gets `error` unless it was called before. */
  abandon(error: HttpError): void;
}

/** Calls back exactly once, with an open socket that has no listeners but ours for errors, or with an HttpError. */
export function dial(route: DialRoute, dialer: Dialer, callback: Dialled, onread?: OnRead): Dialling {
  return new Dial(route, dialer, callback, onread);
}

/** Reads into a buffer of the caller's instead of emitting `data`; only for plain connections without a proxy. */
export interface OnRead {
  readonly buffer: Uint8Array;
  readonly callback: (bytes: number) => boolean;
}

class Dial implements Dialling {
  readonly #route: DialRoute;
  readonly #dialer: Dialer;
  readonly #callback: Dialled;
  #race: Race | undefined;
  #socket: Socket | undefined;
  /** Limit of the step under way. */
  #timer: Timer | undefined;
  #done = false;

  constructor(route: DialRoute, dialer: Dialer, callback: Dialled, onread: OnRead | undefined) {
    this.#route = route;
    this.#dialer = dialer;
    this.#callback = callback;
    this.#openTcp(onread);
  }

  abandon(error: HttpError): void {
    this.#fail(error);
  }

  #openTcp(onread: OnRead | undefined): void {
    const { hostname, port } = this.#route.proxy ?? this.#route;
    const { clock, lookup, roundRobin, refuseAddress } = this.#dialer;
    const timedOut = () => this.#fail(this.#viaProxy(new HttpError('timeout', `dial tcp ${joinHostPort(hostname, port)}: i/o timeout`)));
    this.#timer = clock.after(DIAL_TIMEOUT_MS, timedOut);
    const open = (address: string) => connectTcp(tcpOptions(address, port, onread));
    this.#race = raceAddresses({ hostname, clock, lookup, roundRobin, refuseAddress, open }, (error, socket) => {
      this.#timer?.cancel();
      if (socket === undefined) return this.#fail(this.#viaProxy(dialError(error, hostname, port)));
      this.#onTcp(socket);
    });
  }

  #onTcp(socket: Socket): void {
    const { proxy } = this.#route;
    this.#socket = socket;
    if (proxy === undefined) return this.#secureTarget(socket);
    if (proxy.secure) return this.#wrap(socket, proxy.hostname, (wrapped) => this.#passProxy(wrapped, proxy));
    this.#passProxy(socket, proxy);
  }

  /** Go says when it was the proxy that could not be reached. */
  #viaProxy(error: HttpError): HttpError {
    if (this.#route.proxy === undefined) return error;
    return new HttpError(error.class, `proxyconnect tcp: ${error.message}`, { cause: error.cause });
  }

  /** Plain requests go to the proxy as they are; for TLS it has to open a tunnel. */
  #passProxy(socket: Socket, proxy: Proxy): void {
    if (!this.#route.secure) return this.#succeed(socket);
    const address = joinHostPort(this.#route.hostname, this.#route.port);
    const lines = [`CONNECT ${address} HTTP/1.1`, `Host: ${address}`, ...headerLines([...proxy.authorization, ...proxy.connectHeaders])];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.#readTunnelAnswer(socket);
  }

  #readTunnelAnswer(socket: Socket): void {
    this.#timer = this.#dialer.clock.after(DIAL_TIMEOUT_MS, () => this.#fail(new HttpError('timeout', 'proxyconnect tcp: i/o timeout')));
    const onGone = () => finish(new HttpError('connection', 'proxyconnect tcp: EOF'));
    const finish = (error?: HttpError) => {
      this.#timer?.cancel();
      socket.off('data', onData).off('end', onGone).off('close', onGone).off('error', onGone);
      if (error !== undefined) return this.#fail(error);
      socket.pause();
      this.#secureTarget(socket);
    };
    let answer = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const end = answer.indexOf('\r\n\r\n');
      if (end === -1 && answer.length < PROXY_ANSWER_BYTES_MAX) return;
      finish(tunnelError(answer.toString('latin1', 0, Math.max(end, 0))));
    };
    socket.on('data', onData).on('end', onGone).on('close', onGone).on('error', onGone);
  }

  #secureTarget(socket: Socket): void {
    if (!this.#route.secure) return this.#succeed(socket);
    this.#wrap(socket, this.#route.hostname, (wrapped) => this.#succeed(wrapped));
  }

  #wrap(socket: Socket, hostname: string, next: (wrapped: Socket) => void): void {
    socket.on('error', ignore);
    let wrapped: Socket;
    try {
      wrapped = connectTls({ ...this.#dialer.tls().connectOptions(hostname), socket });
    } catch (error) {
      return this.#fail(error instanceof HttpError ? error : tlsError(error));
    }
    const timedOut = () => new HttpError('timeout', 'net/http: TLS handshake timeout');
    this.#step(wrapped, 'secureConnect', HANDSHAKE_TIMEOUT_MS, timedOut, tlsError, () => next(wrapped));
  }

  /** Waits for `event` on a new socket; every other way it may end is a failure of this step. */
  #step(
    socket: Socket, event: string, timeoutMs: number, timedOut: () => HttpError, toError: (error: unknown) => HttpError, next: () => void,
  ): void {
    this.#socket = socket;
    this.#timer = this.#dialer.clock.after(timeoutMs, () => finish(timedOut()));
    const onError = (error: unknown) => finish(toError(error));
    const onClose = () => finish(new HttpError('connection', 'EOF'));
    const finish = (error?: HttpError) => {
      this.#timer?.cancel();
      socket.off('error', onError).off('close', onClose).off(event, onDone);
      if (error !== undefined) return this.#fail(error);
      if (!this.#done) next();
    };
    const onDone = () => finish();
    socket.on('error', onError).on('close', onClose).once(event, onDone);
  }

  #succeed(socket: Socket): void {
    if (this.#done) return;
    this.#done = true;
    this.#callback(undefined, socket);
  }

  #fail(error: HttpError): void {
    if (this.#done) return;
    this.#done = true;
    this.#timer?.cancel();
    this.#race?.abandon();
    this.#socket?.on('error', ignore).destroy();
    this.#callback(error, undefined);
  }
}

function ignore(): void {
  // A socket that was given up may still report an error.
}

function headerLines(pairs: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) lines.push(`${pairs[i]}: ${pairs[i + 1]}`);
  return lines;
}

/** Go reports the reason phrase of a refused CONNECT. */
function tunnelError(head: string): HttpError | undefined {
  const status = /^HTTP\/1\.[01] (\d{3}) ?(.*)/.exec(head);
  if (status === null) return new HttpError('connection', 'proxyconnect tcp: malformed HTTP response');
  if (status[1] === '200') return undefined;
  return new HttpError('connection', status[2] === '' ? `proxyconnect tcp: status ${status[1]}` : status[2]!);
}

function tcpOptions(address: string, port: number, onread: OnRead | undefined): TcpNetConnectOpts & { highWaterMark: number } {
  return {
    host: address,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_PROBE_AFTER_MS,
    highWaterMark: 64 * 1024,
    ...(onread === undefined ? {} : { onread }),
  };
}
