// `tributary queue ...` from its arguments to the exit code: people's lines, then one line of JSON with the figures. Exported samples are for programs, so on
// standard output they stand alone and the figures go to standard error.

import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { untilDrained } from '../io/drain.ts';
import { errorText, TributaryError } from '../model/error.ts';
import type { QueueArguments } from './queue-arguments.ts';
import { type Output, runQueueCommand } from './queue-client.ts';

export interface QueueOutputs {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Returns the exit code: 0, or 1 with one line that says why. */
export async function queueCommand(given: QueueArguments, { stdout, stderr }: QueueOutputs): Promise<number> {
  const isExport = given.command.command === 'export';
  const file = given.output === undefined ? undefined : createWriteStream(given.output, { mode: 0o600 });
  const fileFailed = file === undefined ? undefined : finished(file);
  // Told where it is waited for.
  fileFailed?.catch(() => undefined);
  try {
    if (file !== undefined) await Promise.race([once(file, 'open'), fileFailed]);
    const figures = await runQueueCommand(given.storagePath, given.command, outputTo(file ?? stdout));
    file?.end();
    await fileFailed;
    const last = file === undefined && isExport ? stderr : stdout;
    last.write(`${JSON.stringify(figures)}\n`);
    return 0;
  } catch (error) {
    file?.destroy();
    const code = error instanceof TributaryError ? ` (${error.code})` : '';
    stderr.write(`tributary: error: queue ${given.command.command}: ${errorText(error)}${code}\n`);
    return 1;
  }
}

/** As fast as it is taken: an export is as large as the backlog. */
function outputTo(stream: Writable): Output {
  return async (text) => {
    const isFull = !stream.write(text);
    if (stream.destroyed) throw stream.errored ?? new Error('nobody takes the output any more');
    if (!isFull) return;
    await untilDrained(stream);
  };
}
