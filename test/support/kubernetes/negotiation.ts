// Which form an answer has: chosen from the `Accept` header in the order the client gives, as the API server does.

import type { ResourceType } from './resources.ts';
import { notAcceptable } from './status.ts';

export interface Form {
  readonly encoding: 'json' | 'protobuf';
  /** Metadata instead of whole objects. */
  readonly isPartial: boolean;
}

const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';

interface Wanted {
  readonly type: ResourceType;
  /** `PartialObjectMetadataList` for lists, else `PartialObjectMetadata`. */
  readonly partialKind: string;
}

/** Throws 406 when nothing the client takes can be given. */
export function chooseForm(accept: string | undefined, wanted: Wanted): Form {
  for (const clause of (accept ?? JSON_TYPE).split(',')) {
    const form = formOf(clause, wanted);
    if (form !== undefined) return form;
  }
  const types = wanted.type.message === undefined ? JSON_TYPE : `${JSON_TYPE}, ${PROTOBUF_TYPE}`;
  throw notAcceptable(`only the following media types are accepted: ${types}`);
}

/** What a server without protobuf understands of an `Accept` header. */
export function withoutProtobuf(accept = JSON_TYPE): string {
  return accept.split(',').filter((clause) => !clause.includes(PROTOBUF_TYPE)).join(',');
}

function formOf(clause: string, { type, partialKind }: Wanted): Form | undefined {
  const [media = '', ...rest] = clause.split(';').map((part) => part.trim());
  const parameters = new Map(rest.map((part) => part.split('=', 2) as [string, string]));
  const encoding = encodingOf(media);
  const as = parameters.get('as');
  if (encoding === undefined || (parameters.get('stream') ?? 'watch') !== 'watch') return undefined;
  if (as !== undefined) return isPartialClause(parameters, partialKind) ? { encoding, isPartial: true } : undefined;
  // The server has no message for a custom resource, only for its metadata.
  if (encoding === 'protobuf' && type.message === undefined) return undefined;
  return { encoding, isPartial: false };
}

function isPartialClause(parameters: ReadonlyMap<string, string>, partialKind: string): boolean {
  return parameters.get('as') === partialKind && parameters.get('g') === 'meta.k8s.io' && parameters.get('v') === 'v1';
}

function encodingOf(media: string): Form['encoding'] | undefined {
  if (media === PROTOBUF_TYPE) return 'protobuf';
  return media === JSON_TYPE || media === 'application/*' || media === '*/*' ? 'json' : undefined;
}

/** Of an answer in this form. JSON is one type whether it streams or not. */
export function contentType({ encoding }: Form, isStream: boolean): string {
  if (encoding === 'json') return JSON_TYPE;
  return isStream ? `${PROTOBUF_TYPE};stream=watch` : PROTOBUF_TYPE;
}
