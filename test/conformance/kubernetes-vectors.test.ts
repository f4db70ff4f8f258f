// Target groups that Prometheus 3.14 builds from 150 random clusters, recorded from the running program: ours are equal, label by label.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { groupsOf, settingsOf, sortedGroups } from '../support/kubernetes/discovered.ts';
import type { PlainGroups } from '../support/kubernetes/discovered.ts';
import type { KubeObject } from '../support/kubernetes/fake-api-server.ts';
import { startFakeCluster } from '../support/kubernetes/fake-cluster.ts';
import { MemoryCluster } from '../support/kubernetes/memory-cluster.ts';
import type { RawObject } from '../support/kubernetes/memory-cluster.ts';

interface Vector {
  readonly name: string;
  readonly role: string;
  /** Keys of the configuration beside `role`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly objects: readonly RawObject[];
  readonly expect: PlainGroups;
}

const vectors = readFileSync(new URL('../fixtures/vectors/kubernetes.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Vector);

describe('the target groups of Prometheus', () => {
  test('there are 150 clusters', () => expect(vectors).toHaveLength(150));

  test.each(vectors)('$name', async ({ role, config, objects, expect: expected }) => {
    const cluster = new MemoryCluster(objects, { ownNamespace: 'own-ns' });
    expect(await groupsOf(settingsOf({ role, ...config }), cluster)).toEqual(sortedGroups(expected));
  });
});

describe.each([['protobuf', true], ['JSON', false]])('through the client and an API server that answers in %s', (_name, protobuf) => {
  test.each(vectors)('$name', async ({ role, config, objects, expect: expected }) => {
    const { server, client, close } = await startFakeCluster('own-ns', { protobuf });
    for (const object of objects) server.put(object as KubeObject);
    expect(await groupsOf(settingsOf({ role, ...config }), client())).toEqual(sortedGroups(expected));
    await close();
  });
});
