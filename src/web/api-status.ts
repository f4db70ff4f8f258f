// `/api/v1/status/*` and `/version`: configuration, flags, build and runtime. Destinations: api-destinations.ts.

import { availableParallelism, hostname } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { compareUtf8 } from '../model/labels.ts';
import { json, success, type Answer } from './answer.ts';
import { sortedPools } from './api-targets.ts';
import type { WebContext, WebRequest } from './context.ts';
import { formatTime } from './time-text.ts';

/** The YAML in force, and what people must know about it: remarks, and how the last reload went. */
export function config(_request: WebRequest, { view }: WebContext): Answer {
  const reload = view.reload();
  return success({
    yaml: view.configYaml(),
    remarks: view.remarks(),
    reload: {
      successful: reload.successful,
      lastSuccess: formatTime(reload.lastSuccessMs),
      lastAttempt: formatTime(reload.lastAttemptMs),
      problems: reload.problems,
      error: reload.error,
    },
  });
}

export function flags(_request: WebRequest, context: WebContext): Answer {
  return success(Object.fromEntries([...context.flags.all].sort(([a], [b]) => compareUtf8(a, b))));
}

export function buildInfo(_request: WebRequest, context: WebContext): Answer {
  return success(buildFacts(context));
}

/** The same facts without the envelope. */
export function version(_request: WebRequest, context: WebContext): Answer {
  return json(200, buildFacts(context));
}

/** Which member of how many this is, and per job how many targets it scrapes and how many only others do. */
export function sharding(_request: WebRequest, context: WebContext): Answer {
  const { members, member, replicationFactor } = context.view.sharding();
  const jobs = sortedPools(context).map(({ name, active, leftCount }) => ({ job: name, kept: active.length, left: leftCount }));
  return success({ members, member, replicationFactor, jobs });
}

/** Prometheus' fields; those that speak of Go hold what is nearest here. */
export function runtimeInfo(_request: WebRequest, { view, startedMs }: WebContext): Answer {
  const reload = view.reload();
  return success({
    startTime: formatTime(startedMs),
    CWD: process.cwd(),
    hostname: hostname(),
    serverTime: formatTime(Date.now()),
    reloadConfigSuccess: reload.successful,
    lastConfigTime: formatTime(reload.lastSuccessMs),
    corruptionCount: view.destinations().reduce((sum, { counters }) => sum + counters.lost.corrupt, 0),
    goroutineCount: 1,
    GOMAXPROCS: availableParallelism(),
    GOMEMLIMIT: getHeapStatistics().heap_size_limit,
    GOGC: '',
    GODEBUG: '',
    storageRetention: '',
    residentMemoryBytes: process.memoryUsage.rss(),
    nodeVersion: process.version,
  });
}

function buildFacts({ build }: WebContext): Record<string, string> {
  const { version: release, revision, branch, buildDate } = build;
  return { version: release, revision, branch, buildUser: '', buildDate, goVersion: process.version };
}
