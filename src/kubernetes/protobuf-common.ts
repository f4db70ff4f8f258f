// What the messages of several kinds have in common: metadata, pairs, ports, conditions, references. Part of from-protobuf.ts.

import type { MessageReader } from './message-reader.ts';
import type { ContainerPort, Meta, NodeCondition, OwnerReference, TargetReference } from './objects.ts';
import { shareAnnotations, shareLabels, shareOwners } from './share.ts';

/** A projection that is being filled. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

export const blankMeta: Meta = { name: '', namespace: '', uid: '', labels: [], annotations: [], owners: [] };

/** ObjectMeta. */
export function readMeta(reader: MessageReader): Meta {
  const end = reader.message();
  const labels: string[] = [];
  const annotations: string[] = [];
  const owners: OwnerReference[] = [];
  let name = '';
  let namespace = '';
  let uid = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    switch (field) {
      case 1: name = reader.uniqueText(); break;
      case 3: namespace = reader.text(); break;
      case 5: uid = reader.uniqueText(); break;
      case 11: readPair(reader, labels); break;
      case 12: readPair(reader, annotations); break;
      case 13: owners.push(readOwner(reader)); break;
      default: reader.skip();
    }
  }
  return { name, namespace, uid, labels: shareLabels(labels), annotations: shareAnnotations(annotations), owners: shareOwners(owners) };
}

/** An entry of map<string, string>. */
export function readPair(reader: MessageReader, pairs: string[]): void {
  const end = reader.message();
  let key = '';
  let value = '';
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) key = reader.text();
    else if (field === 2) value = reader.text();
    else reader.skip();
  }
  pairs.push(key, value);
}

function readOwner(reader: MessageReader): OwnerReference {
  const end = reader.message();
  const owner: Draft<OwnerReference> = { kind: '', name: '', controller: false };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) owner.kind = reader.text();
    else if (field === 3) owner.name = reader.text();
    else if (field === 6) owner.controller = reader.flag();
    else reader.skip();
  }
  return owner;
}

/** An object of which only ObjectMeta (field 1 everywhere) is wanted. */
export function readMetaOnly(reader: MessageReader): Meta {
  let meta = blankMeta;
  for (let field = reader.next(reader.end); field !== 0; field = reader.next(reader.end)) {
    if (field === 1) meta = readMeta(reader);
    else reader.skip();
  }
  return meta;
}

/** Where a message for a port keeps its number and its protocol; the name is always field 1. */
interface PortFields {
  readonly port: number;
  readonly protocol: number;
}
export const containerPortFields: PortFields = { port: 3, protocol: 4 };
export const servicePortFields: PortFields = { port: 3, protocol: 2 };
export const endpointPortFields: PortFields = { port: 2, protocol: 3 };

export function readPort(reader: MessageReader, fields: PortFields): ContainerPort {
  const end = reader.message();
  const port: Draft<ContainerPort> = { name: '', port: 0, protocol: '' };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) port.name = reader.text();
    else if (field === fields.port) port.port = reader.integer();
    else if (field === fields.protocol) port.protocol = reader.text();
    else reader.skip();
  }
  return port;
}

/** PodCondition or NodeCondition. */
export function readCondition(reader: MessageReader): NodeCondition {
  const end = reader.message();
  const condition: Draft<NodeCondition> = { type: '', status: '' };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) condition.type = reader.text();
    else if (field === 2) condition.status = reader.text();
    else reader.skip();
  }
  return condition;
}

/** ObjectReference. */
export function readTarget(reader: MessageReader): TargetReference {
  const end = reader.message();
  const target: Draft<TargetReference> = { kind: '', name: '', namespace: '' };
  for (let field = reader.next(end); field !== 0; field = reader.next(end)) {
    if (field === 1) target.kind = reader.text();
    else if (field === 2) target.namespace = reader.text();
    else if (field === 3) target.name = reader.uniqueText();
    else reader.skip();
  }
  return target;
}
