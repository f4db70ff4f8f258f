// tributary.masters: what is read, and what is refused where it stands.

import { describe, expect, test } from 'vitest';
import { loaded, problems, remarks } from '../../config/helper.ts';
import { evenShare } from '../../../../src/agent-destinations.ts';
import { configText, problemsOf, settingsOf } from './helper.ts';

describe('what is read', () => {
  test('without the block nothing is announced', () => expect(loaded('').settings.masters).toBeUndefined());
  test('a source without keys has the defaults', () => expect(settingsOf('secrets: {}')).toMatchObject({
    secrets: { name: 'tributary-route', key: 'route.yml', owner: undefined }, objects: [], namePrefix: 'master-', maxMasters: 8, graceMs: 3_600_000, allowedHosts: [], allowedNetworks: [], refusedNetworks: [],
  }));
  test('objects and files', () => expect(settingsOf("objects: [{kind: configmaps, label_selector: 'route=yes'}]\nfiles: {folder: routes}")).toMatchObject({
    objects: [{ kind: 'configmaps', namespace: undefined, labelSelector: 'route=yes', key: 'route.yml', owner: '(.+)' }], files: { folder: '/etc/tributary/routes', owner: '(.+)' },
  }));
  test('networks and addresses', () => expect(settingsOf("secrets: {}\nallowed_networks: [10.0.0.0/8, '::1']").allowedNetworks).toEqual([
    { address: '10.0.0.0', prefix: 8, family: 'ipv4' }, { address: '::1', prefix: 128, family: 'ipv6' },
  ]));
  test('the replica comes from the environment', () => expect(settingsOf('secrets: {}\nreplica: ${POD}', { POD: 'p0' }).replica).toBe('p0'));
  test('a replica that is empty is told', () => expect(remarks(configText('secrets: {}\nreplica: ${POD}')).join('\n')).toContain('the environment variable POD is empty'));
});

describe('what is refused', () => {
  test.each([
    ['no source', '{}', 'there is no source'],
    ['a pattern without a group', "secrets: {owner: 'hero-.+'}", 'has no group'],
    ['objects without a selector', 'objects: [{kind: secrets}]', 'label_selector is empty'],
    ['a selector that is none', "objects: [{label_selector: 'a in'}]", 'masters.objects[0].label_selector'],
    ['a kind that is none', "objects: [{kind: pods, label_selector: a}]", 'unknown kind "pods"'],
    ['a selection that stands twice', "objects: [{label_selector: a=b}, {label_selector: a=b, key: other.yml}]", 'secrets/a=b stands there twice'],
    ['files without a folder', 'files: {}', 'folder is empty'],
    ['a name that is empty', "secrets: {name: ''}", 'name is empty'],
    ['no prefix', "secrets: {}\nname_prefix: ''", 'name_prefix is empty'],
    ['no room for a master', 'secrets: {}\nmax_masters: 0', 'expected 1 to 1000'],
    ['a grace without end', 'secrets: {}\ngrace: 60d', 'expected at most 30d'],
    ['a network that is none', 'secrets: {}\nallowed_networks: [10.0.0.0/33]', 'is no address and no network'],
    ['a host that is a URL', "secrets: {}\nallowed_hosts: ['https://a/']", 'is no host'],
    ['limits out of range', 'secrets: {}\ndefaults: {max_concurrency: 0}', 'max_concurrency is out of range'],
    ['defaults for what only a document says', 'secrets: {}\ndefaults: {owner: a}', 'field owner not found'],
    ['more quota than there is', 'secrets: {}\nmax_masters: 21\ndefaults: {max_bytes: 1GiB}', 'of the most masters add up to 21GiB'],
  ])('%s', (_what, lines, expected) => expect(problemsOf(lines).join('\n')).toContain(expected));

  test('masters without routes: each would get everything', () =>
    expect(problems("tributary: {masters: {files: {folder: f}}}").join('\n')).toContain('without routes every announced destination would get everything'));
  test('Secrets whose namespaces tell no owner', () =>
    expect(problems("tributary: {routing: {routes: [{to: [owner]}]}, masters: {secrets: {}}}").join('\n')).toContain('nothing tells the owner of a namespace'));
});

describe('routes', () => {
  const toText = (name: string, masters: string) => `remote_write: [{name: user, url: 'http://u/'}]\ntributary: {routing: {routes: [{to: [${name}]}]}${masters}}\n`;
  const announced = ', masters: {files: {folder: f}}';

  test('may lead to a destination that has not been announced yet', () => expect(problems(toText('master-a', announced))).toEqual([]));
  test('may not where nothing is announced, or under another prefix', () => {
    for (const text of [toText('master-a', ''), toText('a', announced)]) expect(problems(text).join('\n')).toContain('no remote_write is named');
  });
});

describe('quotas', () => {
  const remoteWrite = 'remote_write: [{name: a, url: "http://a/"}]\n';
  const share = (lines: string) => evenShare(loaded(configText(lines, remoteWrite)).settings);

  test('room for the most masters is set aside, so that nobody has less when one arrives', () => expect(share('secrets: {}\nmax_masters: 3')).toBe(5 * 1024 ** 3));
  test('a quota of their own is taken off first', () => expect(share('secrets: {}\nmax_masters: 4\ndefaults: {max_bytes: 1GiB}')).toBe(16 * 1024 ** 3));
});
