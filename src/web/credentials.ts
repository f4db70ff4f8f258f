// Who asks: passwords against hashes of bcrypt, tokens against files. A hash takes tenths of a second by design, so answers are remembered by a digest, one is worked out
// at a time, and few may wait. This is the only file that knows bcryptjs.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compare } from 'bcryptjs';
import { errorText, TributaryError } from '../model/error.ts';
import type { WebBlock } from './config.ts';

/** Answers remembered, right ones and wrong ones: as many as the exporter toolkit does. */
const REMEMBERED_MAX = 100;
/** Passwords that wait for their turn: more would be somebody who guesses. */
const WAITING_MAX = 16;
/** For users that do not exist, so that their answer takes as long. */
const NOBODY = '$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi';

/** Who it is; `busy`: too many passwords are being checked. */
export type Identity = { readonly client: string } | 'unknown' | 'busy';

export class Credentials {
  readonly #remembered = new Map<string, boolean>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Fails with WEB_CONFIG_INVALID for a token file that cannot be read. Nobody is asked while there are neither users nor tokens. */
  async identify(header: string | undefined, values: WebBlock['values']): Promise<Identity> {
    const users = values.basic_auth_users;
    const tokens = values.tributary?.values.bearer_token_files ?? new Map<string, string>();
    if (users.size === 0 && tokens.size === 0) return { client: '' };
    const [scheme = '', secret = ''] = (header ?? '').split(' ', 2);
    if (scheme.toLowerCase() === 'bearer') return byToken(secret, tokens);
    if (scheme.toLowerCase() !== 'basic' || users.size === 0) return 'unknown';
    const text = Buffer.from(secret, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return colon < 0 ? 'unknown' : this.#byPassword(text.slice(0, colon), text.slice(colon + 1), users);
  }

  async #byPassword(user: string, password: string, users: WebBlock['values']['basic_auth_users']): Promise<Identity> {
    const hash = users.get(user)?.reveal() ?? NOBODY;
    const key = digest(JSON.stringify([user, hash, password])).toString('latin1');
    let isRight = this.#remembered.get(key);
    if (isRight === undefined) {
      if (this.#waiting >= WAITING_MAX) return 'busy';
      isRight = await this.#inTurn(() => compare(password, hash));
      this.#remember(key, isRight);
    }
    return isRight && users.has(user) ? { client: user } : 'unknown';
  }

  async #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    this.#waiting++;
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#waiting--;
    }
  }

  #remember(key: string, isRight: boolean): void {
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size >= REMEMBERED_MAX && oldest.done !== true) this.#remembered.delete(oldest.value);
    this.#remembered.set(key, isRight);
  }
}

/** Digests are compared, so that the time tells nothing about the token. */
function byToken(token: string, files: ReadonlyMap<string, string>): Identity {
  const given = digest(token);
  for (const [client, file] of files) {
    const wanted = readToken(file);
    if (wanted !== '' && digest(wanted).equals(given)) return { client };
  }
  return 'unknown';
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new TributaryError('WEB_CONFIG_INVALID', `${file}: cannot read the token: ${errorText(error)}`);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
