// What must hold for every rendering, whoever made it: chart or overlay, one member or several.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfig } from '../../../src/config/check.ts';
import { at, only, root, type Manifest } from './deploy-tools.ts';
import { temporaryFolder } from './process.ts';

const tokenFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const authorityFile = join(root, 'test', 'fixtures', 'tls', 'ca.pem');

const workloadKinds = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

function workloads(objects: readonly Manifest[]): Manifest[] {
  return objects.filter(({ kind }) => workloadKinds.has(kind));
}

/** The collector: a Deployment or StatefulSet. */
export function workload(objects: readonly Manifest[]): Manifest {
  const found = objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  if (found.length !== 1) throw new Error(`${found.length} workloads`);
  return found[0]!;
}

/** Of the collector. */
export function container(objects: readonly Manifest[], path: string): unknown {
  return containerOf(workload(objects), path);
}

export function containerOf(work: Manifest, path: string): unknown {
  return at(work, `spec.template.spec.containers.0.${path}`);
}

/** Names of what refers to something that is not there: claims, configuration, service accounts, ports, services. */
export function danglingNames(objects: readonly Manifest[]): string[] {
  const refer = referTo(objects);
  return [
    ...workloads(objects).flatMap((work) => danglingOf(work, objects)),
    ...bindings(objects).flatMap((binding) => [...refer(at(binding, 'roleRef.kind') as string, at(binding, 'roleRef.name')), ...refer('ServiceAccount', at(binding, 'subjects.0.name'))]),
  ];
}

function referTo(objects: readonly Manifest[]) {
  const names = (kind: string) => objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
  return (kind: string, name: unknown) => (name === undefined || names(kind).includes(name as string) ? [] : [`${kind} ${name as string}`]);
}

function danglingOf(work: Manifest, objects: readonly Manifest[]): string[] {
  const refer = referTo(objects);
  const volumes = volumesOf(work);
  const claimTemplates = (at(work, 'spec.volumeClaimTemplates') ?? []) as readonly Manifest[];
  const mounted = new Set([...volumes.map((volume) => at(volume, 'name')), ...claimTemplates.map(({ metadata }) => metadata.name)]);
  const mounts = containerOf(work, 'volumeMounts') as readonly unknown[];
  return [
    ...mounts.map((mount) => at(mount, 'name') as string).filter((name) => !mounted.has(name)).map((name) => `volume ${name}`),
    ...volumes.flatMap((volume) => [...refer('ConfigMap', at(volume, 'configMap.name')), ...refer('PersistentVolumeClaim', at(volume, 'persistentVolumeClaim.claimName'))]),
    ...refer('ServiceAccount', at(work, 'spec.template.spec.serviceAccountName')),
    ...refer('Service', at(work, 'spec.serviceName')),
  ];
}

function volumesOf(work: Manifest): readonly unknown[] {
  return at(work, 'spec.template.spec.volumes') as readonly unknown[];
}

function bindings(objects: readonly Manifest[]): Manifest[] {
  return objects.filter(({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding');
}

/** Objects whose selector does not find the pods of exactly one workload (of their own, or for a ServiceMonitor exactly one service). */
export function lostSelectors(objects: readonly Manifest[]): string[] {
  const services = objects.filter(({ kind }) => kind === 'Service');
  const lost = (object: Manifest, found: boolean) => (found ? [] : [`${object.kind} ${object.metadata.name}`]);
  const findsOne = (selector: unknown) => workloads(objects).filter((work) => selects(selector, podLabels(work))).length === 1;
  return objects.flatMap((object) => {
    switch (object.kind) {
      case 'Service': return lost(object, findsOne({ matchLabels: at(object, 'spec.selector') }));
      case 'NetworkPolicy': return lost(object, findsOne(at(object, 'spec.podSelector')));
      case 'ServiceMonitor': return lost(object, services.filter(({ metadata }) => selects(at(object, 'spec.selector'), metadata.labels ?? {})).length === 1);
      case 'Deployment': case 'StatefulSet': case 'DaemonSet': return lost(object, selects(at(object, 'spec.selector'), podLabels(object)) && findsOne(at(object, 'spec.selector')));
      case 'PodMonitor': case 'PodDisruptionBudget': return lost(object, findsOne(at(object, 'spec.selector')));
      default: return [];
    }
  });
}

function podLabels(work: Manifest): Readonly<Record<string, string>> {
  return at(work, 'spec.template.metadata.labels') as Readonly<Record<string, string>>;
}

function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(at(selector, 'matchLabels') as Readonly<Record<string, string>>);
  const expressions = (at(selector, 'matchExpressions') ?? []) as readonly { readonly key: string; readonly operator: string }[];
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value) && expressions.every(({ key, operator }) => operator === 'Exists' && labels[key] !== undefined);
}

/** What `check config` says about the configuration as the pod sees it: a folder with the files of the ConfigMap, a token, and files for what its Secrets hold. */
export function checkMounted(objects: readonly Manifest[], work = workload(objects)): string[] {
  const name = at(volumesOf(work).find((volume) => at(volume, 'name') === 'config'), 'configMap.name');
  const config = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
  const place = temporaryFolder();
  const mounted = [tokenFolder, ...secretMounts(work)].map((folder, i) => [folder, secretFolder(join(place, `secret-${i}`))] as const);
  const replaced = (text: string) => mounted.reduce((now, [folder, own]) => now.replaceAll(`${folder}/`, `${own}/`), text);
  for (const [file, text] of Object.entries(config?.data ?? {})) writeFileSync(join(place, file), replaced(text));
  const lines: string[] = [];
  checkConfig(join(place, 'tributary.yml'), (line) => void lines.push(line.replaceAll(place, '')));
  return lines;
}

function secretMounts(work: Manifest): string[] {
  const secrets = new Set(volumesOf(work).filter((volume) => at(volume, 'secret') !== undefined).map((volume) => at(volume, 'name')));
  return (containerOf(work, 'volumeMounts') as readonly unknown[]).filter((mount) => secrets.has(at(mount, 'name'))).map((mount) => at(mount, 'mountPath') as string);
}

/** The keys that pods here look for; an authority has to be a certificate. */
function secretFolder(folder: string): string {
  mkdirSync(folder);
  for (const name of ['token', 'password']) writeFileSync(join(folder, name), name);
  copyFileSync(authorityFile, join(folder, 'ca.crt'));
  return folder;
}

/** Resources by verb: `list watch` to the kinds, sorted. */
export function grants(objects: readonly Manifest[], kind: 'Role' | 'ClusterRole'): Readonly<Record<string, readonly string[]>> {
  const granted: Record<string, string[]> = {};
  for (const rule of only(objects, kind)['rules'] as readonly { readonly verbs: readonly string[]; readonly resources?: readonly string[]; readonly nonResourceURLs?: readonly string[] }[]) {
    (granted[rule.verbs.join(' ')] ??= []).push(...(rule.resources ?? rule.nonResourceURLs ?? []));
  }
  return Object.fromEntries(Object.entries(granted).map(([verbs, names]) => [verbs, names.toSorted()]));
}
