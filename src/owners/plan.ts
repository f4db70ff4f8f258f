// What an owner index has to know, worked out from the configuration. Equal plans are one index: what was decided by it stays decided.

import type { KubernetesSdSettings } from '../../discovery/kubernetes/config.ts';
import type { ServerSettings } from '../kubernetes/kubernetes.ts';
import { sameSettings } from '../model/same-settings.ts';
import type { RoutingSettings } from '../route/config.ts';
import type { ScrapeSettings } from '../scrape/config.ts';
import type { PodKind } from './watch.ts';

export interface OwnersPlan {
  /** undefined: pods have no say. */
  readonly podLabel: string | undefined;
  /** Pattern over namespaces; undefined: namespaces have no say. */
  readonly namespace: string | undefined;
  readonly followsLabels: boolean;
  readonly tombstoneMs: number;
  /** What is watched; undefined: nothing, namespaces are enough. */
  readonly kind: PodKind | undefined;
  readonly server: ServerSettings;
  /** Time that the watch has to tell of a pod that was asked for, milliseconds. */
  readonly waitMs: number;
}

export interface OwnersSettings {
  readonly routing: RoutingSettings;
  readonly scrape: readonly ScrapeSettings[];
  readonly kubernetes: ServerSettings;
}

/** One scrape interval is enough for a watch that works, and an hour between two scrapes is no reason to wait for an hour. Milliseconds. */
const WAIT_MS_MAX = 60_000;
const DEFAULT_WAIT_MS = 15_000;

export function planOwners({ routing, scrape, kubernetes: server }: OwnersSettings): OwnersPlan {
  const { podLabel, namespace, followsLabels, tombstoneMs } = routing.owner;
  const intervals = scrape.map(({ scrapeIntervalMs }) => scrapeIntervalMs);
  return {
    podLabel, namespace, followsLabels, tombstoneMs, server,
    kind: podKind(routing, scrape, server),
    waitMs: intervals.length === 0 ? DEFAULT_WAIT_MS : Math.min(WAIT_MS_MAX, Math.max(...intervals)),
  };
}

function podKind({ owner, jobs }: RoutingSettings, scrape: readonly ScrapeSettings[], server: ServerSettings): PodKind | undefined {
  const needsNodes = jobs.some(({ namespaceOnly, withoutPod }) => namespaceOnly === 'node_owners' || withoutPod === 'node_owners');
  if (needsNodes) return 'pods';
  if (owner.podLabel === undefined) return undefined;
  return scrape.some(({ discovery }) => discovery.some((one) => one.kind === 'kubernetes' && watchesAllPods(one, server))) ? 'pods' : 'podmetadata';
}

/** Whether discovery has a watch over all pods of the same server that can be shared. */
function watchesAllPods({ role, server, namespaces, selectors }: KubernetesSdSettings, own: ServerSettings): boolean {
  const hasPods = role === 'pod' || role === 'endpoints' || role === 'endpointslice';
  const isWhole = !namespaces.own && namespaces.names.length === 0 && !selectors.some((selector) => selector.role === 'pod');
  return hasPods && isWhole && sameSettings(server, own);
}
