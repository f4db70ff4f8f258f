// A lane is one connection that carries one request at a time, so it is always known which request a failure belongs to and whether its
// connection had served another one before. Two kinds exist: plain-lane.ts for plain HTTP GETs, which is what scraping mostly is, and
// undici-lane.ts for everything else.

/** undici's low-level handler: raw header buffers and chunks without copies. */
export interface LaneHandler {
  onConnect(abort: (error?: Error) => void): void;
  onResponseStarted(): void;
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean;
  /** The chunk may be overwritten as soon as the call returns. */
  onData(chunk: Buffer): boolean;
  onComplete(): void;
  onError(error: Error): void;
}

export interface LaneRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value ... */
  readonly headers: string[];
  readonly body?: Uint8Array;
}

/** Headers beyond this are an attack or a mistake; Node's 16 KiB would refuse some large cookies, Go allows 1 MiB. */
export const HEADER_BYTES_MAX = 1024 * 1024;

/** Who keeps lanes while they are idle. */
export interface LaneOwner {
  /** The lane's connection is ended; a request on it fails. */
  drop(lane: Lane): void;
  /** A request on the lane failed on its way: where addresses are followed, what is idle may lead to the same place. */
  onFailure(): void;
  /** Takes back a lane whose request has ended. */
  release(lane: Lane): void;
  /** An idle lane lost its connection. */
  onDisconnect(lane: Lane): void;
}

export interface Lane {
  /** Lanes of an older epoch than their pool's are not used again. */
  readonly epoch: number;
  readonly pool: LaneOwner;
  /** When the lane was made, monotonic milliseconds: the age of its connection. */
  readonly openedMs: number;
  /** Whether the current request got a connection; without one no byte of it has left. */
  readonly isConnected: boolean;
  /** Whether the current request went out on a connection that an earlier request had opened. */
  readonly reused: boolean;
  /** Sends one request. The caller releases or drops the lane when the handler has been told the end. */
  dispatch(request: LaneRequest, handler: LaneHandler): void;
  destroy(): void;
}
