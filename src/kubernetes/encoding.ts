// The two encodings of the API server behind one interface: how a list is cut into items and a watch into events, and what a frame says.
// Built-in kinds come in protobuf, which is half the bytes and a third of the work; JSON is what a server may answer instead.

import { projectJson, field, uniqueText } from './from-json.ts';
import { projectProtobuf } from './from-protobuf.ts';
import { createJsonListSplitter } from './list-json.ts';
import type { ListSplitter } from './list-json.ts';
import { createProtobufListSplitter } from './list-protobuf.ts';
import type { Kind, KindMap } from './objects.ts';
import { parseJson } from './parse-json.ts';
import { openEnvelope, readEvent, readStatus, readVersions } from './protobuf-envelope.ts';
import { statusOf } from './status.ts';
import type { Status } from './status.ts';
import { createLengthSplitter, createLineSplitter } from './watch-frames.ts';
import type { Splitter } from './watch-frames.ts';

export type WatchEvent<T> =
  | { readonly type: 'set' | 'delete'; readonly object: T; readonly resourceVersion: string }
  /** `endsInitial`: everything that was there before has been sent. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly endsInitial: boolean }
  | { readonly type: 'error'; readonly status: Status };

/** Frames are lent to the callbacks. Everything here fails with KUBERNETES_DAMAGED on bytes that are not what they should be. */
export interface Encoding {
  listSplitter(onItem: (item: Buffer) => void): ListSplitter;
  watchSplitter(onFrame: (frame: Buffer) => void): Splitter;
  readItem<K extends Kind>(kind: K, item: Buffer): KindMap[K];
  readEvent<K extends Kind>(kind: K, frame: Buffer): WatchEvent<KindMap[K]>;
  /** The body of an answer that is no success. */
  readStatus(body: Buffer): Status;
}

/** By the answer's content type. */
export function encodingOf(contentType: string | undefined): Encoding {
  return contentType?.includes('protobuf') === true ? protobuf : json;
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

const json: Encoding = {
  listSplitter: createJsonListSplitter,
  watchSplitter: createLineSplitter,
  readItem: (kind, item) => projectJson(kind, parseJson(item)),
  readEvent: (kind, frame) => readJsonEvent(kind, parseJson(frame)),
  readStatus: (body) => statusOf(parseJson(body)),
};

function readJsonEvent<K extends Kind>(kind: K, event: unknown): WatchEvent<KindMap[K]> {
  const object = field(event, 'object');
  const metadata = field(object, 'metadata');
  const resourceVersion = uniqueText(metadata, 'resourceVersion');
  const type = uniqueText(event, 'type');
  if (type === 'ERROR') return { type: 'error', status: statusOf(object) };
  if (type === 'BOOKMARK') return { type: 'bookmark', resourceVersion, endsInitial: uniqueText(field(metadata, 'annotations'), INITIAL_EVENTS_END) === 'true' };
  return { type: type === 'DELETED' ? 'delete' : 'set', object: projectJson(kind, object), resourceVersion };
}

const protobuf: Encoding = {
  listSplitter: createProtobufListSplitter,
  watchSplitter: createLengthSplitter,
  readItem: projectProtobuf,
  readEvent: readProtobufEvent,
  readStatus: (body) => readStatus(openEnvelope(body)),
};

function readProtobufEvent<K extends Kind>(kind: K, frame: Buffer): WatchEvent<KindMap[K]> {
  const { type, object } = readEvent(frame);
  const message = openEnvelope(object);
  if (type === 'ERROR') return { type: 'error', status: readStatus(message) };
  if (type === 'BOOKMARK') {
    const { resourceVersion, annotation } = readVersions(message, INITIAL_EVENTS_END);
    return { type: 'bookmark', resourceVersion, endsInitial: annotation === 'true' };
  }
  return { type: type === 'DELETED' ? 'delete' : 'set', object: projectProtobuf(kind, message), resourceVersion: readVersions(message, '').resourceVersion };
}
