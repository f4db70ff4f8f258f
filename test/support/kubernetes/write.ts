// Single objects: reading, creating, replacing (whole, or the status alone) and deleting them over HTTP.

import { checkObject } from './encoding.ts';
import type { Ask } from './request.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';
import { alreadyExists, badRequest, conflict, invalid, notFound, Refusal } from './status.ts';
import { completeObject, type KubeObject, type Store, type Stored } from './store.ts';

/** Keeps an object, new or in place of the one of its name. Fails when protobuf could not carry it. `createdAt` is RFC 3339. */
export function putObject(store: Store, type: ResourceType, object: KubeObject, createdAt: string): Stored {
  checkObject(type, object);
  const { name = '', namespace = '' } = object.metadata;
  if (name === '' || (namespace === '') === type.isNamespaced) throw new Error(`a ${type.kind} needs a name${type.isNamespaced ? ' and a namespace' : ', no namespace'}`);
  const known = store.get(type, namespace, name)?.read().metadata;
  const uid = known?.uid ?? `uid-${type.plural}-${namespace}-${name}-${store.version + 1}`;
  const server = { uid, createdAt: known?.creationTimestamp ?? createdAt };
  const kept = structuredClone(object);
  let completed: KubeObject | undefined;
  return store.put({ type, namespace, name, read: (version) => (completed ??= completeObject(type, kept, { ...server, version })) });
}

/** Throws 404. */
export function getObject(store: Store, { type, namespace, name }: Ask): Stored {
  const stored = store.get(type, namespace, name);
  if (stored === undefined) throw notFound(type, name);
  return stored;
}

export function createObject(store: Store, ask: Ask, body: Buffer, createdAt: string): Stored {
  const object = objectOf(ask, body);
  if (store.get(ask.type, ask.namespace, object.metadata.name ?? '') !== undefined) throw alreadyExists(ask.type, object.metadata.name ?? '');
  return putObject(store, ask.type, withoutStatus(ask.type, object), createdAt);
}

/** With a version in the metadata, only when it is the newest. A Lease must name one. */
export function updateObject(store: Store, ask: Ask, body: Buffer, createdAt: string): Stored {
  const current = getObject(store, ask).read();
  const object = objectOf(ask, body);
  const { resourceVersion } = object.metadata;
  if (!resourceVersion && ask.type.kind === 'Lease') {
    throw invalid(`Lease.coordination.k8s.io "${ask.name}"`, 'metadata.resourceVersion', 'Invalid value: 0x0: must be specified for an update');
  }
  if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) throw conflict(ask.type, ask.name);
  const merged = ask.subresource === 'status' ? { ...current, status: object['status'] } : { ...object, ...statusOf(current) };
  return putObject(store, ask.type, merged, createdAt);
}

export function deleteObject(store: Store, ask: Ask): Stored {
  const stored = getObject(store, ask);
  store.remove(ask.type, ask.namespace, ask.name);
  return stored;
}

function statusOf(object: KubeObject): Record<string, unknown> {
  return object['status'] === undefined ? {} : { status: object['status'] };
}

/** The status of an object is written through its sub-resource alone. */
function withoutStatus(type: ResourceType, object: KubeObject): KubeObject {
  if (type.message === undefined) return object;
  const { status: _status, ...rest } = object;
  return rest;
}

function objectOf({ type, namespace }: Ask, body: Buffer): KubeObject {
  const object = parseBody(body);
  if (object.kind !== type.kind || object.apiVersion !== apiVersionOf(type)) throw badRequest(`the object provided is unrecognized: ${object.apiVersion} ${object.kind}`);
  return type.isNamespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object;
}

function parseBody(body: Buffer): KubeObject {
  try {
    return JSON.parse(body.toString()) as KubeObject;
  } catch (error) {
    throw new Refusal(400, 'BadRequest', `the object provided is no JSON: ${String(error)}`);
  }
}
