// Projections from objects in protobuf. The numbers are those of the fields in Kubernetes' generated.proto files (k8s.io/api core/v1,
// discovery/v1, networking/v1 and k8s.io/apimachinery meta/v1), which never change. from-json.ts gives equal values from the other encoding.

import { MessageReader } from './message-reader.ts';
import type { ContainerPort, DataObject, Ingress, IngressRule, Kind, KindMap, Meta, Node, NodeAddress, NodeCondition, Service } from './objects.ts';
import { blankMeta, readCondition, readMeta, readMetaOnly, readPort, servicePortFields } from './protobuf-common.ts';
import type { Draft } from './protobuf-common.ts';
import { readEndpointSlice, readEndpoints } from './protobuf-endpoints.ts';
import { readPod } from './protobuf-pod.ts';
import { dataObjectOf, ingressOf, nodeOf, serviceOf, withoutAnnotations } from './shapes.ts';

/** What is kept of one object: `bytes` is its message, without envelope. Fails with KUBERNETES_DAMAGED. */
export function projectProtobuf<K extends Kind>(kind: K, bytes: Buffer): KindMap[K] {
  return projections[kind](new MessageReader(bytes));
}

const projections: { readonly [K in Kind]: (reader: MessageReader) => KindMap[K] } = {
  pods: readPod,
  services: readService,
  endpoints: readEndpoints,
  endpointslices: readEndpointSlice,
  nodes: readNode,
  ingresses: readIngress,
  namespaces: readMetaOnly,
  replicasets: readMetaOnly,
  jobs: readMetaOnly,
  secrets: (reader) => readData(reader, 2),
  configmaps: (reader) => readData(reader, 3),
  podmetadata: (reader) => withoutAnnotations(readMetaOnly(reader)),
};

function readService(reader: MessageReader): Service {
  let meta = blankMeta;
  let spec = readServiceSpec(reader, 0);
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) spec = readServiceSpec(reader, reader.message());
    else reader.skip();
  }
  return serviceOf(meta, spec);
}

function readServiceSpec(reader: MessageReader, end: number): Omit<Service, keyof Meta> {
  const ports: ContainerPort[] = [];
  const ipFamilies: string[] = [];
  const spec: Draft<Omit<Service, keyof Meta>> = { type: '', clusterIp: '', externalName: '', loadBalancerIp: '', ports, ipFamilyPolicy: '', ipFamilies };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    switch (field) {
      case 1: ports.push(readPort(reader, servicePortFields)); break;
      case 3: spec.clusterIp = reader.uniqueText(); break;
      case 4: spec.type = reader.text(); break;
      case 8: spec.loadBalancerIp = reader.uniqueText(); break;
      case 10: spec.externalName = reader.uniqueText(); break;
      case 17: spec.ipFamilyPolicy = reader.text(); break;
      case 19: ipFamilies.push(reader.text()); break;
      default: reader.skip();
    }
  }
  return spec;
}

function readNode(reader: MessageReader): Node {
  let meta = blankMeta;
  let providerId = '';
  let status: NodeStatus = { kubeletPort: 0, addresses: [], conditions: [] };
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) providerId = textAt(reader, 3);
    else if (field === 3) status = readNodeStatus(reader);
    else reader.skip();
  }
  return nodeOf(meta, { ...status, providerId });
}

/** The last text of field `wanted` in a sub-message. */
function textAt(reader: MessageReader, wanted: number): string {
  const end = reader.message();
  let text = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === wanted) text = reader.uniqueText();
    else reader.skip();
  }
  return text;
}

interface NodeStatus {
  kubeletPort: number;
  readonly addresses: NodeAddress[];
  readonly conditions: NodeCondition[];
}

function readNodeStatus(reader: MessageReader): NodeStatus {
  const end = reader.message();
  const status: NodeStatus = { kubeletPort: 0, addresses: [], conditions: [] };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 4) status.conditions.push(readCondition(reader));
    // A NodeAddress has the fields of a condition: type, then the other text.
    else if (field === 5) status.addresses.push(readNodeAddress(reader));
    else if (field === 6) status.kubeletPort = readKubeletPort(reader);
    else reader.skip();
  }
  return status;
}

function readNodeAddress(reader: MessageReader): NodeAddress {
  const { type, status } = readCondition(reader);
  return { type, address: status };
}

/** NodeDaemonEndpoints, in it DaemonEndpoint, in it the port: field 1 each time. */
function readKubeletPort(reader: MessageReader): number {
  const end = reader.message();
  let port = 0;
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field !== 1) {
      reader.skip();
      continue;
    }
    const innerEnd = reader.message();
    for (let inner = reader.next(innerEnd); inner !== 0; inner = reader.next(innerEnd)) {
      if (inner === 1) port = reader.integer();
      else reader.skip();
    }
  }
  return port;
}

function readIngress(reader: MessageReader): Ingress {
  let meta = blankMeta;
  let spec: IngressSpec = { className: undefined, rules: [], tlsHosts: [] };
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2) spec = readIngressSpec(reader);
    else reader.skip();
  }
  return ingressOf(meta, spec);
}

interface IngressSpec {
  className: string | undefined;
  readonly rules: IngressRule[];
  readonly tlsHosts: string[];
}

function readIngressSpec(reader: MessageReader): IngressSpec {
  const end = reader.message();
  const spec: IngressSpec = { className: undefined, rules: [], tlsHosts: [] };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 2) readTexts(reader, spec.tlsHosts);
    else if (field === 3) spec.rules.push(readIngressRule(reader));
    else if (field === 4) spec.className = reader.text();
    else reader.skip();
  }
  return spec;
}

/** All texts of field 1 in a sub-message. */
function readTexts(reader: MessageReader, texts: string[]): void {
  const end = reader.message();
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) texts.push(reader.text());
    else reader.skip();
  }
}

function readIngressRule(reader: MessageReader): IngressRule {
  const end = reader.message();
  const paths: string[] = [];
  let host = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) host = reader.text();
    else if (field === 2) readPaths(reader, paths, 2);
    else reader.skip();
  }
  return { host, paths };
}

/** IngressRuleValue, in it HTTPIngressRuleValue, in it the paths: field 1 each time. */
function readPaths(reader: MessageReader, paths: string[], depth: number): void {
  const end = reader.message();
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field !== 1) reader.skip();
    else if (depth > 1) readPaths(reader, paths, depth - 1);
    else paths.push(textAt(reader, 1));
  }
}

/** A Secret has bytes in field 2; a ConfigMap text in field 2 and bytes in field 3, which look the same here. */
function readData(reader: MessageReader, lastField: 2 | 3): DataObject {
  let meta = blankMeta;
  const data = new Map<string, Uint8Array>();
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else if (field === 2 || field === lastField) readDatum(reader, data);
    else reader.skip();
  }
  return dataObjectOf(meta, { data });
}

/** An entry of map<string, bytes>. */
function readDatum(reader: MessageReader, data: Map<string, Uint8Array>): void {
  const end = reader.message();
  let key = '';
  let value: Uint8Array = new Uint8Array();
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) key = reader.text();
    else if (field === 2) value = reader.copy();
    else reader.skip();
  }
  data.set(key, value);
}
