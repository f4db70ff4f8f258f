// `/api/v1/status/owners`: what is known of owners and their pods. Fields: docs/status.md.

import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';

export function owners(_request: WebRequest, { view }: WebContext): Answer {
  const { owners: known, ...state } = view.owners() ?? nobody;
  const destinations = view.ownerDestinations();
  const pods = new Map(known.map((one) => [one.owner, one]));
  // Owners by namespace have no pods here where no pods are watched.
  const names = [...new Set([...pods.keys(), ...destinations.keys()])].sort();
  return success({
    ...state,
    owners: names.map((owner) => ({ owner, destinations: destinations.get(owner) ?? [], pods: pods.get(owner)?.pods ?? 0, tombstones: pods.get(owner)?.tombstones ?? 0 })),
  });
}

const nobody = { source: 'none', isComplete: true, pods: 0, tombstones: 0, unresolved: 0, absent: 0, owners: [] } as const;
