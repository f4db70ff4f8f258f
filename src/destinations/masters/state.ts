// Announced destinations as the page, the API and the metrics show them: free of secrets.

import { redactUrl } from '../../io/http/redact.ts';
import type { DestinationSettings } from '../config.ts';
import type { Decisions, MasterRecord } from './master-record.ts';

export interface MasterState {
  /** `hero-user-a/tributary-route`, or the path of a file. */
  readonly document: string;
  readonly source: string;
  /** Names of owner and destination; '' where the place of the document tells none. */
  readonly owner: string;
  readonly destination: string;
  /** `broken`: the last good document is in force. `leaving`: the document is gone, the grace runs. `refused`: there is no destination. */
  readonly state: 'active' | 'broken' | 'leaving' | 'refused';
  /** Why the document that came last is not in force; empty when it is. */
  readonly problems: readonly string[];
  /** Wall time at which the document in force came, milliseconds since the epoch; undefined without one. */
  readonly sinceMs: number | undefined;
  readonly removedMs: number | undefined;
  /** When the grace ends. */
  readonly endsMs: number | undefined;
  /** The source has told of it since the start; else it is known from the disk. */
  readonly isTold: boolean;
  /** In order of preference, without passwords. */
  readonly endpoints: readonly string[];
}

export interface SourceState {
  /** `secrets/tributary-route`, `configmaps/app=route`, `files//etc/routes`. */
  readonly source: string;
  readonly isSynced: boolean;
  /** Why it cannot look; '' when it can. What keeps an API server away stands in /api/v1/status/kubernetes. */
  readonly error: string;
}

export function masterState(record: MasterRecord, decisions: Decisions, graceMs: number): MasterState {
  const decision = decisions.get(record.key) ?? { refused: record.problems };
  const settings = 'settings' in decision ? decision.settings : undefined;
  const { removedMs, good, told } = record;
  return {
    document: told.shown,
    source: record.source,
    owner: record.owner,
    destination: record.name,
    state: stateOf(record, settings),
    problems: 'refused' in decision ? decision.refused : record.problems,
    sinceMs: good?.sinceMs,
    removedMs,
    endsMs: removedMs === undefined ? undefined : removedMs + graceMs,
    isTold: record.isTold,
    endpoints: settings === undefined ? [] : [settings.url, ...settings.endpoints].map(redactUrl),
  };
}

function stateOf({ removedMs, problems }: MasterRecord, settings: DestinationSettings | undefined): MasterState['state'] {
  if (settings === undefined) return 'refused';
  if (removedMs !== undefined) return 'leaving';
  return problems.length > 0 ? 'broken' : 'active';
}
