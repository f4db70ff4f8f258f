// Role `service`: a target per port, by the service's name, which the cluster's DNS and proxy lead to some pod behind it; meant for probing.
// Source: Prometheus discovery/kubernetes/service.go.

import type { Namespace, Service, ServicePort } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import { addNamespace } from './attach.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules } from './group.ts';
import { ADDRESS, joinHostPort, metadataAdder, NAMESPACE } from './labels.ts';
import type { Role } from './role.ts';

interface ServiceContent {
  readonly service: Service;
  readonly namespace: Namespace | undefined;
}

const addServiceMetadata = metadataAdder('service');

export const serviceRole: Role<'services'> = {
  kind: 'services',
  sourceWord: 'svc',
  references: ({ namespace }) => [{ kind: 'namespaces', key: namespace }],
  build: (source, service, cluster) => derivedGroup(source, service.ports.length, { service, namespace: cluster.find('namespaces', service.namespace) }, serviceRules),
};

/** What the endpoints roles also say of a service. */
export function addService(labels: LabelMap, service: Service): void {
  labels.set('__meta_kubernetes_service_name', service.name);
  addServiceMetadata(labels, service);
}

const serviceRules: GroupRules<ServiceContent> = {
  labels({ service, namespace }) {
    const labels: LabelMap = new Map([[NAMESPACE, service.namespace]]);
    addService(labels, service);
    addNamespace(labels, namespace);
    return labels;
  },
  targets: ({ service }) => service.ports.map((port) => portTarget(service, port)),
};

function portTarget(service: Service, { name, port, protocol }: ServicePort): LabelMap {
  const labels: LabelMap = new Map([
    [ADDRESS, joinHostPort(`${service.name}.${service.namespace}.svc`, port)],
    ['__meta_kubernetes_service_port_name', name],
    ['__meta_kubernetes_service_port_number', String(port)],
    ['__meta_kubernetes_service_port_protocol', protocol],
    ['__meta_kubernetes_service_type', service.type],
  ]);
  if (service.type === 'ExternalName') labels.set('__meta_kubernetes_service_external_name', service.externalName);
  else labels.set('__meta_kubernetes_service_cluster_ip', service.clusterIp);
  if (service.type === 'LoadBalancer') labels.set('__meta_kubernetes_service_loadbalancer_ip', service.loadBalancerIp);
  return labels;
}
