// The web server: listeners, then for each request prefix, route, method, readiness, handler, answer. Everything it says about the agent
// comes through AgentView.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatListenAddress, type ListenAddress } from '../cli/address.ts';
import type { BuildInfo } from '../cli/build-info.ts';
import type { Flags } from '../cli/flags.ts';
import { errorText, TributaryError } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { failure, send, text, type Answer } from './answer.ts';
import type { WebContext } from './context.ts';
import { createGuard, type Guard } from './guard.ts';
import { notReady } from './lifecycle.ts';
import { findRoute, type Route } from './routes.ts';
import type { AgentView } from './view.ts';
import { declareWebMetrics, type WebMetrics } from './web-metrics.ts';

export interface WebOptions {
  readonly view: AgentView;
  readonly flags: Flags;
  readonly build: BuildInfo;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Wall time of the start of the process, milliseconds. */
  readonly startedMs: number;
}

export interface WebServer {
  /** As bound, in the order of the flags; the ports are real where 0 was asked for. */
  readonly addresses: readonly ListenAddress[];
  /** Ends listening and open connections; running answers get `graceMs`. */
  close(): Promise<void>;
}

/** How long a running answer may take when the server closes, milliseconds. Short: pages and scrapes can be asked again. */
const graceMs = 2000;

/** A body that nobody wants is read away up to here, so that its sender sees the answer and the connection can be used again; then the connection ends. Bytes. */
const unwantedBytesMax = 64 * 1024 ** 2;

/** Listens on every address. Fails with WEB_LISTEN when one cannot be had, the others are closed again; with WEB_CONFIG_INVALID for a bad `--web.config.file`. */
export async function startWebServer(options: WebOptions): Promise<WebServer> {
  const addresses: ListenAddress[] = [];
  const context: WebContext = { ...options, ownPort: () => addresses[0]?.port ?? 0 };
  const metrics = declareWebMetrics(options.metrics);
  const guard = createGuard(options.flags.webConfigFile, options.logger);
  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response, { context, metrics, guard, logger: options.logger });
  const servers: Server[] = [];
  try {
    for (const address of options.flags.listen) {
      const server = newServer(guard, listener, options.flags);
      addresses.push(await listen(server, address));
      servers.push(server);
      // Without a listener here, an error of the listening socket would end the process.
      server.on('error', (error) => options.logger.error('the web server failed', { error: errorText(error) }));
    }
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    throw error;
  }
  for (const address of addresses) options.logger.info('listening', { address: formatListenAddress(address) });
  return { addresses, close: async () => void (await Promise.all(servers.map(closeServer))) };
}

function newServer(guard: Guard, listener: (request: IncomingMessage, response: ServerResponse) => void, flags: Flags): Server {
  const server = guard.createServer({ requestTimeout: flags.readTimeoutMs, headersTimeout: Math.min(flags.readTimeoutMs, 60_000), keepAliveTimeout: flags.readTimeoutMs }, listener);
  server.maxConnections = flags.maxConnections;
  return server;
}

function listen(server: Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => reject(listenError(address, error));
    server.once('error', refused);
    server.listen({ port: address.port, ...(address.host !== '' && { host: address.host }) }, () => {
      server.off('error', refused);
      const bound = server.address() as AddressInfo;
      resolve({ host: address.host, port: bound.port });
    });
  });
}

function listenError(address: ListenAddress, error: NodeJS.ErrnoException): TributaryError {
  const reasons: Record<string, string> = {
    EADDRINUSE: 'the port is in use by another process; choose another one with --web.listen-address',
    EACCES: 'this user may not bind it; ports below 1024 need a privilege',
    EADDRNOTAVAIL: 'no network interface has this address',
    ENOTFOUND: 'the host name is not known',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new TributaryError('WEB_LISTEN', `cannot listen on ${formatListenAddress(address)}: ${reason}`, { cause: error });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

interface Doors {
  readonly context: WebContext;
  readonly metrics: WebMetrics;
  readonly guard: Guard;
  readonly logger: Logger;
}

async function handle(request: IncomingMessage, response: ServerResponse, { context, metrics, guard, logger }: Doors): Promise<void> {
  const started = performance.now();
  setCors(request, response, context.flags.corsOrigin);
  const url = parseTarget(request.url ?? '/');
  const path = url === undefined ? undefined : belowPrefix(url.pathname, context.flags.routePrefix);
  const route = path === undefined ? undefined : findRoute(path);
  if (route?.readsBody !== true) readAway(request);
  let bytes = 0;
  try {
    const admitted = await guard.admit(request, response, route?.opening);
    const answer = 'client' in admitted ? await answerTo(request, { url, path, route, client: admitted.client }, context) : admitted;
    bytes = await send(request, response, answer);
  } catch (error) {
    logger.error('an answer failed', { path: request.url, error: errorText(error) });
    if (response.headersSent) response.destroy();
    else bytes = await send(request, response, failure('internal', errorText(error)));
  }
  // What a handler left of its body.
  if (route?.readsBody === true && !request.readableEnded) readAway(request);
  // Unknown paths share one name: whoever asks for them must not make series.
  const handler = route?.path ?? 'not_found';
  metrics.requests.with(handler, String(response.statusCode)).inc();
  metrics.duration.with(handler).observe((performance.now() - started) / 1000);
  metrics.size.with(handler).observe(bytes);
}

function readAway(request: IncomingMessage): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > unwantedBytesMax) request.destroy();
  });
  request.on('error', () => undefined).resume();
}

interface Found {
  readonly url: URL | undefined;
  readonly path: string | undefined;
  readonly route: Route | undefined;
  readonly client: string;
}

function answerTo(request: IncomingMessage, { url, path, route, client }: Found, context: WebContext): Answer | Promise<Answer> {
  const { routePrefix, externalUrl } = context.flags;
  if (url === undefined) return text(400, 'Bad Request\n');
  const isBare = routePrefix !== '' && (url.pathname === '/' || url.pathname === routePrefix);
  if (isBare) return text(302, 'Found\n', { Location: `${externalUrl.pathname.replace(/\/$/, '')}/` });
  if (path === undefined || route === undefined) return text(404, '404 page not found\n');
  if (request.method === 'OPTIONS') return text(204, '');
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  if (!route.methods.includes(method)) return text(405, 'Method Not Allowed\n', { Allow: route.methods.join(', ') });
  if (route.needsStarted && (!context.view.isStarted() || context.view.isStopping())) return notReady(context.view.isStopping());
  return route.handler({ method, path, query: url.searchParams, incoming: request, client }, context);
}

function parseTarget(target: string): URL | undefined {
  // The leading slashes of `//x` would otherwise be read as a host.
  const address = `http://localhost${target.startsWith('/') ? target : `/${target}`}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

/** Undefined when the path lies outside the prefix. */
function belowPrefix(path: string, prefix: string): string | undefined {
  if (prefix === '') return path;
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
}

/** Source: Prometheus util/httputil. */
function setCors(request: IncomingMessage, response: ServerResponse, allowed: RegExp): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Headers', 'Accept, Authorization, Content-Type, Origin');
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
  response.setHeader('Access-Control-Expose-Headers', 'Date');
  if (allowed.source === '^(?:.*)$') response.setHeader('Access-Control-Allow-Origin', '*');
  else if (allowed.test(origin)) response.setHeader('Access-Control-Allow-Origin', origin);
}
