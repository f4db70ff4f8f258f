// A master's life as its collector sees it, on a clock and a disk of the test: it arrives, changes, breaks, is repaired, leaves, returns, and outlives restarts.

import { describe, expect, test } from 'vitest';
import { DOCUMENTS_MAX } from '../../../../src/destinations/masters/masters.ts';
import { MemoryCluster } from '../../../support/kubernetes/memory-cluster.ts';
import { HOUR_MS, endpoint, secret, world } from './helper.ts';

const secrets = 'secrets: {}';
const [a1, a2, b1] = [endpoint('a1.example'), endpoint('a2.example'), endpoint('b1.example')];
const broken = 'endpoints: [';

/** A collector that has seen the Secret of master a. */
async function withA(lines = secrets) {
  const at = world();
  at.cluster.put(secret('hero-user-a', a1));
  const life = at.start();
  life.apply(lines);
  await life.settle();
  return { ...at, life };
}

describe('a Secret in the namespace of a master', () => {
  test('becomes a destination that belongs to the owner of the namespace', async () => {
    const { life } = await withA();
    expect([...life.masters.destinations()]).toMatchObject([['master-a', { name: 'master-a', owner: 'a', url: 'https://a1.example/api/v1/write' }]]);
    expect([life.shown(), life.changes()]).toEqual([['master-a a1.example active'], 1]);
  });

  test('is found by its name, in all namespaces', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', b1, { name: 'another' }));
    await life.settle();
    expect([cluster.watched, life.shown()]).toEqual([['secrets with metadata.name=tributary-route'], ['master-a a1.example active']]);
  });

  test('that changes is taken over; the destination stays the same one', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-a', a2));
    await life.settle();
    expect([life.shown(), life.changes()]).toEqual([['master-a a2.example active'], 2]);
  });

  test('that is written all the time costs one change in a quarter of a second', async () => {
    const { cluster, life } = await withA();
    for (let i = 0; i < 100; i++) cluster.put(secret('hero-user-a', endpoint(`a${i}.example`)));
    await life.settle();
    expect([life.shown(), life.changes()]).toEqual([['master-a a99.example active'], 2]);
  });

  test('that breaks affects only its own master, which goes on with the last good one and says why', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', b1));
    cluster.put(secret('hero-user-a', broken));
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example broken', 'master-b b1.example active']);
    expect(life.masters.state()[0]!.problems.join()).toContain('hero-user-a/tributary-route:1');
    expect(await life.metrics()).toContain('tributary_masters_last_error{document="hero-user-a/tributary-route"} 1');
  });

  test('that is repaired is in force again', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-a', broken));
    await life.settle();
    cluster.put(secret('hero-user-a', a2));
    await life.settle();
    expect(life.shown()).toEqual(['master-a a2.example active']);
  });

  test('that was never good has no destination, and is no trouble for others', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', broken));
    await life.settle();
    expect([life.shown(), life.changes()]).toEqual([['master-a a1.example active', 'master-b refused'], 1]);
  });

  test('without the key says which keys there are', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', b1, { key: 'config.yml' }));
    await life.settle();
    expect(life.masters.state()[1]!.problems).toEqual(['hero-user-b/tributary-route: there is no key route.yml, found config.yml']);
  });

  test('in a namespace that belongs to nobody is refused', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('kube-system', b1));
    await life.settle();
    expect(life.masters.state()[1]).toMatchObject({ state: 'refused', destination: '', problems: ['kube-system/tributary-route: "kube-system" tells no owner, expected one that matches hero-user-(.+)'] });
  });

  test('that claims the series of another is refused, and the other keeps them', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', `${b1}\nowner: a`));
    await life.settle();
    expect([...life.masters.destinations().values()].map(({ owner, url }) => [owner, url])).toEqual([['a', 'https://a1.example/api/v1/write']]);
  });
});

describe('two for one name', () => {
  const teams = "secrets: {owner: 'hero-(?:user|team)-(.+)'}";

  test('the later one is refused with the reason, and takes over when the first has gone for good', async () => {
    const { cluster, clock, life } = await withA(teams);
    cluster.put(secret('hero-team-a', b1));
    await life.settle();
    expect(life.masters.state()).toMatchObject([{ state: 'active', document: 'hero-user-a/tributary-route' }, { state: 'refused', problems: ['master-a is announced by hero-user-a/tributary-route already, expected one document for each owner'] }]);
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    expect(life.shown()[0]).toBe('master-a a1.example leaving');
    await clock.advance(HOUR_MS);
    expect(life.shown()).toEqual(['master-a b1.example active']);
  });

  test('who was first stays first after a restart, whatever the order of names', async () => {
    const at = await withA(teams);
    at.cluster.put(secret('hero-team-a', b1));
    await at.life.settle();
    await at.life.masters.stop();
    const life = at.start();
    life.apply(teams);
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example active', 'master-a refused']);
  });

  test('a remote_write of the name keeps it', async () => {
    const { life } = await withA();
    life.apply(secrets, { configured: new Set(['master-a']) });
    expect(life.masters.destinations().size).toBe(0);
    expect(life.masters.state()[0]!.problems).toEqual(['a remote_write is named master-a already, expected another owner or another tributary.masters.name_prefix']);
  });

  test('above the most masters the later one is refused', async () => {
    const { cluster, life } = await withA('secrets: {}\nmax_masters: 1');
    cluster.put(secret('hero-user-0', b1));
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example active', 'master-0 refused']);
    expect(life.masters.state()[1]!.problems[0]).toContain('expected at most tributary.masters.max_masters, 1');
  });

  test('documents beyond the bound are not looked at, and counted', async () => {
    const { cluster, life } = await withA();
    for (let i = 0; i < DOCUMENTS_MAX + 1; i++) cluster.put(secret(`nobody-${i}`, b1));
    await life.settle();
    expect(life.masters.state()).toHaveLength(DOCUMENTS_MAX);
    expect(await life.metrics()).toContain('tributary_masters_ignored_documents_total 2');
  });

  test('one more is looked at while all others are told again', async () => {
    const { disk, folderEvents, clock, start } = world();
    disk.makeFolder('/m');
    const write = (name: string) => disk.writeFile(`/m/${name}.yml`, Buffer.from(broken));
    for (let i = 0; i < DOCUMENTS_MAX / 2; i++) write(`a${i}`);
    const life = start();
    life.apply('files: {folder: /m}');
    await life.settle();
    write('z');
    folderEvents[0]!();
    await clock.advance(1000);
    expect(life.masters.state()).toHaveLength(DOCUMENTS_MAX / 2 + 1);
  });
});

describe('a source that begins anew with other settings', () => {
  test('a document that is gone by then leaves', async () => {
    const { cluster, life } = await withA();
    life.apply('secrets: {key: other.yml}');
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example leaving']);
  });
});

describe('a master that leaves', () => {
  test('stays for the grace, with everything it had', async () => {
    const { cluster, clock, life } = await withA();
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    await clock.advance(HOUR_MS - 1000);
    expect([life.shown(), life.changes()]).toEqual([['master-a a1.example leaving'], 1]);
    expect(life.masters.destinations().has('master-a')).toBe(true);
  });

  test('is gone after it', async () => {
    const { cluster, clock, life } = await withA();
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    await clock.advance(HOUR_MS);
    expect([life.shown(), life.changes(), life.masters.destinations().size]).toEqual([[], 2, 0]);
  });

  test('and returns within the grace has never been away', async () => {
    const { cluster, clock, life } = await withA();
    const before = life.masters.destinations().get('master-a');
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    await clock.advance(HOUR_MS / 2);
    cluster.put(secret('hero-user-a', a1));
    await life.settle();
    await clock.advance(2 * HOUR_MS);
    expect([life.shown(), life.changes()]).toEqual([['master-a a1.example active'], 1]);
    expect(life.masters.destinations().get('master-a')).toBe(before);
  });

  test('and returns elsewhere within the grace has moved', async () => {
    const { cluster, life } = await withA();
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    cluster.put(secret('hero-user-a', a2));
    await life.settle();
    expect([life.shown(), life.changes()]).toEqual([['master-a a2.example active'], 2]);
  });

  test('and returns after the grace is a destination again', async () => {
    const { cluster, clock, life } = await withA();
    cluster.remove('secrets', 'hero-user-a/tributary-route');
    await life.settle();
    await clock.advance(HOUR_MS);
    cluster.put(secret('hero-user-a', a1));
    await life.settle();
    expect([life.shown(), life.changes()]).toEqual([['master-a a1.example active'], 3]);
  });

  test('has its grace from when it left, also across a restart', async () => {
    const at = await withA();
    at.cluster.remove('secrets', 'hero-user-a/tributary-route');
    await at.life.settle();
    await at.life.masters.stop();
    await at.clock.advance(HOUR_MS / 2);
    const life = at.start();
    life.apply(secrets);
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example leaving']);
    await at.clock.advance(HOUR_MS / 2);
    expect(life.shown()).toEqual([]);
  });
});

describe('a restart', () => {
  test('without the API server has its masters, at once', async () => {
    const at = await withA();
    await at.life.masters.stop();
    at.cluster.hold('secrets');
    const life = at.start();
    life.apply(secrets);
    expect(life.shown()).toEqual(['master-a a1.example active']);
    await at.clock.advance(2 * HOUR_MS);
    expect([life.shown(), life.masters.state()[0]!.isTold, life.masters.sources()]).toEqual([
      ['master-a a1.example active'], false, [{ source: 'secrets/tributary-route', isSynced: false, error: '' }],
    ]);
  });

  test('after which the Secret is gone: its grace begins when that is known', async () => {
    const at = await withA();
    await at.life.masters.stop();
    at.cluster.remove('secrets', 'hero-user-a/tributary-route');
    const life = at.start();
    life.apply(secrets);
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example leaving']);
  });

  test('with a broken document has the last good one', async () => {
    const at = await withA();
    at.cluster.put(secret('hero-user-a', broken));
    await at.life.settle();
    await at.life.masters.stop();
    const life = at.start();
    life.apply(secrets);
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example broken']);
  });

  test('with a damaged file has the others, and counts it', async () => {
    const at = await withA();
    at.cluster.put(secret('hero-user-b', b1));
    await at.life.settle();
    await at.life.masters.stop();
    const [path] = [...at.disk.files.keys()].filter((name) => name.endsWith('.master') && at.disk.files.get(name)!.toString().includes('a1.example'));
    at.disk.files.get(path!)![60]! ^= 1;
    at.cluster.hold('secrets');
    const life = at.start();
    life.apply(secrets);
    expect(life.shown()).toEqual(['master-b b1.example active']);
    expect(await life.metrics()).toContain('tributary_masters_keep_errors_total{reason="unreadable"} 1');
  });

  test('after the disk refused to keep it: it is in force, and the page says what is at stake', async () => {
    const at = world();
    at.disk.faults.readOnly = true;
    at.cluster.put(secret('hero-user-a', a1));
    const life = at.start();
    life.apply(secrets);
    await life.settle();
    expect([life.shown(), life.masters.keepError]).toEqual([['master-a a1.example active'], expect.stringContaining('EROFS')]);
    at.disk.faults.readOnly = false;
    at.cluster.put(secret('hero-user-b', b1));
    await life.settle();
    expect([life.masters.keepError, [...at.disk.files.keys()].filter((name) => name.endsWith('.master')).length]).toEqual(['', 2]);
  });
});

describe('a reload', () => {
  test('with other limits changes them for those that are there', async () => {
    const { life } = await withA();
    life.apply('secrets: {}\ndefaults: {priority: 7}');
    expect(life.masters.destinations().get('master-a')!.priority).toBe(7);
  });

  test('that allows less ends what is allowed no more, though it was good', async () => {
    const { life } = await withA();
    life.apply('secrets: {}\nallowed_hosts: [other.example]');
    expect(life.shown()).toEqual(['master-a refused']);
  });

  test('that allows more takes what was refused', async () => {
    const { cluster, life } = await withA();
    cluster.put(secret('hero-user-b', endpoint('127.0.0.1')));
    await life.settle();
    life.apply('secrets: {}\nallowed_networks: [127.0.0.1]');
    expect(life.shown()).toEqual(['master-a a1.example active', 'master-b 127.0.0.1 active']);
  });

  test('without the block ends all of them and forgets their documents', async () => {
    const { life, disk } = await withA();
    life.apply(undefined);
    expect([life.shown(), life.masters.destinations().size, [...disk.files.keys()]]).toEqual([[], 0, []]);
  });

  test('that changes nothing leaves the watch alone', async () => {
    const { cluster, life } = await withA();
    life.apply(secrets);
    expect([cluster.connected.length, cluster.released]).toEqual([1, 0]);
    life.apply('secrets: {name: other}');
    await life.settle();
    expect([cluster.connected.length, cluster.released, cluster.watched]).toEqual([2, 1, ['secrets with metadata.name=other']]);
  });
});

describe('objects beside the collector', () => {
  const objects = "objects: [{kind: configmaps, label_selector: 'route=yes'}, {kind: secrets, label_selector: 'route=yes', owner: 'route-(.+)'}]";
  const labelled = (kind: string, name: string, document: string) => ({
    kind, metadata: { name, namespace: 'monitoring', labels: { route: 'yes' } }, data: { 'route.yml': kind === 'Secret' ? Buffer.from(document).toString('base64') : document },
  });

  test('are told by their labels, and belong to whom their names say', async () => {
    const { cluster, start } = world();
    cluster.put(labelled('ConfigMap', 'a', a1));
    cluster.put(labelled('Secret', 'route-b', b1));
    cluster.put({ ...labelled('Secret', 'route-c', b1), metadata: { name: 'route-c', namespace: 'hero-user-c' } });
    const life = start();
    life.apply(objects);
    await life.settle();
    expect(life.shown()).toEqual(['master-a a1.example active', 'master-b b1.example active']);
  });

  test('need a namespace, which is said', () => {
    const { start } = world({ kubernetes: new MemoryCluster() });
    const life = start();
    life.apply(objects);
    expect(life.masters.sources()[0]!.error).toContain('outside of a cluster');
  });
});

describe('where a connection of an announced destination goes', () => {
  test('is looked at when it is made, so that a name cannot change its mind', async () => {
    const { cluster, life } = await withA();
    cluster.hostNames = ['10.96.0.1'];
    const refused = (address: string) => life.masters.refuseAddress('a1.example', address);
    expect(['192.0.2.1', '127.0.0.1', '169.254.169.254', '10.96.0.1', '::ffff:10.96.0.1'].map((address) => refused(address)?.split(',')[0])).toEqual([
      undefined, 'the loopback address 127.0.0.1', 'the link-local address 169.254.169.254', '10.96.0.1', '::ffff:10.96.0.1',
    ]);
  });
  test('is looked at also while it is about to end', async () => {
    const { life } = await withA("secrets: {}\nrefused_networks: [192.0.2.1]");
    life.apply(undefined);
    expect(['192.0.2.1', '127.0.0.1', '192.0.2.2'].map((address) => life.masters.refuseAddress('a1.example', address) !== undefined)).toEqual([true, true, false]);
  });
  test('may not be a host that is not listed, as after a redirect', async () => {
    const { life } = await withA("secrets: {}\nallowed_hosts: ['*.example']");
    expect(life.masters.refuseAddress('elsewhere.test', '192.0.2.1')).toContain('the host elsewhere.test');
  });
});
