// The route table: every path the web surface answers, and what it needs. Order does not matter; a path that ends in `/` takes everything
// below it.

import { failure, type Answer } from './answer.ts';
import { destinations } from './api-destinations.ts';
import { discovery, kubernetes } from './api-discovery.ts';
import { masters } from './api-masters.ts';
import * as metadata from './api-metadata.ts';
import { owners } from './api-owners.ts';
import { write } from './api-write.ts';
import { route } from './api-route.ts';
import { roce } from './api-roce.ts';
import * as status from './api-status.ts';
import * as targets from './api-targets.ts';
import { volume } from './api-volume.ts';
import type { Opening } from './config.ts';
import type { Handler, WebRequest } from './context.ts';
import { healthy, lifecycle, quit, ready, reload } from './lifecycle.ts';
import { configPage, flagsPage, overviewPage, stylesheet } from './page.ts';

export interface Route {
  readonly path: string;
  readonly methods: readonly string[];
  readonly handler: Handler;
  /** Answers 503 until the agent has started. Not until it is ready: what it waits for can be asked meanwhile. */
  readonly needsStarted: boolean;
  /** Of others the body is thrown away. */
  readonly readsBody?: boolean;
  /** Answered without credentials where the file of --web.config.file opens it. */
  readonly opening?: Opening;
}

const get = ['GET'];
/** Lifecycle handlers answer wrong methods themselves, with Prometheus' text. */
const any = ['GET', 'POST', 'PUT'];

/** What Prometheus refuses in agent mode, because it needs a database. */
const databasePaths = [
  'query', 'query_range', 'query_exemplars', 'format_query', 'parse_query', 'labels', 'label/', 'series', 'alertmanagers', 'alerts', 'rules',
  'status/tsdb', 'status/tsdb/', 'admin/tsdb/',
];

function unavailable(): Answer {
  return failure('execution', 'unavailable with Prometheus Agent');
}

function unknownApi({ path }: WebRequest): Answer {
  return failure('not_found', `no such path: ${path}`);
}

const metrics: Handler = async (_request, { view }) => ({
  status: 200,
  type: 'text/plain; version=0.0.4; charset=utf-8',
  body: await view.metricsText(),
});

function api(path: string, handler: Handler): Route {
  return { path: `/api/v1/${path}`, methods: get, handler, needsStarted: true };
}

function open(path: string, handler: Handler, methods: readonly string[] = get): Route {
  return { path, methods, handler, needsStarted: false };
}

const routes: readonly Route[] = [
  api('targets', targets.targets),
  api('targets/metadata', metadata.targetMetadata),
  api('targets/relabel_steps', targets.relabelSteps),
  api('scrape_pools', targets.scrapePools),
  api('metadata', metadata.metadata),
  api('status/config', status.config),
  api('status/flags', status.flags),
  api('status/buildinfo', status.buildInfo),
  api('status/runtimeinfo', status.runtimeInfo),
  api('status/destinations', destinations),
  api('status/sharding', status.sharding),
  // Asked most of all while an API server that does not answer keeps the collector from being ready.
  open('/api/v1/status/discovery', discovery),
  open('/api/v1/status/kubernetes', kubernetes),
  open('/api/v1/status/masters', masters),
  api('route', route),
  api('status/owners', owners),
  { ...api('write', write), methods: ['POST'], readsBody: true },
  api('status/volume', volume),
  api('status/roce', roce),
  ...databasePaths.map((path) => ({ ...api(path, unavailable), methods: any })),
  { ...api('', unknownApi), methods: any },

  { ...open('/metrics', metrics), opening: 'metrics' },
  open('/version', status.version),
  { ...open('/-/healthy', healthy), opening: 'probes' },
  { ...open('/-/ready', ready), opening: 'probes' },
  open('/-/reload', lifecycle(reload), any),
  open('/-/quit', lifecycle(quit), any),

  ...['/', '/agent', '/targets', '/service-discovery', '/status'].map((path) => open(path, overviewPage)),
  open('/config', configPage),
  open('/flags', flagsPage),
  open('/page.css', stylesheet),
];

const exact = new Map(routes.filter(({ path }) => path === '/' || !path.endsWith('/')).map((route) => [route.path, route]));
/** Longest first, so that the nearest one wins. */
const below = routes.filter(({ path }) => path !== '/' && path.endsWith('/')).sort((a, b) => b.path.length - a.path.length);

/** The route of a path below the prefix, undefined where there is none. */
export function findRoute(path: string): Route | undefined {
  return exact.get(path) ?? below.find((route) => path.startsWith(route.path));
}
