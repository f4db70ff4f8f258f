// `/api/v1/status/roce`: what is sampled at this machine, how well, and what is wrong. Fields: docs/status.md.

import type { RocePort } from '../roce/state.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import { formatTime } from './time-text.ts';

export function roce(_request: WebRequest, { view }: WebContext): Answer {
  const state = view.roce();
  if (state === undefined) return success({ isEnabled: false });
  const { ports, lastWindowMs, ...rest } = state;
  return success({ isEnabled: true, ...rest, lastWindowTime: formatTime(lastWindowMs), ports: ports.map(portJson) });
}

function portJson({ peaks, ...port }: RocePort): object {
  return { ...port, peaks: peaks.map(({ atMs, ...peak }) => ({ ...peak, time: formatTime(atMs) })) };
}
