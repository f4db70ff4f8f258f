// A document: what becomes of it, and every reason for which it is refused.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../../../src/config/load.ts';
import { createGuard } from '../../../../src/destinations/masters/guard.ts';
import { DOCUMENT_BYTES_MAX, readDocument } from '../../../../src/destinations/masters/document.ts';
import type { ReadDocument } from '../../../../src/destinations/masters/document.ts';
import { PATTERN_CHARACTERS_MAX, REPETITIONS_MAX } from '../../../../src/destinations/masters/patterns.ts';
import { documentSchema } from '../../../../src/destinations/masters/document-keys.ts';
import { namespaceRule } from '../../../../src/owners/by-namespace.ts';
import { endpoint, settingsOf } from './helper.ts';

const place = { shown: 'hero-user-a/tributary-route', owner: 'a', name: 'master-a' };
const pem = (name: string) => JSON.stringify(readFileSync(join(import.meta.dirname, '../../../fixtures/tls', name), 'utf8'));

function read(text: string | Uint8Array, lines = 'secrets: {}'): ReadDocument {
  const settings = settingsOf(lines, { POD: 'p0' });
  return readDocument(typeof text === 'string' ? Buffer.from(text) : text, place, settings, createGuard(settings, (host) => host === '10.96.0.1' || host === 'kubernetes.default'));
}

function settings(text: string, lines?: string) {
  const document = read(text, lines);
  if (!document.ok) throw new Error(document.problems.join('\n'));
  return document.settings;
}

const good = endpoint('vm.example');
const problem = (text: string | Uint8Array, lines?: string): string => {
  const document = read(text, lines);
  return document.ok ? '' : document.problems.join('\n');
};

describe('a good document', () => {
  test('has the name and the owner of its place', () => expect(settings(good)).toMatchObject({ name: 'master-a', owner: 'a', url: 'https://vm.example/api/v1/write', endpoints: [] }));
  test('may be JSON', () => expect(settings('{"endpoints": ["https://a.example/w", "https://b.example"]}')).toMatchObject({ url: 'https://a.example/w', endpoints: ['https://b.example'] }));
  test('brings credentials, headers, profile and rules', () => {
    const document = settings(`${good}\nprofile: mimir\nheaders: {X-Scope-OrgID: tenant-a}\nbasic_auth: {username: u, password: p}\nwrite_relabel_configs: [{source_labels: [job], regex: secret, action: drop}]`);
    expect(document).toMatchObject({ profile: 'mimir', http: { basicAuth: { username: 'u' }, headers: [{ name: 'X-Scope-OrgID', values: ['tenant-a'] }], proxy: { fromEnvironment: false } } });
    expect(document.http.basicAuth?.password?.reveal()).toBe('p');
    expect(document.writeRelabel).toMatchObject([{ action: 'drop', sourceLabels: ['job'] }]);
  });
  test('brings its certificates inline', () => expect(settings(`${good}\ntls_config: {ca: ${pem('ca.pem')}, server_name: vm}`).http.tls).toMatchObject({ serverName: 'vm', insecureSkipVerify: false }));
  test('has the limits that are granted here', () => expect(settings(good, 'secrets: {}\ndefaults: {max_bytes: 1GiB, priority: 3, max_age: 2d}')).toMatchObject({ maxBytes: 1024 ** 3, priority: 3, maxAgeMs: 172_800_000 }));
  test('names the label of replicas, and has its value from here', () => expect(settings(`${good}\nreplica_label: __replica__`, 'secrets: {}\nreplica: ${POD}').replicaLabel).toEqual({ name: '__replica__', value: 'p0' }));
  test('may say whose it is, when that is so', () => expect(settings(`${good}\nowner: a`).owner).toBe('a'));
  test('leads where the operator allows it', () => expect(settings(endpoint('127.0.0.1'), 'secrets: {}\nallowed_networks: [127.0.0.0/8]').url).toBe('https://127.0.0.1/api/v1/write'));
});

describe('a document is refused', () => {
  test.each([
    ['that is empty', '', 'the document is empty'],
    ['that is no UTF-8', new Uint8Array([0xff, 0xfe, 0x00]), 'not UTF-8'],
    ['that is no YAML', 'endpoints: [', 'hero-user-a/tributary-route:1'],
    ['that is base64 twice', Buffer.from(good).toString('base64'), 'expected a mapping of keys'],
    ['that is too large', `${good}\n#${'x'.repeat(DOCUMENT_BYTES_MAX)}`, `expected at most ${DOCUMENT_BYTES_MAX}`],
    ['without endpoints', 'profile: mimir', 'endpoints is empty'],
    ['with nine endpoints', `endpoints: [${Array.from({ length: 9 }, (_, i) => `'http://h${i}.example/'`).join(', ')}]`, 'has 9 entries, expected at most 8'],
    ['with an endpoint of another scheme', "endpoints: ['ftp://a/']", 'no http or https address'],
    ['with an endpoint that is none', "endpoints: ['https://a b/']", 'invalid character in host name'],
    ['with a key nobody knows', `${good}\nprofiel: mimir`, 'the nearest known key is profile'],
    ['that claims another owner', `${good}\nowner: b`, 'claims "b", but its place belongs to "a"'],
    ['that names itself', `${good}\nname: master-b`, 'follows from the place of the document'],
    ['with a header that would be two', `${good}\nheaders: {X-A: "a\\r\\nX-B: b"}`, '"X-A" cannot be sent as a header'],
    ['with a name of a header that is none', `${good}\nheaders: {X A: a}`, '"X A" cannot be sent as a header'],
    ['with credentials that would be two headers', `${good}\nauthorization: {credentials: "t\\r\\nX-B: b"}`, 'without a line break'],
    ['with patterns that are too long', `${good}\nwrite_relabel_configs: [{source_labels: [a], regex: '${'.?'.repeat(PATTERN_CHARACTERS_MAX / 2)}x', action: drop}]`, `expected at most ${PATTERN_CHARACTERS_MAX}`],
    ['with patterns that repeat too often', `${good}\nwrite_relabel_configs: [{source_labels: [a], regex: '(a{1,900})(b{101})', action: drop}]`, `the patterns repeat 1001 times in all, expected at most ${REPETITIONS_MAX}`],
    ['with conditions that repeat too often', `${good}\nwrite_relabel_configs: [{if: ['{a=~"x{900}"}', '{a=~"y{101}"}'], action: drop}]`, 'repeat 1001 times'],
    ['with a proxy', `${good}\nproxy_url: http://p/`, 'would send through a proxy'],
    ['with the proxy of the environment', `${good}\nproxy_from_environment: true`, 'would send through a proxy'],
    ['with a password in a file', `${good}\nbasic_auth: {username: u, password_file: /etc/shadow}`, 'password_file names something outside of the document'],
    ['with a token in a file', `${good}\nauthorization: {credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token}`, 'credentials_file names something outside'],
    ['with an old token file', `${good}\nbearer_token_file: /t`, 'bearer_token_file names something outside'],
    ['with a CA in a file', `${good}\ntls_config: {ca_file: /ca}`, 'ca_file names something outside'],
    ['with a key of a secret manager', `${good}\ntls_config: {key_ref: k}`, 'key_ref names something outside'],
    ['with credentials of this collector', `${good}\nsigv4: {region: r}`, 'may read credentials of this collector'],
    ['with tokens from elsewhere', `${good}\noauth2: {client_id: c, token_url: 'http://t/'}`, 'fetches tokens from another server'],
    ['with an environment in an endpoint', "endpoints: ['https://vm.example/${SECRET}']", 'refer to the environment'],
    ['with an environment in a header', `${good}\nheaders: {X-A: $(SECRET)}`, 'refer to the environment'],
    ['with a header of the sender', `${good}\nheaders: {Host: a}`, 'Host is a reserved header'],
    ['with two ways to log in', `${good}\nbasic_auth: {username: u}\nauthorization: {credentials: c}`, 'stands beside basic_auth'],
    ['with a rule that is none', `${good}\nwrite_relabel_configs: [{regex: '(', action: drop}]`, 'write_relabel_configs[0]'],
    ['with a hundred and one rules', `${good}\nwrite_relabel_configs: [${Array.from({ length: 101 }, () => '{action: labeldrop, regex: a}').join(', ')}]`, 'has 101 entries, expected at most 100'],
    ['with rules that let labels grow', `${good}\nwrite_relabel_configs: [${Array.from({ length: 40 }, () => '{source_labels: [a], target_label: a, replacement: $1$1}').join(', ')}]`, 'write_relabel_configs: rule 9 may make a value of'],
    ['with a certificate that is none', `${good}\ntls_config: {ca: nonsense}`, 'tls_config.ca: cannot be read'],
    ['with a replica label, where nothing tells replicas apart', `${good}\nreplica_label: __replica__`, 'expected tributary.masters.replica'],
    ['with a replica label that is none', `${good}\nreplica_label: '1-x'`, 'is no name of a label'],
  ])('%s', (_what, text, expected) => expect(problem(text)).toContain(expected));

  test.each(['max_bytes: 100GiB', 'overflow: block', 'priority: 99', 'pace: {items_per_second: 1}', 'max_concurrency: 64', 'max_age: 1y', 'queue_config: {}', 'metadata_config: {}', 'remote_timeout: 1h', 'connection_max_age: 0'])(
    'with a limit of this collector: %s', (line) => expect(problem(`${good}\n${line}`)).toContain('is a limit of this collector, which no document sets'));

  test.each([
    ['127.0.0.1', 'loopback'], ['127.8.9.1', 'loopback'], ['2130706433', 'loopback'], ['0x7f.1', 'loopback'], ['[::1]', 'loopback'], ['[::ffff:127.0.0.1]', 'loopback'], ['[64:ff9b::7f00:1]', 'loopback'],
    ['localhost', 'loopback'], ['LOCALHOST.', 'loopback'], ['x.localhost', 'loopback'], ['169.254.169.254', 'link-local'], ['[fe80::1]', 'link-local'], ['[::ffff:a9fe:a9fe]', 'link-local'],
    ['0.0.0.0', 'unspecified'], ['[::]', 'unspecified'], ['224.0.0.1', 'multicast'], ['255.255.255.255', 'broadcast'], ['10.96.0.1', 'API server'], ['kubernetes.default', 'API server'],
  ])('that leads to %s: %s', (host, expected) => expect(problem(endpoint(host))).toContain(expected));

  test('that leads to a host the operator has not listed', () => {
    const lines = "secrets: {}\nallowed_hosts: [vm.example, '*.storage.example']";
    expect(['vm.example', 'VM.example.', 'a.storage.example', 'a.b.storage.example'].map((host) => problem(endpoint(host), lines))).toEqual(['', '', '', '']);
    for (const host of ['other.example', 'storage.example', 'xstorage.example', '10.0.0.1']) expect(problem(endpoint(host), lines)).toContain('expected one of tributary.masters.allowed_hosts');
  });
  test('that leads to a network the operator refuses', () => expect(problem(endpoint('10.1.2.3'), 'secrets: {}\nrefused_networks: [10.0.0.0/8]')).toContain('refused_networks'));

  test('without telling what is secret in it', () => {
    const text = problem(`${good}\nbasic_auth: {username: u, password: hunter2, password_file: x}\nauthorization: hunter2\nmax_bytes: 1`);
    expect(text).not.toContain('hunter2');
  });
});

test('the example of deploy/examples is a good document, in a place that the example configuration knows', () => {
  const path = (name: string) => join(import.meta.dirname, '../../../../deploy/examples', name);
  const [object] = parseAllDocuments(readFileSync(path('karmada-master.yaml'), 'utf8')).map((one) => one.toJS() as { metadata: { name: string; namespace: string }; stringData: Record<string, string> });
  const config = loadConfig(path('masters.yml'));
  if (!config.ok) throw new Error('the example configuration does not load');
  const { masters, routing } = config.config.settings;
  expect([object!.metadata.name, namespaceRule(routing!.owner.namespace)(object!.metadata.namespace)]).toEqual([masters!.secrets!.name, 'a']);
  expect(readDocument(Buffer.from(object!.stringData[masters!.secrets!.key]!), place, masters!, createGuard(masters!, () => false))).toMatchObject({ ok: true, settings: { maxBytes: 2 * 1024 ** 3, profile: 'victoriametrics' } });
});

test('the JSON Schema has what a document may say, and nothing that it may not', () => {
  const schema = documentSchema() as { properties: Record<string, { properties?: object }>; additionalProperties: boolean };
  expect(Object.keys(schema.properties)).toContain('endpoints');
  expect(schema.additionalProperties).toBe(false);
  expect(JSON.stringify(schema)).not.toMatch(/"[a-z_]*_(file|ref)"|max_bytes|proxy_url/);
});
