// What the stage says about ports and their sampler, each once when it changes.

import type { RoceSettings } from './config.ts';
import type { FoundPort } from './discover.ts';
import type { Notices } from './notices.ts';
import type { RunningSampler } from './running.ts';

/** Counters named in one sentence; the page has all of them. */
const namedMax = 3;

/** What was found. `counters` are sampled, `leftOut` were too many; `before` are the ports that were there. */
export interface Found {
  readonly ports: readonly FoundPort[];
  readonly before: readonly FoundPort[];
  readonly counters: number;
  readonly leftOut: number;
}

export function notePorts(notices: Notices, { enabled, sysfs }: RoceSettings, { ports, before, counters, leftOut }: Found): void {
  const names = ports.map(nameOf);
  const lost = before.map(nameOf).filter((name) => !names.includes(name));
  const gone = lost.length === 0 ? '' : `, ${lost.join(', ')} gone`;
  if (counters > 0) notices.info('ports', `${counters} counters of ${names.join(', ')} are sampled${gone}`);
  else if (enabled === 'true') notices.warn('ports', `there is nothing to sample below ${sysfs}, though tributary.roce.enabled is true${gone}`);
  else notices.info('ports', `there is nothing to sample below ${sysfs}${gone}`);
  noteUnreadable(notices, ports);
  if (leftOut > 0) notices.warn('too many', `${leftOut} counters are left out: there are more than can be sampled`);
  else notices.over('too many', 'no counter is left out any more');
}

function nameOf({ kind, device, port }: FoundPort): string {
  return kind === 'rdma' ? `${device}/${port}` : device;
}

function noteUnreadable(notices: Notices, ports: readonly FoundPort[]): void {
  const unreadable = ports.flatMap(({ device, unreadable: own }) => own.map(({ name, reason }) => `${device} ${name}: ${reason}`));
  const more = unreadable.length > namedMax ? ` and ${unreadable.length - namedMax} more` : '';
  if (unreadable.length > 0) notices.warn('unreadable', `counters that cannot be read are left out: ${unreadable.slice(0, namedMax).join(', ')}${more}`);
  else notices.over('unreadable', 'all counters can be read');
}

/** The thread asks for it when it begins. */
export function notePolicy(notices: Notices, running: RunningSampler): void {
  const { policy, ticks } = running.figures();
  if (ticks > 0) notices.info('policy', `counters are read ${policy === 'loop' ? 'in the event loop' : `by the native sampler, scheduled as ${policy}`}`);
}

export function noteLifespans(notices: Notices, problems: readonly string[]): void {
  const [first] = problems;
  if (first === undefined) notices.over('lifespan', 'lifespans are set');
  else notices.warn('lifespan', `${first}${problems.length > 1 ? ` and ${problems.length - 1} more` : ''}`);
}

/** Sources of which readings gave no number since they were looked at last. */
export function noteFailures(notices: Notices, running: RunningSampler): void {
  for (const { source, failed } of running.newFailures()) {
    if (failed > 0) notices.warn(`source ${source}`, `counters of ${source} cannot be read`);
    else notices.over(`source ${source}`, `counters of ${source} can be read again`);
  }
}
