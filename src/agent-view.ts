// The agent as the web server may see it: plain data gathered from the stages at the moment of a request.

import type { LoadedConfig } from './config/settings.ts';
import type { StreamState } from './queue/queue.ts';
import type { Scraper } from './scrape/scraper.ts';
import type { Sender } from './sender/sender.ts';
import type { AgentView, DestinationView, ReloadView } from './web/view.ts';

export interface ViewSources {
  readonly scraper: Scraper;
  readonly senders: ReadonlyMap<string, Sender>;
  readonly streamState: (name: string) => StreamState;
  readonly nowMs: () => number;
  readonly config: () => LoadedConfig;
  readonly reload: () => ReloadView;
  readonly metricsText: AgentView['metricsText'];
  readonly isReady: () => boolean;
  readonly isStopping: () => boolean;
  readonly requestReload: AgentView['requestReload'];
  readonly requestQuit: AgentView['requestQuit'];
}

export function createAgentView(sources: ViewSources): AgentView {
  const { scraper, senders } = sources;
  return {
    pools: () => scraper.pools(),
    relabelSteps: (pool, labels) => scraper.relabelSteps(pool, labels),
    metadata: (target) => scraper.metadata(target),
    configYaml: () => sources.config().yaml,
    remarks: () => sources.config().remarks,
    reload: sources.reload,
    destinations: () => [...senders].map(([name, sender]) => destinationView(name, sender, sources)),
    metricsText: sources.metricsText,
    isReady: sources.isReady,
    isStopping: sources.isStopping,
    requestReload: sources.requestReload,
    requestQuit: sources.requestQuit,
  };
}

function destinationView(name: string, sender: Sender, sources: ViewSources): DestinationView {
  const state = sender.destinationState();
  const stream = sources.streamState(name);
  const { oldestPendingMs } = stream;
  return {
    name,
    url: state.url,
    profile: state.profile,
    encoding: state.codec,
    state: state.state === 'idle' ? 'sending' : state.state,
    oldestUnsentAgeSeconds: oldestPendingMs === undefined ? 0 : Math.max(0, (sources.nowMs() - oldestPendingMs) / 1000),
    pendingBytes: stream.pendingBytes,
    pendingRecords: stream.pendingRecords,
    diskBytes: stream.diskBytes,
    queueMode: stream.mode,
    counters: stream.counters,
    lastError: state.lastError !== '' ? state.lastError : (stream.lastError ?? ''),
    lastErrorMs: state.lastErrorMs,
    lastSuccessMs: state.lastSuccessMs,
  };
}
