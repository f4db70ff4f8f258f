// `/api/v1/status/volume`: how much comes from which job and about which namespace. Fields: docs/status.md.

import type { VolumeRow } from '../series/volume.ts';
import { success, type Answer } from './answer.ts';
import type { WebContext, WebRequest } from './context.ts';

/** Rows of each list. A page may name any number of namespaces; who is not among so many is not what fills the link. */
const VOLUME_ROWS_MAX = 1000;

export function volume(_request: WebRequest, { view }: WebContext): Answer {
  const { jobs, namespaces } = view.volume();
  return success({ jobs: list(jobs, (job) => ({ job })), namespaces: list(namespaces, (namespace) => ({ namespace })) });
}

/** The first ones, and what the others have together. */
function list(rows: readonly VolumeRow[], named: (name: string) => object): object {
  const top = rows.slice(0, VOLUME_ROWS_MAX).map(({ name, ...row }) => ({ ...named(name), ...row }));
  return { top, others: sumOf(rows.slice(VOLUME_ROWS_MAX)) };
}

/** Targets are left out: one may be in several rows. */
export function sumOf(rows: readonly VolumeRow[]): { readonly count: number } & Omit<VolumeRow, 'name' | 'targets'> {
  const sum = { count: rows.length, series: 0, samplesPerSecond: 0, bytesPerSecond: 0 };
  for (const { series, samplesPerSecond, bytesPerSecond } of rows) {
    sum.series += series;
    sum.samplesPerSecond += samplesPerSecond;
    sum.bytesPerSecond += bytesPerSecond;
  }
  return sum;
}
