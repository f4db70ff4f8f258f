// `/api/v1/status/destinations`: per destination what it does, its backlog, its limits in force, its accounts and its alarms; and the destinations
// that are gone while their queue is still there. Everything the page shows is here. Fields: docs/status.md.

import { compareUtf8 } from '../model/labels.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import type { DestinationView, RetiredView } from './destination-view.ts';
import { alarmsOf, identityHolds, scrapeIdentityHolds } from './identities.ts';
import { formatDrain } from './page-text.ts';
import { formatTime } from './time-text.ts';
import type { AgentView } from './view.ts';

export function destinations(_request: WebRequest, { view }: WebContext): Answer {
  return success({ destinations: sortedDestinations(view).map(destination), retired: sortedRetired(view).map(retired) });
}

export function sortedDestinations(view: AgentView): DestinationView[] {
  return view.destinations().toSorted((a, b) => compareUtf8(a.name, b.name));
}

export function sortedRetired(view: AgentView): RetiredView[] {
  return view.retired().toSorted((a, b) => compareUtf8(a.name, b.name));
}

/** Figures that are not known are absent; moments that are not known are the zero time. */
function destination(view: DestinationView): object {
  const { lastErrorMs, lastSuccessMs, retryAtMs, heldUntilMs, drainedAtMs, specimens, ...rest } = view;
  return {
    ...rest,
    lastErrorTime: formatTime(lastErrorMs),
    lastSuccessTime: formatTime(lastSuccessMs),
    retryTime: formatTime(retryAtMs),
    heldUntilTime: formatTime(heldUntilMs),
    drainedTime: formatTime(drainedAtMs),
    drainText: formatDrain(view),
    specimens: specimens.map(({ atMs, ...specimen }) => ({ ...specimen, time: formatTime(atMs) })),
    identityHolds: identityHolds(view),
    scrapeIdentityHolds: scrapeIdentityHolds(view),
    alarms: alarmsOf(view),
  };
}

function retired({ removedMs, ...rest }: RetiredView): object {
  return { ...rest, removedTime: formatTime(removedMs) };
}
