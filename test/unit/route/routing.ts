// Routing settings in a few words, for tests.

import type { JobPolicySettings, RouteSettings, RoutingSettings } from '../../../src/route/config.ts';

export function route(to: readonly string[], match: readonly string[] = [], more: Partial<RouteSettings> = {}): RouteSettings {
  return { match, to, continue: false, samplesPerSecond: 0, overBudget: 'drop', ...more };
}

export interface RoutingOptions {
  readonly rules?: RoutingSettings['owner']['rules'];
  readonly jobs?: readonly Partial<JobPolicySettings>[];
  readonly unowned?: readonly string[];
}

export function routing(routes: readonly RouteSettings[], options: RoutingOptions = {}): RoutingSettings {
  return {
    owner: { rules: options.rules ?? [], podLabel: 'cluster_id', namespace: undefined, followsLabels: false, tombstoneMs: 600_000 },
    jobs: (options.jobs ?? []).map(jobPolicy),
    unowned: options.unowned ?? [],
    routes,
  };
}

function jobPolicy(own: Partial<JobPolicySettings>): JobPolicySettings {
  return {
    job: '.*',
    aboutOthers: undefined,
    namespaceLabels: ['exported_namespace', 'namespace'],
    podLabels: ['exported_pod', 'pod'],
    nodeLabels: ['node'],
    namespaceOnly: 'namespace',
    withoutPod: 'none',
    ...own,
  };
}
