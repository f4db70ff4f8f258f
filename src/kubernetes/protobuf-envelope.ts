// What is around objects in protobuf: the envelope Unknown behind its magic, the event of a watch, and the Status of a refusal.
// Source: k8s.io/apimachinery pkg/runtime/generated.proto (Unknown, RawExtension) and pkg/apis/meta/v1/generated.proto (WatchEvent, Status).

import { TributaryError } from '../model/error.ts';
import { MAGIC, readListMetadata } from './list-protobuf.ts';
import { MessageReader } from './message-reader.ts';
import { blankStatus } from './status.ts';
import type { Status } from './status.ts';

/** The object's message, a view. Fails with KUBERNETES_DAMAGED. */
export function openEnvelope(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new TributaryError('KUBERNETES_DAMAGED', `protobuf object of ${bytes.length} bytes does not begin with the magic`);
  }
  return viewAt(new MessageReader(bytes, MAGIC.length), 2);
}

/** The last content of field `wanted`; empty without one. */
function viewAt(reader: MessageReader, wanted: number): Buffer {
  let found: Buffer = Buffer.alloc(0);
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === wanted) found = reader.view();
    else reader.skip();
  }
  return found;
}

/** A WatchEvent: its type, and its object with magic and envelope. */
export function readEvent(frame: Buffer): { readonly type: string; readonly object: Buffer } {
  const reader = new MessageReader(frame);
  let type = '';
  let object: Buffer = Buffer.alloc(0);
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === 1) type = reader.text();
    else if (number === 2) object = viewAt(new MessageReader(reader.view()), 1);
    else reader.skip();
  }
  return { type, object };
}

/** An object's resource version and one of its annotations, '' where there is none. */
export function readVersions(message: Buffer, annotationName: string): { readonly resourceVersion: string; readonly annotation: string } {
  const reader = new MessageReader(viewAt(new MessageReader(message), 1));
  let resourceVersion = '';
  let annotation = '';
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === 6) resourceVersion = reader.uniqueText();
    else if (number === 12 && annotationName !== '') annotation = valueIn(new MessageReader(reader.view()), annotationName) ?? annotation;
    else reader.skip();
  }
  return { resourceVersion, annotation };
}

/** The value of one entry of a map, when its key is `wanted`. */
function valueIn(reader: MessageReader, wanted: string): string | undefined {
  let key = '';
  let value = '';
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === 1) key = reader.text();
    else if (number === 2) value = reader.uniqueText();
    else reader.skip();
  }
  return key === wanted ? value : undefined;
}

export function readStatus(message: Buffer): Status {
  const reader = new MessageReader(message);
  const status: { -readonly [K in keyof Status]: Status[K] } = { ...blankStatus };
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    switch (number) {
      case 1: status.continueToken = readListMetadata(new MessageReader(reader.view())).continueToken; break;
      case 3: status.message = reader.uniqueText(); break;
      case 4: status.reason = reader.text(); break;
      case 5: status.retryAfterSeconds = readRetryAfter(new MessageReader(reader.view())); break;
      case 6: status.code = reader.integer(); break;
      default: reader.skip();
    }
  }
  return status;
}

/** StatusDetails. */
function readRetryAfter(reader: MessageReader): number {
  let seconds = 0;
  for (let number = reader.next(reader.end); number !== 0; number = reader.next(reader.end)) {
    if (number === 5) seconds = reader.integer();
    else reader.skip();
  }
  return seconds;
}
