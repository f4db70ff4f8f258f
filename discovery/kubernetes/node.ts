// Role `node`: one target per node, its kubelet. Source: Prometheus discovery/kubernetes/node.go.

import { objectKey } from '../../src/kubernetes/objects.ts';
import type { Node, NodeAddress } from '../../src/kubernetes/objects.ts';
import type { LabelMap } from '../../src/model/labels.ts';
import { derivedGroup } from './group.ts';
import type { GroupRules } from './group.ts';
import { ADDRESS, joinHostPort, metadataAdder, sanitize } from './labels.ts';
import type { Role } from './role.ts';

/** The best address is the first of the first type that the node has. */
const addressTypes = ['InternalIP', 'InternalDNS', 'ExternalIP', 'ExternalDNS', 'LegacyHostIP', 'Hostname'];

interface NodeContent {
  readonly node: Node;
  readonly address: string;
}

const addNodeMetadata = metadataAdder('node');

export const nodeRole: Role<'nodes'> = {
  kind: 'nodes',
  sourceWord: 'node',
  references: () => [],
  build(source, node) {
    const address = addressOf(node);
    return address === undefined ? undefined : derivedGroup(source, 1, { node, address }, nodeRules);
  },
  warning: (node) => (addressOf(node) === undefined ? `node ${objectKey(node)} has no address and is no target` : undefined),
};

const nodeRules: GroupRules<NodeContent> = {
  labels({ node }) {
    const labels: LabelMap = new Map([
      ['__meta_kubernetes_node_name', node.name],
      ['__meta_kubernetes_node_provider_id', node.providerId],
    ]);
    for (const { type, status } of node.conditions) labels.set(`__meta_kubernetes_node_condition_${sanitize(type.toLowerCase())}`, status.toLowerCase());
    addNodeMetadata(labels, node);
    return labels;
  },
  targets({ node, address }) {
    const labels: LabelMap = new Map([
      [ADDRESS, joinHostPort(address, node.kubeletPort)],
      ['instance', node.name],
    ]);
    for (const { type, address: value } of firstOfEachType(node)) labels.set(`__meta_kubernetes_node_address_${sanitize(type)}`, value);
    return [labels];
  },
};

function addressOf({ addresses }: Node): string | undefined {
  for (const type of addressTypes) {
    const found = addresses.find((address) => address.type === type);
    if (found !== undefined) return found.address;
  }
  return undefined;
}

function firstOfEachType({ addresses }: Node): readonly NodeAddress[] {
  return addresses.filter(({ type }, index) => addresses.findIndex((other) => other.type === type) === index);
}
