// What `attach_metadata` adds: labels of the node, of the namespace, and the names of the owners behind a pod's controller. All of it is
// optional; an object that is not known yet adds nothing, and the group is made again when it arrives.

import type { LabelMap } from '../../src/model/labels.ts';
import { objectKey } from '../../src/kubernetes/objects.ts';
import type { Meta, Namespace, Node, OwnerReference, Pod } from '../../src/kubernetes/objects.ts';
import { metadataAdder } from './labels.ts';
import type { Cluster, Reference } from './role.ts';

/** Names of the objects that control a pod indirectly; undefined where unknown or not asked for. */
export interface OwnerNames {
  readonly deployment: string | undefined;
  readonly job: string | undefined;
  readonly cronjob: string | undefined;
}

/** Shared by all pods without such owners, which are nearly all where nothing is attached. */
const noOwners: OwnerNames = { deployment: undefined, job: undefined, cronjob: undefined };

const addNodeMetadata = metadataAdder('node');
const addNamespaceMetadata = metadataAdder('namespace');

export function addNode(labels: LabelMap, node: Node | undefined): void {
  if (node === undefined) return;
  labels.set('__meta_kubernetes_node_name', node.name);
  addNodeMetadata(labels, node);
}

export function addNamespace(labels: LabelMap, namespace: Namespace | undefined): void {
  if (namespace !== undefined) addNamespaceMetadata(labels, namespace);
}

export function controllerOf({ owners }: Meta): OwnerReference | undefined {
  return owners.find(({ controller }) => controller);
}

/** The objects that decide on `ownerNames`. */
export function* ownerReferences(pod: Pod): Generator<Reference> {
  const controller = controllerOf(pod);
  if (controller?.kind === 'ReplicaSet') yield { kind: 'replicasets', key: keyBeside(pod, controller) };
  if (controller?.kind === 'Job') yield { kind: 'jobs', key: keyBeside(pod, controller) };
}

/** A deployment stands behind a ReplicaSet, a cron job behind a Job. */
export function ownerNames(pod: Pod, cluster: Cluster): OwnerNames {
  const { deployment, job, cronjob } = cluster.attach;
  const controller = deployment || job || cronjob ? controllerOf(pod) : undefined;
  if (controller?.kind === 'ReplicaSet' && deployment) {
    return namesOrNone({ ...noOwners, deployment: ownerOfKind('Deployment', cluster.find('replicasets', keyBeside(pod, controller))) });
  }
  if (controller?.kind !== 'Job') return noOwners;
  return namesOrNone({
    deployment: undefined,
    job: job ? controller.name : undefined,
    cronjob: cronjob ? ownerOfKind('CronJob', cluster.find('jobs', keyBeside(pod, controller))) : undefined,
  });
}

export function addOwnerNames(labels: LabelMap, { deployment, job, cronjob }: OwnerNames): void {
  if (deployment !== undefined) labels.set('__meta_kubernetes_pod_deployment_name', deployment);
  if (job !== undefined) labels.set('__meta_kubernetes_pod_job_name', job);
  if (cronjob !== undefined) labels.set('__meta_kubernetes_pod_cronjob_name', cronjob);
}

/** An owner stands in the namespace of what it owns. */
function keyBeside({ namespace }: Meta, { name }: OwnerReference): string {
  return objectKey({ namespace, name });
}

function ownerOfKind(kind: string, object: Meta | undefined): string | undefined {
  const controller = object === undefined ? undefined : controllerOf(object);
  return controller?.kind === kind ? controller.name : undefined;
}

function namesOrNone(names: OwnerNames): OwnerNames {
  return names.deployment === undefined && names.job === undefined && names.cronjob === undefined ? noOwners : names;
}
