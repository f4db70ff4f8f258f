// `/api/v1/route?series={...}`: where a series goes, and why.

import { errorText } from '../model/error.ts';
import { failure, success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';

/** Query: `series`, as people write it: `up{job="x", namespace="y"}`; names that begin with `__` are its provenance. */
export function route({ query }: WebRequest, { view }: WebContext): Answer {
  const text = query.get('series') ?? '';
  if (text === '') return failure('bad_data', 'no series parameter provided');
  try {
    const explained = view.explainRoute(text);
    return typeof explained === 'string' ? failure('bad_data', explained) : success({ ...explained, unrouted: explained.unrouted ?? null });
  } catch (error) {
    return failure('bad_data', errorText(error));
  }
}
