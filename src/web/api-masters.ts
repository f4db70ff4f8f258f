// `/api/v1/status/masters`: destinations that documents announce, those that are refused with the reason, and where documents come from. Everything the
// page shows of them is here. Fields: docs/status.md.

import type { MasterState } from '../destinations/masters/state.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import { formatTime } from './time-text.ts';

export interface MastersAlarm {
  readonly kind: 'refused' | 'leaving';
  readonly text: string;
}

export function masters(_request: WebRequest, { view }: WebContext): Answer {
  const { masters: all, sources, keepError } = view.masters();
  return success({ masters: all.map(master), sources, keepError });
}

/** What somebody should look at now. */
export function masterAlarms({ problems, state, endsMs }: MasterState): MastersAlarm[] {
  const leaving = state === 'leaving' ? [{ kind: 'leaving', text: `its document is gone: it is removed at ${formatTime(endsMs)}` } as const] : [];
  if (problems.length === 0) return leaving;
  const meanwhile = state === 'refused' ? 'there is no destination' : 'the last good document stays in force';
  return [...leaving, { kind: 'refused', text: `the document is refused, ${meanwhile}: ${problems.join('; ')}` }];
}

function master(state: MasterState): object {
  const { sinceMs, removedMs, endsMs, ...rest } = state;
  return { ...rest, sinceTime: formatTime(sinceMs), removedTime: formatTime(removedMs), endsTime: formatTime(endsMs), alarms: masterAlarms(state) };
}
