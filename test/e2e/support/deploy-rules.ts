// What must hold for every rendering, whoever made it: chart or overlay, one member or several.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../../src/config/check.ts';
import { at, only, type Manifest } from './deploy-tools.ts';
import { temporaryFolder } from './process.ts';

const tokenFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The Deployment or StatefulSet. */
export function workload(objects: readonly Manifest[]): Manifest {
  const found = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  if (found.length !== 1) throw new Error(`${found.length} workloads`);
  return found[0]!;
}

export function container(objects: readonly Manifest[], path: string): unknown {
  return at(workload(objects), `spec.template.spec.containers.0.${path}`);
}

/** Names of what refers to something that is not there: claims, configuration, service accounts, ports, services. */
export function danglingNames(objects: readonly Manifest[]): string[] {
  const work = workload(objects);
  const names = (kind: string) => objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
  const volumes = at(work, 'spec.template.spec.volumes') as readonly unknown[];
  const claimTemplates = (at(work, 'spec.volumeClaimTemplates') ?? []) as readonly Manifest[];
  const mounted = new Set([...volumes.map((volume) => at(volume, 'name')), ...claimTemplates.map(({ metadata }) => metadata.name)]);
  const mounts = container(objects, 'volumeMounts') as readonly unknown[];
  const refer = (kind: string, name: unknown) => (name === undefined || names(kind).includes(name as string) ? [] : [`${kind} ${name as string}`]);
  return [
    ...mounts.map((mount) => at(mount, 'name') as string).filter((name) => !mounted.has(name)).map((name) => `volume ${name}`),
    ...volumes.flatMap((volume) => [...refer('ConfigMap', at(volume, 'configMap.name')), ...refer('PersistentVolumeClaim', at(volume, 'persistentVolumeClaim.claimName'))]),
    ...refer('ServiceAccount', at(work, 'spec.template.spec.serviceAccountName')),
    ...refer('Service', at(work, 'spec.serviceName')),
    ...bindings(objects).flatMap((binding) => [...refer(at(binding, 'roleRef.kind') as string, at(binding, 'roleRef.name')), ...refer('ServiceAccount', at(binding, 'subjects.0.name'))]),
  ];
}

function bindings(objects: readonly Manifest[]): Manifest[] {
  return objects.filter(({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding');
}

/** Objects whose selector does not find the pod (or, for a ServiceMonitor, not exactly one service). */
export function lostSelectors(objects: readonly Manifest[]): string[] {
  const work = workload(objects);
  const podLabels = at(work, 'spec.template.metadata.labels') as Readonly<Record<string, string>>;
  const services = objects.filter(({ kind }) => kind === 'Service');
  const lost = (object: Manifest, found: boolean) => (found ? [] : [`${object.kind} ${object.metadata.name}`]);
  return objects.flatMap((object) => {
    switch (object.kind) {
      case 'Service': return lost(object, selects({ matchLabels: at(object, 'spec.selector') }, podLabels));
      case 'NetworkPolicy': return lost(object, selects(at(object, 'spec.podSelector'), podLabels));
      case 'ServiceMonitor': return lost(object, services.filter(({ metadata }) => selects(at(object, 'spec.selector'), metadata.labels ?? {})).length === 1);
      case 'Deployment': case 'StatefulSet': case 'PodMonitor': case 'PodDisruptionBudget': return lost(object, selects(at(object, 'spec.selector'), podLabels));
      default: return [];
    }
  });
}

function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(at(selector, 'matchLabels') as Readonly<Record<string, string>>);
  const expressions = (at(selector, 'matchExpressions') ?? []) as readonly { readonly key: string; readonly operator: string }[];
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value) && expressions.every(({ key, operator }) => operator === 'Exists' && labels[key] !== undefined);
}

/** What `check config` says about the configuration as the pod sees it: a folder with the files of the ConfigMap, and a token. */
export function checkMounted(objects: readonly Manifest[]): string[] {
  const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith('-config'));
  const place = temporaryFolder();
  const secrets = join(place, 'serviceaccount');
  mkdirSync(secrets);
  for (const name of ['token', 'ca.crt']) writeFileSync(join(secrets, name), name);
  for (const [name, text] of Object.entries(config?.data ?? {})) writeFileSync(join(place, name), text.replaceAll(tokenFolder, secrets));
  const lines: string[] = [];
  checkConfig(join(place, 'tributary.yml'), (line) => void lines.push(line.replaceAll(place, '')));
  return lines;
}

/** Resources by verb: `list watch` to the kinds, sorted. */
export function grants(objects: readonly Manifest[], kind: 'Role' | 'ClusterRole'): Readonly<Record<string, readonly string[]>> {
  const granted: Record<string, string[]> = {};
  for (const rule of only(objects, kind)['rules'] as readonly { readonly verbs: readonly string[]; readonly resources?: readonly string[]; readonly nonResourceURLs?: readonly string[] }[]) {
    (granted[rule.verbs.join(' ')] ??= []).push(...(rule.resources ?? rule.nonResourceURLs ?? []));
  }
  return Object.fromEntries(Object.entries(granted).map(([verbs, names]) => [verbs, names.toSorted()]));
}
