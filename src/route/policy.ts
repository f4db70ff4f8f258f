// What is known about a job: whether its series speak about others, and which labels name the pod they speak about. Configured by patterns over job
// names; behind them stand the exporters that everybody runs, known by the names that charts and handbooks give their jobs.

import { compileRegex } from '../relabel/regex.ts';
import { aboutOthersPattern, defaultNamespaceLabels, defaultNodeLabels, defaultPodLabels } from './config.ts';
import type { JobPolicySettings } from './config.ts';

export interface JobPolicy extends Omit<JobPolicySettings, 'job' | 'aboutOthers'> {
  readonly aboutOthers: boolean;
}

const defaults: Omit<JobPolicy, 'aboutOthers'> = {
  namespaceLabels: defaultNamespaceLabels,
  podLabels: defaultPodLabels,
  nodeLabels: defaultNodeLabels,
  namespaceOnly: 'namespace',
  withoutPod: 'none',
};

/** Finds the policy of a job by its name. */
export function createPolicies(jobs: readonly JobPolicySettings[]): (job: string) => JobPolicy {
  const configured = jobs.map((settings) => ({ settings, pattern: compileRegex(settings.job) }));
  const known = compileRegex(aboutOthersPattern);
  return (job) => {
    const { aboutOthers, ...own } = configured.find(({ pattern }) => pattern.matches(job))?.settings ?? { ...defaults, aboutOthers: undefined };
    return { ...own, aboutOthers: aboutOthers ?? known.matches(job) };
  };
}
