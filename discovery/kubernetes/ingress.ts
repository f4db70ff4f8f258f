// Role `ingress`: a target per rule and path, by the rule's host; meant for probing. Source: Prometheus discovery/kubernetes/ingress.go.

import type { Ingress, IngressRule, Namespace } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import { addNamespace } from './attach.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules } from './group.ts';
import { ADDRESS, metadataAdder, NAMESPACE } from './labels.ts';
import type { Role } from './role.ts';

interface IngressContent {
  readonly ingress: Ingress;
  readonly namespace: Namespace | undefined;
}

const addIngressMetadata = metadataAdder('ingress');

export const ingressRole: Role<'ingresses'> = {
  kind: 'ingresses',
  sourceWord: 'ingress',
  references: ({ namespace }) => [{ kind: 'namespaces', key: namespace }],
  build(source, ingress, cluster) {
    const count = ingress.rules.reduce((sum, rule) => sum + pathsOf(rule).length, 0);
    return derivedGroup(source, count, { ingress, namespace: cluster.find('namespaces', ingress.namespace) }, ingressRules);
  },
};

const ingressRules: GroupRules<IngressContent> = {
  labels({ ingress, namespace }) {
    const labels: LabelMap = new Map([
      [NAMESPACE, ingress.namespace],
      ['__meta_kubernetes_ingress_name', ingress.name],
    ]);
    if (ingress.className !== undefined) labels.set('__meta_kubernetes_ingress_class_name', ingress.className);
    addIngressMetadata(labels, ingress);
    addNamespace(labels, namespace);
    return labels;
  },
  targets: ({ ingress }) => ingress.rules.flatMap((rule) => ruleTargets(rule, ingress.tlsHosts)),
};

/** A rule without a host has no address: no target comes of it unless a rule of the job gives one. */
function ruleTargets(rule: IngressRule, tlsHosts: readonly string[]): LabelMap[] {
  const scheme = tlsHosts.some((pattern) => matchesHost(pattern, rule.host)) ? 'https' : 'http';
  return pathsOf(rule).map((path) => new Map([
    [ADDRESS, rule.host],
    ['__meta_kubernetes_ingress_scheme', scheme],
    ['__meta_kubernetes_ingress_host', rule.host],
    ['__meta_kubernetes_ingress_path', path],
  ]));
}

function pathsOf({ paths }: IngressRule): readonly string[] {
  return paths.length === 0 ? ['/'] : paths.map((path) => (path === '' ? '/' : path));
}

/** `*.example.com` matches `a.example.com`, but neither `example.com` nor `a.b.example.com`. */
export function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  const dot = host.indexOf('.');
  return pattern.startsWith('*.') && dot >= 0 && pattern.slice(1) === host.slice(dot);
}
