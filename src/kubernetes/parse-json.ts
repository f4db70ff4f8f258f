// JSON from the bytes of one frame.

import { TributaryError } from '../model/error.ts';

/** Fails with KUBERNETES_DAMAGED. */
export function parseJson(frame: Buffer): unknown {
  try {
    return JSON.parse(frame.toString('utf8'));
  } catch (cause) {
    throw new TributaryError('KUBERNETES_DAMAGED', `frame of ${frame.length} bytes does not parse as JSON`, { cause });
  }
}
