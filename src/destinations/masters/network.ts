// Addresses that a document must not lead to, whoever wrote it: this host, the link it is on, and the API server. They are told from each other in the
// form in which a connection is made, so that other ways to write an address (decimal, mapped into IPv6, behind NAT64) change nothing.

import { BlockList, isIP } from 'node:net';

/** An address, or a network as `10.0.0.0/8`. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** undefined for what is neither an address nor a network. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/');
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  if (version === 0 || rest.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const prefix = length === undefined ? bits : Number(length);
  return prefix > bits ? undefined : { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** `address` lies in one of the networks; an IPv4 address mapped into IPv6 lies where the plain one does. */
export type Contains = (address: string) => boolean;

export function networks(list: readonly Network[]): Contains {
  const blocks = new BlockList();
  for (const { address, prefix, family } of list) blocks.addSubnet(address, prefix, family);
  return (address) => {
    // A zone (`fe80::1%eth0`) is about the way, not about the place.
    const [plain = ''] = address.split('%');
    const version = isIP(plain);
    return version !== 0 && blocks.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** By reason. Behind 64:ff9b:: stand the IPv4 addresses of NAT64. */
const SPECIAL: readonly (readonly [reason: string, list: readonly string[]])[] = [
  ['loopback', ['127.0.0.0/8', '::1', '64:ff9b::7f00:0/104']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10', '64:ff9b::a9fe:0/112']],
  // Where clouds keep what a machine may do outside of link-local: Alibaba, Azure, AWS over IPv6.
  ['cloud metadata', ['100.100.100.200', '168.63.129.16', 'fd00:ec2::254']],
  ['unspecified', ['0.0.0.0/8', '::', '64:ff9b::/104']],
  ['multicast or broadcast', ['224.0.0.0/4', '255.255.255.255', 'ff00::/8']],
];
const special = SPECIAL.map(([reason, list]) => ({ reason, contains: networks(list.map((text) => parseNetwork(text)!)) }));

/** `loopback`, `link-local` and so on; undefined for an address like any other. */
export function specialAddress(address: string): string | undefined {
  return special.find(({ contains }) => contains(address))?.reason;
}
