// Secrets in files, read at each use, so that a rotated one is used without a reload. The read is synchronous: it takes about ten
// microseconds from the page cache, less than a round trip through the thread pool costs.

import { readFileSync } from 'node:fs';
import { HttpError } from './error.ts';

/** The content without surrounding white space. `what` names the secret in the error: `unable to read basic auth password: ...`. */
export function readSecretFile(path: string, what: string): string {
  return readTextFile(path, what).trim();
}

/** Throws HttpError `configuration` that names the file. */
export function readTextFile(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HttpError('configuration', `unable to read ${what}: unable to read file ${path}: ${reasonOf(cause)}`, { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  return REASONS[code ?? ''] ?? message;
}
