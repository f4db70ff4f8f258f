// What is worked out once per URL: where a request goes (host, proxy) and which headers it carries. The hub holds what all exchanges of one
// client share: settings, credentials, TLS material and the connection pools.

import { lookup } from 'node:dns';
import type { Clock } from '../clock.ts';
import type { Authenticator, HeaderList } from './auth.ts';
import type { HeaderSettings, HttpClientSettings } from './config.ts';
import type { Dialer } from './dial.ts';
import type { Lane } from './lane.ts';
import { HostPool } from './pool.ts';
import type { Proxy, ProxyChoice } from './proxy.ts';
import { basicCredentials } from './proxy.ts';
import { readSecretFile } from './secret-file.ts';
import type { TlsSource } from './tls.ts';
import type { HttpClientOptions } from './types.ts';
import { parseUrl } from './url.ts';
import type { ParsedUrl } from './url.ts';

/** As Prometheus' transport: idle connections per host and their life. */
const IDLE_PER_HOST_MAX = 1000;
const IDLE_LIFE_MS = 5 * 60_000;

export interface Plan {
  readonly method: string;
  /** The URL as given, base of relative redirects. */
  readonly written: string;
  readonly url: ParsedUrl;
  /** What stands in the request line: path and query, or the whole URL for a plain request through a proxy. */
  readonly path: string;
  /** Headers that hold no credentials of the settings. */
  readonly openHeaders: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly proxy: Proxy | undefined;
  readonly poolKey: string;
  /** A GET that needs neither TLS nor a proxy. */
  readonly plain: boolean;
  /** All headers, once they are known to be the same for every request. */
  allHeaders?: string[];
}

export interface HubParts {
  readonly settings: HttpClientSettings;
  readonly options: HttpClientOptions;
  readonly authenticator: Authenticator;
  readonly tls: TlsSource;
  readonly chooseProxy: ProxyChoice;
}

export class Hub {
  readonly clock: Clock;
  readonly authenticator: Authenticator;
  readonly followRedirects: boolean;
  readonly #parts: HubParts;
  readonly #pools = new Map<string, HostPool>();
  #closed = false;
  readonly #publicHeaders: readonly string[];
  /** Credentials and secret headers, when none of them is read from a file or fetched. */
  readonly #fixedPrivate: HeaderList | undefined;

  constructor(parts: HubParts) {
    this.#parts = parts;
    this.clock = parts.options.clock;
    this.authenticator = parts.authenticator;
    this.followRedirects = parts.settings.followRedirects;
    this.#publicHeaders = parts.settings.headers.flatMap(({ name, values }) => values.flatMap((value) => [name, value]));
    const { fixed } = parts.authenticator;
    const fromFiles = parts.settings.headers.some(({ files }) => files.length > 0);
    this.#fixedPrivate = fixed === undefined || fromFiles ? undefined : [...secretHeaders(parts.settings.headers), ...fixed];
  }

  /** The headers of a caller together with those of the settings that are no secret. */
  openHeaders(headers: Readonly<Record<string, string>>): string[] {
    const list = Object.entries(headers).flat();
    if (!hasHeader(list, 'user-agent')) list.push('User-Agent', this.#parts.options.userAgent);
    return [...list, ...this.#publicHeaders];
  }

  /** Throws HttpError `configuration`. */
  plan(method: string, written: string, openHeaders: readonly string[], body: Uint8Array | undefined): Plan {
    const url = parseUrl(written);
    const proxy = this.#parts.chooseProxy(url);
    const viaProxy = proxy !== undefined && !url.secure;
    const plain = method === 'GET' && body === undefined && !url.secure && proxy === undefined;
    return {
      method,
      written,
      url,
      path: viaProxy ? `http://${url.authority}${url.target}` : url.target,
      openHeaders,
      body,
      proxy,
      poolKey: `${url.origin} ${url.authority}${plain ? ' plain' : ''}`,
      plain,
    };
  }

  /** All headers of one request. `trusted`: those with credentials as well. */
  headersFor(plan: Plan, trusted: boolean, timeoutMs: number): string[] | Promise<string[]> {
    if (!trusted) return this.#join(plan, []);
    if (this.#fixedPrivate !== undefined) return (plan.allHeaders ??= this.#join(plan, this.#fixedPrivate));
    const secret = secretHeaders(this.#parts.settings.headers);
    const credentials = this.authenticator.headers({
      method: plan.method, url: plan.url, headers: plan.openHeaders, body: plan.body, timeoutMs,
    });
    if (credentials instanceof Promise) return credentials.then((list) => this.#join(plan, [...secret, ...list]));
    return this.#join(plan, [...secret, ...credentials]);
  }

  /** A connection for one request. `fresh`: one that has served nobody before. */
  laneFor(plan: Plan, fresh: boolean): Lane {
    const usesTls = plan.url.secure || plan.proxy?.secure === true;
    const generation = usesTls ? this.#parts.tls.current().generation : 0;
    const pool = this.#poolFor(plan);
    return fresh ? pool.open() : pool.acquire(generation);
  }

  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) pool.close();
  }

  #join(plan: Plan, extra: HeaderList): string[] {
    const { url, proxy } = plan;
    const headers = [...plan.openHeaders, ...extra];
    // The user in a URL counts where nothing else says who we are.
    if (url.user !== undefined && !hasHeader(headers, 'authorization')) {
      headers.push('Authorization', basicCredentials(url.user.name, url.user.password));
    }
    // The Host header shows the port as it is written, also when it is the default one.
    if (!hasHeader(headers, 'host') && !url.origin.endsWith(`//${url.authority}`)) headers.push('Host', url.authority);
    if (proxy !== undefined && !url.secure) headers.push(...proxy.authorization);
    return headers;
  }

  #poolFor(plan: Plan): HostPool {
    const existing = this.#pools.get(plan.poolKey);
    if (existing !== undefined) return existing;
    const pool = this.#createPool(plan);
    this.#pools.set(plan.poolKey, pool);
    return pool;
  }

  #createPool({ url, proxy, poolKey, plain }: Plan): HostPool {
    const { options, tls } = this.#parts;
    const dialer: Dialer = { clock: options.clock, roundRobin: options.roundRobinDns, lookup: options.lookup ?? lookup, refuseAddress: options.refuseAddress, tls: () => tls.current() };
    const pool: HostPool = new HostPool({
      route: { secure: url.secure, hostname: url.hostname, port: url.port, proxy },
      origin: url.origin,
      plain,
      dialer,
      idleMax: options.connections ?? IDLE_PER_HOST_MAX,
      keepAliveMs: options.keepAliveMs ?? IDLE_LIFE_MS,
      maxAgeMs: options.connectionMaxAgeMs,
      onEmpty: () => {
        if (this.#pools.get(poolKey) === pool) this.#pools.delete(poolKey);
      },
    });
    if (this.#closed) pool.close();
    return pool;
  }
}

function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]!.toLowerCase() === name) return true;
  return false;
}

/** `http_headers` that are secrets, inline or in files. */
function secretHeaders(settings: readonly HeaderSettings[]): string[] {
  const headers: string[] = [];
  for (const { name, secrets, files } of settings) {
    for (const secret of secrets) headers.push(name, secret.reveal());
    for (const file of files) headers.push(name, readSecretFile(file, `http header ${name}`));
  }
  return headers;
}
