// The fake API server of a benchmark, in a process of its own, so that neither its memory nor its work counts as the collector's. Started by `Helper`.

import { clusterDrafts, podDraft, type ClusterOptions } from '../../support/kubernetes/cluster.ts';
import { startFakeApiServer, type FakeApiServer } from '../../support/kubernetes/fake-api-server.ts';
import type { Draft } from '../../support/kubernetes/store.ts';

export interface ClusterServerOptions extends ClusterOptions {
  /** Whether the server streams lists; else they are read in pages. */
  readonly watchList: boolean;
}

export interface ClusterCommand {
  /** Changes annotated pods, evenly over the time. Their `prometheus.io/path` becomes `/at/<wall milliseconds>`. */
  readonly changes?: { readonly perSecond: number; readonly seconds: number };
}

export interface ClusterReport {
  readonly requests: number;
  readonly changed: number;
}

/** Sends its port once every object can be served without being made first, then answers commands. */
export async function serveCluster(options: ClusterServerOptions): Promise<void> {
  const server = await startFakeApiServer({ watchList: options.watchList });
  for (const draft of clusterDrafts(options)) keep(server, draft);
  process.on('message', (command: ClusterCommand) => void obey(server, options, command).then((report) => process.send!(report)));
  process.on('disconnect', () => process.exit());
  process.send!({ port: Number(new URL(server.url).port) });
}

function keep(server: FakeApiServer, draft: Draft): void {
  const version = Number(server.putDraft(draft));
  draft.message?.(version);
}

async function obey(server: FakeApiServer, options: ClusterOptions, { changes }: ClusterCommand): Promise<ClusterReport> {
  const changed = changes === undefined ? 0 : await change(server, options, changes);
  return { requests: server.requests.length, changed };
}

/** A timer that is late makes up for it, so that the rate holds on a busy machine. */
function change(server: FakeApiServer, options: ClusterOptions, { perSecond, seconds }: { perSecond: number; seconds: number }): Promise<number> {
  const every = options.annotatedEvery ?? 20;
  const annotated = Math.ceil(options.pods / every);
  const fromMs = performance.now();
  let count = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(perSecond * seconds, ((performance.now() - fromMs) / 1000) * perSecond);
      for (; count < due; count++) server.putDraft(podDraft(options, (count % annotated) * every, `/at/${performance.timeOrigin + performance.now()}`));
      if (count < perSecond * seconds) return;
      clearInterval(timer);
      resolve(count);
    }, 5);
  });
}
