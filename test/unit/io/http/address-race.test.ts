import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ADDRESSES_MAX, orderAddresses, raceAddresses } from '../../../../src/io/http/address-race.ts';
import type { Lookup } from '../../../../src/io/http/types.ts';
import { createTestClock } from '../../../support/clock.ts';

const of = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 });

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): this {
    this.destroyed = true;
    return this;
  }
}

/** A race over these addresses whose sockets do nothing by themselves. */
function race(addresses: string[] | Error, hostname = 'name') {
  const clock = createTestClock();
  const sockets = new Map<string, FakeSocket>();
  const ends: unknown[] = [];
  const lookup: Lookup = (_name, _options, callback) => {
    if (addresses instanceof Error) callback(addresses, []);
    else callback(null, addresses.map(of));
  };
  const open = (address: string) => {
    const socket = new FakeSocket();
    sockets.set(address, socket);
    return socket as unknown as Socket;
  };
  const running = raceAddresses({ hostname, clock, lookup, roundRobin: undefined, open }, (error, socket) => {
    ends.push(error ?? [...sockets].find(([, made]) => made === (socket as unknown))?.[0]);
  });
  return { clock, sockets, ends, running, started: () => [...sockets.keys()], alive: () => [...sockets].filter(([, made]) => !made.destroyed).map(([name]) => name) };
}

describe('a race of addresses', () => {
  test('gives each address a head start of 250 ms over the next', async () => {
    const { clock, started } = race(['::1', '10.0.0.1', '10.0.0.2']);
    expect(started()).toEqual(['::1']);
    await clock.advance(249);
    expect(started()).toEqual(['::1']);
    await clock.advance(1);
    expect(started()).toEqual(['::1', '10.0.0.1']);
    await clock.advance(250);
    expect(started()).toHaveLength(3);
  });

  test('an address that is slower than the head start still wins when it connects first', async () => {
    const { clock, sockets, ends, alive } = race(['::1', '10.0.0.1']);
    await clock.advance(600);
    sockets.get('::1')!.emit('connect');
    expect([ends, alive()]).toEqual([['::1'], ['::1']]);
  });

  test('the winner ends the others, and none is begun any more', async () => {
    const { clock, sockets, ends, alive, started } = race(['::1', '10.0.0.1', '10.0.0.2']);
    await clock.advance(250);
    sockets.get('10.0.0.1')!.emit('connect');
    await clock.advance(10_000);
    expect([ends, alive(), started(), clock.pending()]).toEqual([['10.0.0.1'], ['10.0.0.1'], ['::1', '10.0.0.1'], 0]);
    expect(sockets.get('10.0.0.1')!.eventNames()).toEqual([]);
  });

  test('a failed address is followed by the next at once', () => {
    const { sockets, started } = race(['::1', '10.0.0.1']);
    sockets.get('::1')!.emit('error', new Error('refused'));
    expect(started()).toEqual(['::1', '10.0.0.1']);
  });

  test('ends with the first error when every address has failed', async () => {
    const { clock, sockets, ends } = race(['::1', '10.0.0.1']);
    await clock.advance(250);
    sockets.get('10.0.0.1')!.emit('error', new Error('first'));
    expect(ends).toEqual([]);
    sockets.get('::1')!.emit('error', new Error('second'));
    expect(ends).toEqual([expect.objectContaining({ message: 'first' })]);
  });

  test('ends with the error of the resolver, also when it knows no address', () => {
    expect(race(new Error('no such host')).ends).toEqual([expect.objectContaining({ message: 'no such host' })]);
    expect(race([]).ends).toEqual([expect.objectContaining({ code: 'ENODATA' })]);
  });

  test('an address is not looked up', () => {
    expect(race(new Error('asked'), '10.0.0.9').started()).toEqual(['10.0.0.9']);
    expect(race(new Error('asked'), '::1').started()).toEqual(['::1']);
  });

  test('an abandoned one ends its attempts and says nothing', async () => {
    const { clock, running, ends, alive } = race(['::1', '10.0.0.1', '10.0.0.2']);
    await clock.advance(250);
    running.abandon();
    await clock.advance(1000);
    expect([ends, alive(), clock.pending()]).toEqual([[], [], 0]);
  });
});

describe('the order of addresses', () => {
  const order = (...addresses: string[]) => orderAddresses(addresses.map(of), undefined);
  test('families take turns, the first one of the resolver begins', () => {
    expect(order('::1', '::2', '::3', '10.0.0.1')).toEqual(['::1', '10.0.0.1', '::2', '::3']);
    expect(order('10.0.0.1', '10.0.0.2', '::1')).toEqual(['10.0.0.1', '::1', '10.0.0.2']);
  });
  test('round robin begins anywhere and keeps the others as a reserve', () => {
    const random = { next: () => 0.7, bytes: () => new Uint8Array() };
    expect(orderAddresses(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(of), random)).toEqual(['10.0.0.3', '10.0.0.1', '10.0.0.2']);
  });
  test('is limited', () => expect(order(...Array.from({ length: 300 }, (_, i) => `10.0.1.${i}`))).toHaveLength(ADDRESSES_MAX));
});
