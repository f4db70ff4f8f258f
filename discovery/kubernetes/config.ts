// kubernetes_sd_configs: which objects of which API server become targets. Source: Prometheus discovery/kubernetes SDConfig.

import { isDeepStrictEqual } from 'node:util';
import { isSet } from '../../src/config/build.ts';
import { block, defaultBlock, fail, key, optional } from '../../src/config/schema.ts';
import type { Block } from '../../src/config/schema.ts';
import { bool, choice, filePath, listOf, text, url } from '../../src/config/types.ts';
import { buildHttpClient, checkHttpClient, defaultHttpClientSettings, httpClientKeys } from '../../src/io/http/config.ts';
import { fieldSelectorProblem, labelSelectorProblem } from '../../src/kubernetes/label-selector.ts';
import type { ServerSettings } from '../../src/kubernetes/kubernetes.ts';

export type RoleName = 'pod' | 'service' | 'endpoints' | 'endpointslice' | 'node' | 'ingress';

/** What is added to targets from other objects. */
export interface AttachSettings {
  readonly node: boolean;
  readonly namespace: boolean;
  readonly deployment: boolean;
  readonly job: boolean;
  readonly cronjob: boolean;
}

/** Restricts the list of the objects of one role; both in Kubernetes' syntax, '' selects everything. */
export interface SelectorSettings {
  readonly role: RoleName;
  readonly label: string;
  readonly field: string;
}

export interface KubernetesSdSettings {
  readonly kind: 'kubernetes';
  readonly role: RoleName;
  readonly server: ServerSettings;
  /** All namespaces when neither names any. Empty for nodes, which belong to none. */
  readonly namespaces: { readonly own: boolean; readonly names: readonly string[] };
  readonly selectors: readonly SelectorSettings[];
  /** Only what has an effect on the role. */
  readonly attach: AttachSettings;
}

const roleNames: readonly RoleName[] = ['pod', 'service', 'endpoints', 'endpointslice', 'node', 'ingress'];
const role = choice<RoleName | ''>(['', ...roleNames], (name) => `unknown Kubernetes SD role ${JSON.stringify(name)}`);

/** Of which roles the objects that a role watches may be selected. */
const selectorRoles: Readonly<Record<RoleName, readonly RoleName[]>> = {
  pod: ['pod', 'node'],
  service: ['service'],
  endpoints: ['pod', 'service', 'endpoints'],
  endpointslice: ['pod', 'service', 'endpointslice'],
  node: ['node'],
  ingress: ['ingress'],
};

export const namespacesKeys = {
  own_namespace: key(bool, false, 'The namespace that Tributary itself runs in.', { limit: 'inside the cluster only' }),
  names: key(listOf(text), [], 'Namespaces by name.', { defaultText: 'all' }),
};

export const selectorKeys = {
  role: key(role, '', 'Whose list is restricted: pods of the role `endpoints`, for example.', { limit: 'required' }),
  label: key(text, '', "Label selector, such as `app=web,tier in (a,b)`."),
  field: key(text, '', 'Field selector, such as `spec.nodeName=x`.'),
};

export const attachKeys = {
  node: key(bool, false, 'Labels of the node, for `pod`, `endpoints` and `endpointslice`. Pods whose node is not known are left out in the role `pod`.'),
  namespace: key(bool, false, 'Labels of the namespace, for all roles but `node`.'),
  deployment: key(bool, false, 'Name of the Deployment of a pod.'),
  job: key(bool, false, 'Name of the Job of a pod.'),
  cronjob: key(bool, false, 'Name of the CronJob of a pod.'),
};

export const kubernetesSdKeys = {
  role: key(role, '', 'Which objects become targets.', { limit: 'required' }),
  api_server: optional(url, 'URL of the API server.', { defaultText: 'that of the cluster this runs in' }),
  kubeconfig_file: optional(filePath, 'File that says where the API server is and who we are there.'),
  namespaces: key(block(namespacesKeys), defaultBlock(namespacesKeys), 'Which namespaces are watched, each with a list of its own.'),
  selectors: key(listOf(block(selectorKeys)), [], 'What the API server leaves out of its lists.'),
  attach_metadata: key(block(attachKeys), defaultBlock(attachKeys), 'What other objects add to the targets; each watches one more kind of object.'),
  ...httpClientKeys,
};
type KubernetesSdBlock = Block<typeof kubernetesSdKeys>;

export const kubernetesSdBlock = block(kubernetesSdKeys, { check: checkKubernetesSd });

function checkKubernetesSd(at: KubernetesSdBlock): void {
  const { role: name } = at.values;
  if (name === '' && !at.bad.has('role')) fail(at, undefined, 'role missing (one of: pod, service, endpoints, endpointslice, node, ingress)');
  checkHttpClient(at);
  checkServer(at);
  if (name !== '') checkSelectors(at, name);
}

function checkServer(at: KubernetesSdBlock): void {
  const hasServer = isSet(at.values.api_server) || at.bad.has('api_server');
  const hasFile = isSet(at.values.kubeconfig_file);
  const { own_namespace: own } = at.values.namespaces.values;
  if (hasServer && hasFile) return fail(at, 'kubeconfig_file', "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
  if (hasFile && hasClientOptions(at)) fail(at, undefined, "cannot use a custom HTTP client configuration together with 'kubeconfig_file'");
  if (!hasFile && !hasServer && hasClientOptions(at)) fail(at, undefined, "to use custom HTTP client configuration please provide the 'api_server' URL explicitly");
  if (hasServer && own) fail(at, 'namespaces', "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
  if (hasFile && own) fail(at, 'namespaces', "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
}

/** Whether any option of the HTTP client differs from its default: inside a cluster, and with a kubeconfig, all of them are given. */
function hasClientOptions(at: KubernetesSdBlock): boolean {
  return !isDeepStrictEqual(buildHttpClient(at.values), defaultHttpClientSettings);
}

function checkSelectors(at: KubernetesSdBlock, name: RoleName): void {
  const seen = new Set<string>();
  for (const selector of at.values.selectors) {
    const { role: selected, label, field } = selector.values;
    if (selector.bad.has('role')) continue;
    if (seen.has(selected)) fail(selector, 'role', `duplicated selector role: ${selected}`);
    seen.add(selected);
    const allowed = selectorRoles[name];
    if (!allowed.some((one) => one === selected)) fail(selector, 'role', `${name} role supports only ${allowed.join(', ')} selectors`);
    const labelProblem = labelSelectorProblem(label);
    if (labelProblem !== undefined) fail(selector, 'label', labelProblem);
    const fieldProblem = fieldSelectorProblem(field);
    if (fieldProblem !== undefined) fail(selector, 'field', fieldProblem);
  }
}

export function buildKubernetesSd({ values }: KubernetesSdBlock): KubernetesSdSettings {
  const name = values.role as RoleName;
  const { own_namespace: own, names } = values.namespaces.values;
  return {
    kind: 'kubernetes',
    role: name,
    server: buildServer(values),
    namespaces: name === 'node' ? { own: false, names: [] } : { own, names },
    selectors: values.selectors.map((selector) => ({ ...selector.values, role: selector.values.role as RoleName })),
    attach: buildAttach(name, values.attach_metadata.values),
  };
}

function buildServer(values: KubernetesSdBlock['values']): ServerSettings {
  if (isSet(values.kubeconfig_file)) return { kind: 'kubeconfig', path: values.kubeconfig_file! };
  if (isSet(values.api_server)) return { kind: 'url', url: values.api_server!, http: buildHttpClient(values) };
  return { kind: 'in_cluster' };
}

/** Equal effects are equal settings, so that jobs that differ in what changes nothing share one provider. */
function buildAttach(name: RoleName, { node, namespace, deployment, job, cronjob }: AttachSettings): AttachSettings {
  const hasPods = name === 'pod' || name === 'endpoints' || name === 'endpointslice';
  return {
    node: node && hasPods,
    namespace: namespace && name !== 'node',
    deployment: deployment && hasPods,
    job: job && hasPods,
    cronjob: cronjob && hasPods,
  };
}
