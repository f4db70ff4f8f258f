// The control socket: a running collector holds the lock of its queue, so commands on it reach the queue through a Unix domain socket in the same
// folder, for the same user only. Plain HTTP: one POST per command. The answer is a run of lines; the first character tells what a line is:
//
//     -text      for people, or exported data
//     +{..}      the figures, the last line of a command that went well
//     !{..}      {"code","message"} of one that failed, also the last line
//
// An answer without one of the last two was cut off.

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { untilDrained } from '../io/drain.ts';
import { errorText, TributaryError } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { CommandQueue, CommandSpecimen } from './command-queue.ts';
import { type CommandContext, type QueueCommand, runCommand } from './commands.ts';

/** `sun_path` of Linux holds 108 bytes with the zero at its end. */
const SOCKET_PATH_BYTES_MAX = 107;
/** A command is a few names. Bytes. */
const COMMAND_BYTES_MAX = 64 * 1024;
/** Somebody types them. */
const CONNECTIONS_MAX = 8;

export interface ControlOptions {
  readonly queue: CommandQueue;
  /** Folder of the queue. */
  readonly path: string;
  /** Of the destination with this name; empty when there is none. */
  readonly specimens: (name: string) => readonly CommandSpecimen[];
  readonly logger: Logger;
}

export interface Control {
  /** Undefined when there is no socket; the log says why. */
  readonly socket: string | undefined;
  /** Ends running commands and removes the socket. */
  close(): Promise<void>;
}

/** What the requests share. */
interface Desk {
  readonly options: ControlOptions;
  readonly running: Set<Promise<void>>;
  isChanging: boolean;
  readonly stop: AbortController;
}

/** Where the socket of a queue lies. Fails with QUEUE_CONTROL when the system does not take so long a path. */
export function controlSocket(path: string): string {
  const socket = `${path.replace(/\/+$/, '')}/control`;
  const bytes = Buffer.byteLength(socket);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return socket;
  throw new TributaryError('QUEUE_CONTROL', `the path of the control socket has ${bytes} bytes, the system takes ${SOCKET_PATH_BYTES_MAX}: ${socket}`);
}

/** Listens. Never fails: without the socket the collector works, only commands on its queue need it to be stopped first. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { path, logger } = options;
  try {
    const socket = controlSocket(path);
    // Only the owner of the queue comes here: what lies there is of a process that is gone.
    rmSync(socket, { force: true });
    const desk: Desk = { options, running: new Set(), isChanging: false, stop: new AbortController() };
    const server = createServer((request, response) => take(desk, request, response));
    server.maxConnections = CONNECTIONS_MAX;
    await listen(server, socket);
    server.on('error', (error) => logger.error('the control socket failed', { error: errorText(error) }));
    return { socket, close: () => close(desk, server, socket) };
  } catch (error) {
    logger.warn('queue commands cannot reach this process: stop it before using them', { error: errorText(error) });
    return { socket: undefined, close: async () => undefined };
  }
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => {
      server.removeListener('error', reject);
      try {
        chmodSync(socket, 0o600);
        resolve();
      } catch (error) {
        server.close();
        reject(error);
      }
    });
  });
}

async function close(desk: Desk, server: Server, socket: string): Promise<void> {
  desk.stop.abort(new TributaryError('QUEUE_CONTROL', 'the collector stops; what was done stays done'));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await Promise.all([closed, ...desk.running]);
  rmSync(socket, { force: true });
}

function take(desk: Desk, request: IncomingMessage, response: ServerResponse): void {
  const served = serve(desk, request, response);
  desk.running.add(served);
  void served.finally(() => desk.running.delete(served));
}

async function serve(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => undefined);
  try {
    const command = parseCommand(await bodyOf(request));
    if (changes.has(command.command)) await change(desk, command, response);
    else await stream(runCommand(contextOf(desk), command), response);
  } catch (error) {
    const code = error instanceof TributaryError ? error.code : 'QUEUE_CONTROL';
    response.end(`!${JSON.stringify({ code, message: errorText(error) })}\n`);
  }
}

/** Two that change the same stream would move its records twice. */
async function change(desk: Desk, command: QueueCommand, response: ServerResponse): Promise<void> {
  if (desk.isChanging) throw new TributaryError('QUEUE_CONTROL', 'another command that changes the queue is under way; try again when it has ended');
  desk.isChanging = true;
  desk.options.logger.info('a command changes the queue', { ...command });
  try {
    await stream(runCommand(contextOf(desk), command), response);
  } finally {
    desk.isChanging = false;
  }
}

function contextOf({ options, stop }: Desk): CommandContext {
  return { queue: options.queue, specimens: options.specimens, signal: stop.signal };
}

/** Hands the pieces on as fast as they are taken, and ends the command when nobody takes them any more. */
async function stream(run: ReturnType<typeof runCommand>, response: ServerResponse): Promise<void> {
  for (;;) {
    const piece = await run.next();
    if (response.destroyed) return void (await run.return({}));
    if (piece.done === true) return void response.end(`+${JSON.stringify(piece.value)}\n`);
    const isTaken = response.write(marked(piece.value));
    if (!isTaken) await untilDrained(response);
  }
}

/** Puts the mark before every line. */
function marked(piece: string): string {
  return `-${piece.slice(0, -1).replaceAll('\n', '\n-')}\n`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > COMMAND_BYTES_MAX) throw new TributaryError('QUEUE_CONTROL', `a command has at most ${COMMAND_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

const changes = new Set(['drop', 'retry', 'adopt']);
const words = new Set(['list', 'inspect', 'export', ...changes]);

/** The client is this program, perhaps of another version: what it does not know is refused by name. */
function parseCommand(text: string): QueueCommand {
  const command = JSON.parse(text) as QueueCommand;
  if (words.has(command.command)) return command;
  throw new TributaryError('QUEUE_CONTROL', `the running collector does not know the command ${JSON.stringify(command.command)}`);
}
