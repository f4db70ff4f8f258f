// The API server's `Status`: why it refused something, in its own words.

import { field, uniqueText } from './from-json.ts';

export interface Status {
  /** As an HTTP status; 0 when it gives none. */
  readonly code: number;
  /** Machine's word: `Forbidden`, `Expired`, `Invalid`. */
  readonly reason: string;
  readonly message: string;
  /** With an expired token of a list: one that finishes the list, inconsistently. '' otherwise. */
  readonly continueToken: string;
  /** 0 when it asks for no pause. */
  readonly retryAfterSeconds: number;
}

export const blankStatus: Status = { code: 0, reason: '', message: '', continueToken: '', retryAfterSeconds: 0 };

/** From JSON. */
export function statusOf(object: unknown): Status {
  const code = field(object, 'code');
  const retryAfter = field(field(object, 'details'), 'retryAfterSeconds');
  return {
    code: typeof code === 'number' ? code : 0,
    reason: uniqueText(object, 'reason'),
    message: uniqueText(object, 'message'),
    continueToken: uniqueText(field(object, 'metadata'), 'continue'),
    retryAfterSeconds: typeof retryAfter === 'number' ? retryAfter : 0,
  };
}
