// Waiting for a stream that took all it could. Where lines are written by the million, each wait takes its listeners with it.

import type { Writable } from 'node:stream';

/** Resolves when `stream` takes more, or never will: look at `destroyed`. */
export function untilDrained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
    if (stream.destroyed) done();
  });
}
