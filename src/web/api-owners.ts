// `/api/v1/status/owners`: what is known of owners and their pods, and how much comes from them. Fields: docs/status.md.

import { compareUtf8 } from '../model/labels.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';
import type { AgentView } from './view.ts';

export interface OwnerRow {
  readonly owner: string;
  /** Names. */
  readonly destinations: readonly string[];
  readonly pods: number;
  readonly tombstones: number;
  readonly series: number;
  readonly samplesPerSecond: number;
}

const nobody = { source: 'none', isComplete: true, pods: 0, tombstones: 0, unresolved: 0, absent: 0, owners: [] } as const;

export function owners(_request: WebRequest, { view }: WebContext): Answer {
  const { owners: _, ...state } = view.owners() ?? nobody;
  const rest = view.volume().owners.find(({ name }) => name === '');
  return success({ ...state, owners: ownerRows(view), withoutOwner: { series: rest?.series ?? 0, samplesPerSecond: rest?.samplesPerSecond ?? 0 } });
}

/** By name: owners with pods, with destinations, or with series; they need not have all three. */
export function ownerRows(view: AgentView): OwnerRow[] {
  const destinations = view.ownerDestinations();
  // Where no pods are watched, owners by namespace have none here.
  const pods = new Map((view.owners() ?? nobody).owners.map((one) => [one.owner, one]));
  const volumes = new Map(view.volume().owners.filter(({ name }) => name !== '').map((row) => [row.name, row]));
  const names = [...new Set([...pods.keys(), ...destinations.keys(), ...volumes.keys()])].sort(compareUtf8);
  return names.map((owner) => ({
    owner,
    destinations: destinations.get(owner) ?? [],
    pods: pods.get(owner)?.pods ?? 0,
    tombstones: pods.get(owner)?.tombstones ?? 0,
    series: volumes.get(owner)?.series ?? 0,
    samplesPerSecond: volumes.get(owner)?.samplesPerSecond ?? 0,
  }));
}
