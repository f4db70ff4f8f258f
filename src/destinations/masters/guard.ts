// Where announced destinations may lead. It is asked twice: for the hosts that a document names, so that its author is told, and for every
// address that a connection is about to go to, because a name may lead anywhere and another place tomorrow.

import { isIP } from 'node:net';
import type { MastersSettings } from './config.ts';
import { networks, specialAddress } from './network.ts';

export interface Guard {
  /** Why no document may name this host; undefined when it may. An IPv6 address without brackets. */
  refuseHost(host: string): string | undefined;
  /** Why the address that a host has led to is not connected to. */
  refuseAddress(host: string, address: string): string | undefined;
}

export type GuardSettings = Pick<MastersSettings, 'allowedHosts' | 'allowedNetworks' | 'refusedNetworks'>;

/** `isApiServer` is asked for hosts and for addresses. */
export function createGuard(settings: GuardSettings, isApiServer: (hostOrAddress: string) => boolean): Guard {
  const isAllowed = networks(settings.allowedNetworks);
  const isRefused = networks(settings.refusedNetworks);
  const isAllowedHost = hostFilter(settings.allowedHosts);

  const addressReason = (address: string): string | undefined => {
    if (isRefused(address)) return `${address}, which tributary.masters.refused_networks refuses`;
    if (isAllowed(address)) return undefined;
    const special = specialAddress(address);
    if (special !== undefined) return `the ${special} address ${address}, expected one of another host (tributary.masters.allowed_networks)`;
    return isApiServer(address) ? `${address}, an address of the API server, expected a storage (tributary.masters.allowed_networks)` : undefined;
  };
  const refuseHost = (host: string): string | undefined => {
    if (!isAllowedHost(host)) return `the host ${host}, expected one of tributary.masters.allowed_hosts: ${settings.allowedHosts.join(', ')}`;
    if (isIP(host) !== 0) return addressReason(host);
    // A name that is allowed by a network is judged by the address it leads to.
    const isLocal = /(^|\.)localhost\.?$/i.test(host);
    if (settings.allowedNetworks.length > 0) return undefined;
    if (isLocal) return `the loopback name ${host}, expected one of another host`;
    return isApiServer(host) ? `${host}, the API server, expected a storage` : undefined;
  };
  return {
    refuseHost,
    refuseAddress: (host, address) => (isAllowedHost(host) ? addressReason(address) : refuseHost(host)),
  };
}

function hostFilter(allowed: readonly string[]): (host: string) => boolean {
  if (allowed.length === 0) return () => true;
  const plain = (host: string) => host.toLowerCase().replace(/\.$/, '');
  const exact = new Set(allowed.map(plain));
  const below = allowed.filter((one) => one.startsWith('*.')).map((one) => plain(one).slice(1));
  return (host) => exact.has(plain(host)) || below.some((suffix) => plain(host).endsWith(suffix) && plain(host).length > suffix.length);
}
