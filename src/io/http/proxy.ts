// Which proxy a URL goes through. `proxy_url` alone means every request; with `no_proxy`, and always for the environment's variables, the
// rules of Go's httpproxy apply. Source: golang.org/x/net/http/httpproxy, Prometheus common/config ProxyConfig.

import { BlockList, isIP } from 'node:net';
import type { ProxySettings } from './config.ts';
import { HttpError } from './error.ts';
import { parseUrl } from './url.ts';
import type { ParsedUrl } from './url.ts';

export interface Proxy {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Sent with CONNECT, and with plain requests as far as it is `Proxy-Authorization`. Name, value, name, value ... */
  readonly authorization: readonly string[];
  readonly connectHeaders: readonly string[];
}

/** Throws HttpError `configuration` for a proxy URL that cannot be used. */
export type ProxyChoice = (url: ParsedUrl) => Proxy | undefined;

export function createProxyChoice(settings: ProxySettings, environment: Readonly<Record<string, string | undefined>>): ProxyChoice {
  const headers = settings.connectHeaders.flatMap(({ name, values }) => values.flatMap((value) => [name, value.reveal()]));
  if (settings.fromEnvironment) {
    const read = (name: string) => environment[name] || environment[name.toLowerCase()] || undefined;
    return chooseByRules({ http: read('HTTP_PROXY'), https: read('HTTPS_PROXY'), noProxy: read('NO_PROXY') ?? '', headers });
  }
  if (settings.url === undefined || settings.url === '') return () => undefined;
  if (settings.noProxy !== undefined && settings.noProxy !== '') {
    return chooseByRules({ http: settings.url, https: settings.url, noProxy: settings.noProxy, headers });
  }
  const proxy = lazy(settings.url, headers);
  return () => proxy();
}

interface Rules {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly noProxy: string;
  readonly headers: readonly string[];
}

function chooseByRules(rules: Rules): ProxyChoice {
  const bypasses = createBypass(rules.noProxy);
  const plain = rules.http === undefined ? undefined : lazy(rules.http, rules.headers);
  const secure = rules.https === undefined ? undefined : lazy(rules.https, rules.headers);
  return (url) => (bypasses(url.hostname, url.port) ? undefined : (url.secure ? secure : plain)?.());
}

/** The URL is parsed at the first use, because its error belongs to the request. */
function lazy(url: string, connectHeaders: readonly string[]): () => Proxy {
  let proxy: Proxy | undefined;
  return () => (proxy ??= parseProxy(url, connectHeaders));
}

function parseProxy(url: string, connectHeaders: readonly string[]): Proxy {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw new HttpError('configuration', `unsupported proxy scheme "${scheme}", expected http or https`);
  }
  const parsed = parseUrl(scheme === undefined ? `http://${url}` : url);
  const { user } = parsed;
  const authorization = user === undefined ? [] : ['Proxy-Authorization', basicCredentials(user.name, user.password)];
  return { secure: parsed.secure, hostname: parsed.hostname, port: parsed.port, authorization, connectHeaders };
}

export function basicCredentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

type Matcher = (host: string, port: number) => boolean;

/**
 * Whether a host is reached directly. Localhost and loopback addresses always are. Entries of the list: `*`; an address or CIDR block;
 * `example.com` (the domain and what is below it); `.example.com` and `*.example.com` (only what is below it); each but a block with `:port`.
 */
export function createBypass(noProxy: string): Matcher {
  const matchers = noProxy.split(',').map((entry) => createMatcher(entry.trim().toLowerCase()));
  return (host, port) => {
    const name = host.toLowerCase();
    return name === 'localhost' || isLoopback(name) || matchers.some((matches) => matches(name, port));
  };
}

function createMatcher(entry: string): Matcher {
  if (entry === '') return () => false;
  if (entry === '*') return () => true;
  const block = /^([^/]+)\/(\d+)$/.exec(entry);
  if (block !== null && isIP(block[1]!) !== 0) return matchBlock(block[1]!, Number(block[2]));
  const { host, port } = splitPort(entry);
  if (host === '') return () => false;
  const onPort = (actual: number) => port === undefined || port === actual;
  if (isIP(host) !== 0) {
    const matches = matchBlock(host, isIP(host) === 4 ? 32 : 128);
    return (name, actual) => matches(name, actual) && onPort(actual);
  }
  const below = host.startsWith('*.') ? host.slice(1) : host;
  const suffix = below.startsWith('.') ? below : `.${below}`;
  return (name, actual) => (name.endsWith(suffix) || (suffix !== below && name === below)) && onPort(actual);
}

function matchBlock(address: string, bits: number): Matcher {
  const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
  if (bits > (family === 'ipv4' ? 32 : 128)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return (name) => isIP(name) !== 0 && list.check(name, isIP(name) === 4 ? 'ipv4' : 'ipv6');
}

/** `host:8080`, `[::1]:80`, `[::1]`, `::1`, `host`. */
function splitPort(entry: string): { host: string; port?: number } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1]!, ...(bracketed[2] === undefined ? {} : { port: Number(bracketed[2]) }) };
  const plain = /^([^:]*):(\d+)$/.exec(entry);
  return plain === null ? { host: entry } : { host: plain[1]!, port: Number(plain[2]) };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
