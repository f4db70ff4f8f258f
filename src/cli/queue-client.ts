// Runs a command on a queue: opens the folder itself, or, where a running collector has it, asks that one over its control socket. What comes out is
// written to the outputs as it comes.

import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { systemClock } from '../io/clock.ts';
import { systemDisk } from '../io/disk.ts';
import { errorText, TributaryError } from '../model/error.ts';
import { defaultQueueSettings } from '../queue/config.ts';
import { type Figures, type QueueCommand, runCommand } from '../queue/commands.ts';
import { controlSocket } from '../queue/control.ts';
import { openQueue } from '../queue/queue.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { initZstd } from '../wire/zstd.ts';

/** Takes text; resolves when there is room for more. */
export type Output = (text: string) => Promise<void>;

/** Fails with the codes of `runCommand`, QUEUE_ABSENT, QUEUE_CONTROL and those of `openQueue`. */
export async function runQueueCommand(path: string, command: QueueCommand, write: Output): Promise<Figures> {
  const folder = path.replace(/(?<=.)\/+$/, '');
  if (!existsSync(`${folder}/FORMAT`)) throw new TributaryError('QUEUE_ABSENT', `${path} is no folder of a queue: it has no file FORMAT; name the folder with --storage.agent.path`);
  try {
    return await runHere(folder, command, write);
  } catch (error) {
    if (!(error instanceof TributaryError) || error.code !== 'QUEUE_LOCKED') throw error;
    return runThere(folder, command, write, error);
  }
}

async function runHere(path: string, command: QueueCommand, write: Output): Promise<Figures> {
  await initZstd();
  const queue = await openQueue({
    path,
    // Quotas are the business of the collector; here nothing is given up for them.
    settings: { ...defaultQueueSettings, maxBytes: Infinity, freeSpaceFloor: { bytes: 0 } },
    disk: systemDisk,
    clock: systemClock,
    logger: createLogger({ level: 'warn', format: 'logfmt' }),
    metrics: createMetrics(),
    reserveBytes: 0,
  });
  try {
    const run = runCommand({ queue }, command);
    for (;;) {
      const piece = await run.next();
      if (piece.done === true) return piece.value;
      await write(piece.value);
    }
  } finally {
    await queue.close();
  }
}

/** Asks the collector that has the queue. Lines and their marks: src/queue/control.ts. */
export async function runThere(path: string, command: QueueCommand, write: Output, locked?: Error): Promise<Figures> {
  const socketPath = controlSocket(path);
  const why = locked === undefined ? '' : `; ${locked.message}`;
  let rest = '';
  let answer: AsyncIterable<string>;
  try {
    answer = await ask(socketPath, command);
  } catch (error) {
    throw new TributaryError('QUEUE_CONTROL', `the running collector does not answer on ${socketPath}: ${errorText(error)}${why}`, { cause: error });
  }
  for await (const piece of whole(answer, socketPath)) {
    const text = rest + piece;
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    const taken = takeLines(text.slice(0, end));
    if (taken.text !== '') await write(taken.text);
    if (taken.figures !== undefined) return taken.figures;
  }
  throw cutOff(socketPath, 'the answer has no end');
}

async function* whole(answer: AsyncIterable<string>, socketPath: string): AsyncGenerator<string> {
  try {
    yield* answer;
  } catch (error) {
    throw cutOff(socketPath, errorText(error));
  }
}

function cutOff(socketPath: string, reason: string): TributaryError {
  return new TributaryError('QUEUE_CONTROL', `the collector on ${socketPath} ended before the command was finished (${reason}); what was done stays done`);
}

function ask(socketPath: string, command: QueueCommand): Promise<AsyncIterable<string>> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method: 'POST', path: '/queue', agent: false }, (response) => resolve(response.setEncoding('utf8') as AsyncIterable<string>));
    asked.on('error', reject);
    asked.end(JSON.stringify(command));
  });
}

function takeLines(text: string): { readonly text: string; readonly figures: Figures | undefined } {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('+')) return { text: lines.join(''), figures: JSON.parse(line.slice(1)) as Figures };
    if (line.startsWith('!')) {
      const { code, message } = JSON.parse(line.slice(1)) as { code: string; message: string };
      throw new TributaryError(code, message);
    }
    if (line !== '') lines.push(`${line.slice(1)}\n`);
  }
  return { text: lines.join(''), figures: undefined };
}
