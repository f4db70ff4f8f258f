// Bytes of what the fake API server answers: objects, lists, events and refusals, in both encodings, whole or as metadata only.

import type { Form } from './negotiation.ts';
import { checkFields, encodeList, encodeMessage, envelope, watchFrame, type ListMetadata } from './protobuf.ts';
import { apiVersionOf, type ResourceType } from './resources.ts';
import type { Refusal } from './status.ts';
import type { KubeObject, Stored } from './store.ts';

type Json = Readonly<Record<string, unknown>>;

const META_VERSION = 'meta.k8s.io/v1';
const PARTIAL = 'PartialObjectMetadata';

export function encodeObject(stored: Stored, form: Form): Buffer {
  if (form.encoding === 'json') return Buffer.from(JSON.stringify(jsonOf(stored, form)));
  return envelope({ ...typeMeta(stored.type, form), raw: messageOf(stored, form) });
}

/** A list of these, in order. */
export function encodeObjectList(type: ResourceType, form: Form, metadata: ListMetadata, items: readonly Stored[]): Buffer {
  const { kind, apiVersion } = typeMeta(type, form);
  if (form.encoding === 'protobuf') {
    return envelope({ apiVersion, kind: `${kind}List`, raw: encodeList(metadata, items.map((stored) => messageOf(stored, form))) });
  }
  const head = JSON.stringify({ kind: `${kind}List`, apiVersion, metadata });
  // An empty list of a built-in kind has null for its items.
  if (items.length === 0) return Buffer.from(`${head.slice(0, -1)},"items":null}`);
  const pieces = items.map((stored, i) => Buffer.from(`${i === 0 ? '' : ','}${JSON.stringify(listItem(stored, form))}`));
  return Buffer.concat([Buffer.from(`${head.slice(0, -1)},"items":[`), ...pieces, Buffer.from(']}')]);
}

/** One event of a watch. `version` replaces the object's own: what left a selection is told as it was, with the version of its leaving. */
export function encodeEvent(event: 'ADDED' | 'MODIFIED' | 'DELETED', stored: Stored, form: Form, version = stored.version): Buffer {
  const told = version === stored.version ? stored : atVersion(stored, version);
  return form.encoding === 'json' ? jsonEvent(event, jsonOf(told, form)) : watchFrame(event, encodeObject(told, form));
}

export interface BookmarkOptions {
  readonly version: number;
  readonly isEndOfInitialEvents: boolean;
}

/** An event whose object is empty but for its version. */
export function encodeBookmark(type: ResourceType, form: Form, { version, isEndOfInitialEvents }: BookmarkOptions): Buffer {
  const annotations = isEndOfInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const { kind, apiVersion } = typeMeta(type, form);
  const object = { kind, apiVersion, metadata: { resourceVersion: String(version), creationTimestamp: null, ...annotations } };
  if (form.encoding === 'json') return jsonEvent('BOOKMARK', object);
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = object;
  return watchFrame('BOOKMARK', envelope({ kind, apiVersion, raw: encodeMessage(form.isPartial ? PARTIAL : type.message ?? PARTIAL, fields) }));
}

export function encodeErrorEvent(refusal: Refusal, form: Form): Buffer {
  return form.encoding === 'json' ? jsonEvent('ERROR', refusal.status()) : watchFrame('ERROR', encodeStatus(refusal, form.encoding));
}

export function encodeStatus(refusal: Refusal, encoding: Form['encoding']): Buffer {
  const status = refusal.status();
  if (encoding === 'json') return Buffer.from(JSON.stringify(status));
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = status;
  return envelope({ apiVersion: 'v1', kind: 'Status', raw: encodeMessage('Status', fields) });
}

/** Fails on a field that could not be sent as protobuf, naming its path. */
export function checkObject(type: ResourceType, object: KubeObject): void {
  if (type.message === undefined) return;
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = object;
  checkFields(type.message, fields);
}

function jsonEvent(type: string, object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

function typeMeta(type: ResourceType, { isPartial }: Form): { kind: string; apiVersion: string } {
  return isPartial ? { kind: PARTIAL, apiVersion: META_VERSION } : { kind: type.kind, apiVersion: apiVersionOf(type) };
}

function jsonOf(stored: Stored, form: Form): Json {
  const object = stored.read();
  return form.isPartial ? { ...typeMeta(stored.type, form), metadata: object.metadata } : object;
}

/** Inside a list, an object of a built-in kind does not say what it is. */
function listItem(stored: Stored, form: Form): Json {
  const object = jsonOf(stored, form);
  if (form.isPartial || stored.type.message === undefined) return object;
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = object;
  return fields;
}

function messageOf(stored: Stored, { isPartial }: Form): Buffer {
  if (!isPartial && stored.message !== undefined) return stored.message();
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = stored.read();
  return isPartial ? encodeMessage(PARTIAL, { metadata: fields.metadata }) : encodeMessage(stored.type.message!, fields);
}

function atVersion(stored: Stored, version: number): Stored {
  const object = stored.read();
  const told = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  return { type: stored.type, namespace: stored.namespace, name: stored.name, version, read: () => told };
}
