// A piece of a body on its way: the whole body at first, a part of it after a cut.

import type { Protocol } from '../destinations/profile.ts';
import type { Body } from './body.ts';
import type { Answer } from './link.ts';
import type { Receiver } from './receiver.ts';
import type { PutOff, Suspicion } from './stuck.ts';
import type { Verdict } from './verdict.ts';

export interface Piece {
  body: Body;
  /** Earlier tries. */
  retries: number;
  /** An earlier try may have stored it. */
  mayBeStored: boolean;
  /** The receiver it was made for. */
  knows: Receiver | undefined;
  /** What that one refused it in. */
  refusedIn: readonly { readonly protocol: Protocol; readonly isPlain: boolean }[];
  /** What that one refused the body in of which it is a part: not tried again, and no proof. */
  startsAfter: Protocol | undefined;
  putOff: PutOff | undefined;
  /** Cut from a body that alone kept being put off; shares no series with the other suspects of that body. */
  readonly suspect: Suspicion | undefined;
  /** The parts that its body was cut into; when all are accepted, it was only too large. */
  readonly cut: { left: number; readonly rawBytes: number } | undefined;
  /** It is a bit of a body that was refused and may be stored; the others are the rest of the body, which follow it. */
  check: { readonly others: readonly Piece[]; readonly isLast: boolean } | undefined;
}

/** A try and what came of it. */
export type Tried = { readonly answer: Answer; readonly verdict: Verdict; readonly protocol: Protocol };

export function newPiece(body: Body): Piece {
  return {
    body, retries: 0, mayBeStored: false, knows: undefined, refusedIn: [], startsAfter: undefined, putOff: undefined, suspect: undefined, cut: undefined, check: undefined,
  };
}
