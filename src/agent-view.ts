// The agent as the web server may see it: plain data gathered from the stages at the moment of a request.

import type { ProviderState } from '../discovery/manager.ts';
import type { LoadedConfig } from './config/settings.ts';
import type { ReflectorState } from './kubernetes/kubernetes.ts';
import type { OwnersState } from './owners/create-owner-index.ts';
import type { RetiredStream, StreamState } from './queue/queue.ts';
import { parseSeries } from './route/explain.ts';
import type { Scraper } from './scrape/scraper.ts';
import type { DestinationState } from './sender/state.ts';
import { explain } from './series/explain.ts';
import type { ExplainOptions, SeriesExplanation } from './series/explain.ts';
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
  readonly owners: () => OwnersState | undefined;
  readonly receiver: AgentView['receiver'];
  readonly roce: AgentView['roce'];
  readonly volume: AgentView['volume'];
  readonly nowMs: () => number;
  readonly config: () => LoadedConfig;
  /** What decides where series go, as it is now. */
  readonly explaining: () => ExplainOptions;
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
    explainRoute: (text) => explainRoute(text, sources),
    metadata: (target) => scraper.metadata(target),
    configYaml: () => sources.config().yaml,
    remarks: () => sources.config().remarks,
    receiver: sources.receiver,
    roce: sources.roce,
    reload: sources.reload,
    destinations: () => [...senders].map(([name, sender]) => destinationView(name, sender, sources)),
    retired: () => sources.retired().map(retiredView),
    masters: sources.masters,
    discovery: sources.discovery,
    kubernetes: sources.kubernetes,
    owners: sources.owners,
    volume: sources.volume,
    ownerDestinations: () => ownerDestinations(sources.explaining().destinations),
    metricsText: sources.metricsText,
    isStarted: sources.isStarted,
    isReady: sources.isReady,
    isStopping: sources.isStopping,
    requestReload: sources.requestReload,
    requestQuit: sources.requestQuit,
  };
}

function ownerDestinations(destinations: ExplainOptions['destinations']): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { name, owner } of destinations) if (owner !== undefined) found.set(owner, [...(found.get(owner) ?? []), name]);
  return found;
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

/** A series with the labels of a live target has its provenance, too. */
function explainRoute(text: string, { scraper, config, explaining }: ViewSources): SeriesExplanation | string {
  const series = parseSeries(text);
  if (typeof series === 'string') return series;
  const { labels } = series;
  for (const { name, active } of scraper.pools()) {
    const found = active.find(({ target }) => target.labels.every(([label, value]) => !identifying.has(label) || labels.get(label) === value));
    if (found === undefined) continue;
    const { job, provenance, labels: own } = found.target;
    const honorLabels = config().settings.scrape.find(({ jobName }) => jobName === name)?.honorLabels ?? false;
    // With honor_labels a label that differs from the target's is the page's.
    const filled = honorLabels ? own.filter(([label, value]) => labels.get(label) === value) : own;
    return explain(explaining(), series, { job, provenance, labels: filled, honorLabels });
  }
  return explain(explaining(), series);
}

const identifying = new Set(['job', 'instance']);
