// Pods from the API server into the index. What the server told stays true while it is away: the watch never reports that a pod vanished because nobody answered, and a
// new list tells the difference.
//
// Pods come whole when their node and phase are needed, or when somebody watches them anyway: one watch more of a kind that is there costs nothing. Else only their metadata
// comes: half the bytes, a third of the memory.

import { pairValue } from '../kubernetes/objects.ts';
import type { Meta, Pod } from '../kubernetes/objects.ts';
import type { ApiServer, Watch } from '../kubernetes/kubernetes.ts';
import type { PodFact } from './pod-index.ts';

export type PodKind = 'pods' | 'podmetadata';

/** Pods of the first state that are taken in one turn of the event loop: about 10 ms. */
const SLICE = 5000;

export interface PodSink {
  set(fact: PodFact): void;
  remove(namespace: string, name: string): void;
  complete(): void;
}

export interface PodWatchOptions {
  readonly api: ApiServer;
  readonly kind: PodKind;
  /** '' where pods have no say. */
  readonly podLabel: string;
  readonly sink: PodSink;
}

/** Begins to tell `sink`; returns what ends it. */
export function watchPods({ api, kind, podLabel, sink }: PodWatchOptions): () => void {
  let isClosed = false;
  const takeAll = async () => {
    // Pods that come, change or go meanwhile are told as changes; the walk over a map that changes shows each pod that stays.
    let left = SLICE;
    for (const pod of watch.objects.values()) {
      sink.set(factOf(pod, podLabel));
      if (--left > 0) continue;
      left = SLICE;
      await new Promise(setImmediate);
      if (isClosed) return;
    }
    sink.complete();
  };
  const watch: Watch<Meta> = api.watch({ kind, namespaces: undefined, labelSelector: '', fieldSelector: '' }, {
    synced: () => void takeAll(),
    changed(_key, before, after) {
      if (after !== undefined) sink.set(factOf(after, podLabel));
      else if (before !== undefined) sink.remove(before.namespace, before.name);
    },
  });
  return () => {
    isClosed = true;
    watch.close();
  };
}

export function factOf(pod: Meta | Pod, podLabel: string): PodFact {
  const { namespace, name, uid, labels } = pod;
  const owner = podLabel === '' ? '' : (pairValue(labels, podLabel) ?? '');
  return 'phase' in pod ? { namespace, name, uid, owner, node: pod.nodeName, isRunning: pod.phase === 'Running' } : { namespace, name, uid, owner, node: '', isRunning: false };
}
