// Addresses and networks, and the addresses of API servers.

import { describe, expect, test } from 'vitest';
import { ApiServers } from '../../../../src/destinations/masters/api-servers.ts';
import { networks, parseNetwork, specialAddress } from '../../../../src/destinations/masters/network.ts';
import { createTestClock } from '../../../support/clock.ts';

describe('a network', () => {
  test.each(['', 'x', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/8/8', '::1/129', '10.0.0/8', '-1'])('%j is none', (text) => expect(parseNetwork(text)).toBeUndefined());
  const inside = networks(['10.0.0.0/8', '192.0.2.7', 'fd00::/8'].map((text) => parseNetwork(text)!));
  test.each(['10.255.0.1', '192.0.2.7', 'fd12::1', '::ffff:10.1.1.1', 'fd12::1%eth0'])('holds %s', (address) => expect(inside(address)).toBe(true));
  test.each(['11.0.0.1', '192.0.2.8', 'fe80::1', 'name', ''])('does not hold %j', (address) => expect(inside(address)).toBe(false));
});

test.each([['8.8.8.8', undefined], ['172.16.0.1', undefined], ['100.100.100.200', 'cloud metadata'], ['168.63.129.16', 'cloud metadata'], ['fd00:ec2::254', 'cloud metadata'], ['100.100.100.201', undefined], ['2001:db8::1', undefined], ['fe80::1%eth0', 'link-local'], ['febf::1', 'link-local'], ['fec0::1', undefined], ['::ffff:0.0.0.0', 'unspecified']])(
  '%s is special: %s', (address, expected) => expect(specialAddress(address)).toBe(expected));

describe('API servers', () => {
  function servers(hosts: string[]) {
    const clock = createTestClock();
    const zone = new Map([['api.example', '192.0.2.1']]);
    const known = new ApiServers({
      clock,
      hosts: () => hosts,
      lookup: (host, _options, callback) => {
        const address = zone.get(host);
        callback(address === undefined ? new Error('ENOTFOUND') : null, address === undefined ? [] : [{ address, family: 4 }]);
      },
    });
    return { clock, zone, known };
  }

  test('are known by address and by name, in every form', () => {
    const { known } = servers(['10.96.0.1', 'api.example']);
    expect(['10.96.0.1', '::ffff:10.96.0.1', 'api.example', 'API.example.', '192.0.2.1'].map((one) => known.has(one))).toEqual([true, true, true, true, true]);
    expect(['10.96.0.2', 'xapi.example'].map((one) => known.has(one))).toEqual([false, false]);
  });
  test('that move are followed within a minute; one that cannot be resolved keeps its addresses', async () => {
    const { clock, zone, known } = servers(['api.example']);
    known.start();
    zone.set('api.example', '192.0.2.2');
    await clock.advance(60_000);
    expect([known.has('192.0.2.1'), known.has('192.0.2.2')]).toEqual([false, true]);
    zone.delete('api.example');
    await clock.advance(60_000);
    expect(known.has('192.0.2.2')).toBe(true);
    known.stop();
    expect(clock.pending()).toBe(0);
  });
});
