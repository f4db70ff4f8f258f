// Passwords: who was let in once is known at once, whatever others try meanwhile; and whoever tries gets little of the processor.

import { hashSync } from 'bcryptjs';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/model/secret.ts';
import type { WebBlock } from '../../../src/web/config.ts';
import { Credentials } from '../../../src/web/credentials.ts';

const users = new Map([['edge', new Secret(hashSync('right', 4))], ['other', new Secret(hashSync('also right', 4))]]);
const values = { tls_server_config: undefined, http_server_config: undefined, basic_auth_users: users, tributary: undefined } as unknown as WebBlock['values'];
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** Pauses last until they are ended. */
function setUp() {
  const pauses: (() => void)[] = [];
  const credentials = new Credentials({ pause: () => new Promise<void>((resolve) => pauses.push(resolve)) });
  const identify = (user: string, password: string, address = 'a') => credentials.identify(basic(user, password), values, address);
  return { pauses, identify };
}

/** Longer than a hash of these takes: what has not happened by then waits. */
const settled = async (turns = 50) => {
  for (let i = 0; i < turns; i++) await new Promise(setImmediate);
};

describe('passwords', () => {
  test('of a request that is being checked is not checked again for others that bring it', async () => {
    const { identify } = setUp();
    const all = await Promise.all(Array.from({ length: 100 }, () => identify('edge', 'right')));
    expect(new Set(all.map((identity) => JSON.stringify(identity)))).toEqual(new Set(['{"client":"edge"}']));
  });
  test('behind a wrong one the next waits, but who is known does not', async () => {
    const { identify, pauses } = setUp();
    expect(await identify('edge', 'right')).toEqual({ client: 'edge' });
    expect(await identify('edge', 'wrong')).toBe('unknown');
    let answer: unknown = 'none yet';
    const next = identify('other', 'also right').then((identity) => (answer = identity));
    await settled();
    expect([answer, pauses.length]).toEqual(['none yet', 1]);
    expect(await identify('edge', 'right')).toEqual({ client: 'edge' });
    expect(await identify('edge', 'wrong')).toBe('unknown');
    pauses[0]!();
    await next;
    expect(answer).toEqual({ client: 'other' });
  });
  test('hundreds of wrong ones do not make it forget the right one', async () => {
    const { identify, pauses } = setUp();
    await identify('edge', 'right');
    for (let i = 0; i < 150; i++) {
      expect(await identify('edge', `wrong ${i}`)).toBe('unknown');
      pauses.at(-1)!();
    }
    expect(await identify('edge', 'wrong 150')).toBe('unknown');
    // In a pause that does not end only who is known gets an answer.
    expect(await identify('edge', 'right')).toEqual({ client: 'edge' });
  });
  test('one address cannot take all the places of those who wait', async () => {
    const { identify, pauses } = setUp();
    expect(await identify('edge', 'wrong', 'guesser')).toBe('unknown');
    const guesses = Array.from({ length: 20 }, (_, i) => identify('edge', `wrong ${i}`, 'guesser'));
    const honest = identify('other', 'also right', 'edge');
    expect(await Promise.all(guesses.slice(4))).toEqual(Array(16).fill('busy'));
    const ended = Promise.all([...guesses, honest]).then(() => (isEnded = true));
    let isEnded = false;
    for (let i = 0; !isEnded; i++) {
      pauses[i]?.();
      await settled(5);
      if (pauses[i] === undefined) i--;
    }
    await ended;
    expect(await honest).toEqual({ client: 'other' });
  });
  test('a user that does not exist is unknown with any password, also with that of another', async () => {
    const { identify } = setUp();
    expect(await identify('nobody', 'right')).toBe('unknown');
  });
});
