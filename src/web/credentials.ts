// Who asks: passwords against hashes of bcrypt, tokens against files. A hash takes tenths of a second by design, and takes them from everything else this process does. So an
// answer is remembered, one password is worked out at a time, however many requests bring it, few may wait, and behind each wrong one the next waits ten times as long as it took:
// whoever guesses gets a tenth of the time, and never in the way of who was known before. This is the only file that knows bcryptjs.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { compare } from 'bcryptjs';
import { errorText, TributaryError } from '../model/error.ts';
import type { WebBlock } from './config.ts';

/** Wrong passwords remembered: as many as the exporter toolkit does. Right ones are remembered by themselves, one of each user. */
const WRONG_MAX = 100;
/** Passwords that wait for their turn: more would be somebody who guesses. */
const WAITING_MAX = 16;
/** Of one address. */
const WAITING_OF_ADDRESS_MAX = 4;
/** Of the time that a wrong password took. */
const PAUSE_SHARE = 9;

/** Who it is; `busy`: too many passwords are being checked. */
export type Identity = { readonly client: string } | 'unknown' | 'busy';

type Users = WebBlock['values']['basic_auth_users'];

export interface CredentialsOptions {
  /** After a wrong password, milliseconds. */
  readonly pause: (ms: number) => Promise<unknown>;
}

export class Credentials {
  readonly #pause: CredentialsOptions['pause'];
  /** Digest of the password that a user last came in with. */
  readonly #right = new Map<string, string>();
  readonly #wrong = new Set<string>();
  /** Being worked out, or about to be. */
  readonly #checks = new Map<string, Promise<boolean>>();
  readonly #waitingOf = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ pause }: CredentialsOptions = { pause: (ms) => delay(ms, undefined, { ref: false }) }) {
    this.#pause = pause;
  }

  /** Fails with WEB_CONFIG_INVALID for a token file that cannot be read. Nobody is asked while there are neither users nor tokens. `address`: where the request comes from. */
  async identify(header: string | undefined, values: WebBlock['values'], address: string): Promise<Identity> {
    const users = values.basic_auth_users;
    const tokens = values.tributary?.values.bearer_token_files ?? new Map<string, string>();
    if (users.size === 0 && tokens.size === 0) return { client: '' };
    const [scheme = '', secret = ''] = (header ?? '').split(' ', 2);
    if (scheme.toLowerCase() === 'bearer') return byToken(secret, tokens);
    if (scheme.toLowerCase() !== 'basic' || users.size === 0) return 'unknown';
    const text = Buffer.from(secret, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    return colon < 0 ? 'unknown' : this.#byPassword({ user: text.slice(0, colon), password: text.slice(colon + 1), address }, users);
  }

  async #byPassword({ user, password, address }: { readonly user: string; readonly password: string; readonly address: string }, users: Users): Promise<Identity> {
    // Of a user that does not exist the answer takes as long as of one that does.
    const hash = (users.get(user) ?? [...users.values()][0]!).reveal();
    const key = digest(JSON.stringify([user, hash, password])).toString('latin1');
    if (users.has(user) && this.#right.get(user) === key) return { client: user };
    if (this.#wrong.has(key)) return 'unknown';
    const check = this.#checks.get(key) ?? this.#begin(key, address, () => compare(password, hash).then((isRight) => isRight && users.has(user)));
    if (check === undefined) return 'busy';
    if (!(await check)) return 'unknown';
    if (this.#right.size > 2 * users.size) this.#right.clear();
    this.#right.set(user, key);
    return { client: user };
  }

  /** Undefined when too many wait. */
  #begin(key: string, address: string, work: () => Promise<boolean>): Promise<boolean> | undefined {
    const waiting = this.#waitingOf.get(address) ?? 0;
    if (this.#checks.size >= WAITING_MAX || waiting >= WAITING_OF_ADDRESS_MAX) return undefined;
    this.#waitingOf.set(address, waiting + 1);
    const check = this.#inTurn(work).then((isRight) => {
      if (!isRight) this.#rememberWrong(key);
      return isRight;
    }).finally(() => this.#end(key, address));
    this.#checks.set(key, check);
    return check;
  }

  /** The answer is there before the pause behind it. */
  #inTurn(work: () => Promise<boolean>): Promise<boolean> {
    let tookMs = 0;
    const mine = this.#turn.then(async () => {
      const startedMs = performance.now();
      const isRight = await work();
      tookMs = performance.now() - startedMs;
      return isRight;
    });
    this.#turn = mine.then((isRight) => (isRight ? undefined : this.#pause(PAUSE_SHARE * tookMs)), () => undefined);
    return mine;
  }

  #end(key: string, address: string): void {
    this.#checks.delete(key);
    const left = this.#waitingOf.get(address)! - 1;
    if (left > 0) this.#waitingOf.set(address, left);
    else this.#waitingOf.delete(address);
  }

  #rememberWrong(key: string): void {
    const [oldest] = this.#wrong;
    if (this.#wrong.size >= WRONG_MAX && oldest !== undefined) this.#wrong.delete(oldest);
    this.#wrong.add(key);
  }
}

/** Digests are compared, so that the time tells nothing about the token. */
function byToken(token: string, files: ReadonlyMap<string, string>): Identity {
  const given = digest(token);
  for (const [client, file] of files) {
    const wanted = readToken(file);
    if (wanted !== '' && timingSafeEqual(digest(wanted), given)) return { client };
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
