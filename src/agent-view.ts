// The agent as the web server may see it: plain data gathered from the stages at the moment of a request.

import type { ProviderState } from '../discovery/manager.ts';
import type { LoadedConfig } from './config/settings.ts';
import type { ReflectorState } from './kubernetes/kubernetes.ts';
import type { RetiredStream, StreamState } from './queue/queue.ts';
import type { Scraper } from './scrape/scraper.ts';
import type { DestinationState } from './sender/state.ts';
import type { DestinationView, RetiredView } from './web/destination-view.ts';
import type { AgentView, ReloadView } from './web/view.ts';

/** The part of a sender that is asked. */
export interface StateSource {
  destinationState(): DestinationState;
}

export interface ViewSources {
  readonly scraper: Scraper;
  readonly senders: ReadonlyMap<string, StateSource>;
  readonly streamState: (name: string) => StreamState;
  /** Bytes on disk that the destination may use. */
  readonly quotaBytes: (name: string) => number;
  /** Entries of samples that the destination refused. */
  readonly quarantinedEntries: (name: string) => number;
  readonly retired: () => readonly RetiredStream[];
  readonly masters: AgentView['masters'];
  readonly discovery: () => readonly ProviderState[];
  readonly kubernetes: () => readonly ReflectorState[];
  readonly nowMs: () => number;
  readonly config: () => LoadedConfig;
  readonly reload: () => ReloadView;
  readonly metricsText: AgentView['metricsText'];
  readonly isStarted: () => boolean;
  readonly isReady: () => boolean;
  readonly isStopping: () => boolean;
  readonly requestReload: AgentView['requestReload'];
  readonly requestQuit: AgentView['requestQuit'];
}

export function createAgentView(sources: ViewSources): AgentView {
  const { scraper, senders } = sources;
  return {
    pools: () => scraper.pools(),
    sharding: () => sources.config().settings.sharding,
    relabelSteps: (pool, labels) => scraper.relabelSteps(pool, labels),
    metadata: (target) => scraper.metadata(target),
    configYaml: () => sources.config().yaml,
    remarks: () => sources.config().remarks,
    reload: sources.reload,
    destinations: () => [...senders].map(([name, sender]) => destinationView(name, sender, sources)),
    retired: () => sources.retired().map(retiredView),
    masters: sources.masters,
    discovery: sources.discovery,
    kubernetes: sources.kubernetes,
    metricsText: sources.metricsText,
    isStarted: sources.isStarted,
    isReady: sources.isReady,
    isStopping: sources.isStopping,
    requestReload: sources.requestReload,
    requestQuit: sources.requestQuit,
  };
}

function destinationView(name: string, sender: StateSource, sources: ViewSources): DestinationView {
  const { state, codec, maxDelayMs, ...rest } = sender.destinationState();
  const stream = sources.streamState(name);
  const nowMs = sources.nowMs();
  const { drainSeconds } = rest;
  return {
    ...rest,
    name,
    encoding: codec,
    // A destination is idle most of the time between two scrapes; people want to know whether it is well.
    state: state === 'idle' ? 'sending' : state,
    maxDelaySeconds: maxDelayMs / 1000,
    drainedAtMs: drainSeconds === undefined || drainSeconds === 0 ? undefined : nowMs + drainSeconds * 1000,
    oldestUnsentAgeSeconds: stream.oldestPendingMs === undefined ? 0 : Math.max(0, (nowMs - stream.oldestPendingMs) / 1000),
    pendingBytes: stream.pendingBytes,
    pendingRecords: stream.pendingRecords,
    diskBytes: stream.diskBytes,
    quotaBytes: sources.quotaBytes(name),
    segments: stream.segments,
    queueMode: stream.mode,
    isBlocked: stream.isBlocked,
    queueError: stream.lastError ?? '',
    quarantinedEntries: sources.quarantinedEntries(name),
    counters: stream.counters,
  };
}

function retiredView({ name, removedMs, isParked, state }: RetiredStream): RetiredView {
  return { name, removedMs, state: isParked ? 'parked' : 'grace', pendingSamples: state.counters.pending, diskBytes: state.diskBytes };
}
