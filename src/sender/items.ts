// Counting what is in a body: samples, exemplars and metadata entries, and how a stream counts them.

import { expandBody, type Body } from './body.ts';
import { countRequest } from './split.ts';
import type { SentItems } from './telemetry.ts';

export const NOTHING = { samples: 0, exemplars: 0 };

/** A body with the exemplars that are really in it: before it is cut only the sum over a batch is known. */
export function exactly(body: Body): Body {
  return body.exemplars === 0 ? body : { ...body, exemplars: countRequest(expandBody(body)).exemplars };
}

export function itemsOf({ samples, exemplars, metadata }: SentItems): number {
  return samples + exemplars + metadata;
}

/** As a stream counts: an exemplar is one, metadata is not in it. */
export function countedBy({ samples, exemplars }: SentItems): number {
  return samples + exemplars;
}

export function oneOf({ samples, exemplars, metadata }: SentItems): SentItems {
  if (samples > 0) return { samples: 1, exemplars: 0, metadata: 0 };
  return exemplars > 0 ? { samples: 0, exemplars: 1, metadata: 0 } : { samples: 0, exemplars: 0, metadata: Math.min(1, metadata) };
}

export function minus(from: SentItems, less: { readonly samples: number; readonly exemplars: number; readonly metadata?: number }): SentItems {
  return { samples: from.samples - less.samples, exemplars: from.exemplars - less.exemplars, metadata: from.metadata - (less.metadata ?? 0) };
}
