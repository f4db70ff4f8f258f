// Generated clusters are as large as real ones and the same for the same seed.

import { expect, test } from 'vitest';
import { clusterDrafts, clusterPod } from '../../support/kubernetes/cluster.ts';
import { decodeMessage, encodeMessage } from '../../support/kubernetes/protobuf.ts';

const options = { seed: 7, pods: 40 };
const drafts = [...clusterDrafts(options)];
const pods = drafts.filter(({ type }) => type.plural === 'pods');
const average = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size, 0) / sizes.length;

test('a pod is 13.8 KB as JSON, not quite half of it managedFields, and 10.5 KB as protobuf', () => {
  const read = pods.map((pod) => pod.read(5));
  expect(average(read.map((pod) => JSON.stringify(pod).length)) / 1000).toBeCloseTo(13.8, 0);
  expect(average(read.map(({ metadata }) => JSON.stringify(metadata['managedFields']).length)) / 1000).toBeCloseTo(6.3, 0);
  expect(average(pods.map((pod) => pod.message!(5).length)) / 1000).toBeCloseTo(10.4, 0);
});
test('a pod has two containers with 15 variables each, 8 labels and 6 annotations', () => {
  const { spec, metadata } = clusterPod(options, 3);
  expect((spec as { containers: { env: unknown[] }[] }).containers.map(({ env }) => env.length)).toEqual([15, 15]);
  expect([Object.keys(metadata.labels!).length, Object.keys(metadata.annotations!).length]).toEqual([8, 6]);
});
test('one pod of twenty is annotated', () =>
  expect(pods.filter((pod) => pod.read(1).metadata.annotations!['prometheus.io/scrape'] === 'true')).toHaveLength(2));
test('the same seed gives the same cluster, another seed another one', () => {
  expect(clusterPod(options, 3)).toEqual(clusterPod(options, 3));
  expect(clusterPod({ ...options, seed: 8 }, 3)).not.toEqual(clusterPod(options, 3));
});
test('there are nodes, namespaces, replica sets, services and slices for the pods', () => {
  const count = (plural: string) => drafts.filter(({ type }) => type.plural === plural).length;
  expect(['nodes', 'namespaces', 'replicasets', 'services', 'endpointslices', 'pods'].map(count)).toEqual([1, 1, 4, 4, 4, 40]);
});
test('a message is the same when it is made and when it was kept', () => {
  for (const draft of drafts) {
    const made = draft.message!(9);
    expect(draft.message!(9).equals(made)).toBe(true);
    expect((decodeMessage(draft.type.message!, made)['metadata'] as { resourceVersion: string }).resourceVersion).toBe('9');
  }
});
test('what the schemas know is what the pods have', () => {
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = clusterPod(options, 0);
  expect(() => encodeMessage('Pod', fields)).not.toThrow();
});
