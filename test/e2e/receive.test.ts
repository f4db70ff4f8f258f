// Pushing end to end: the built program scrapes and pushes to another one, in every protocol and with every kind of credentials, while that one is killed; a real Prometheus
// and a real vmagent push beside it. What must hold in the end: whatever was pushed is in the real VictoriaMetrics and in the oracle behind the receiver, once and with its value.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seriesKey, type ExpectedSample } from '../support/oracle/oracle.ts';
import { startOracle, type OracleServer } from '../support/oracle/server.ts';
import { missingPeers } from '../support/peers.ts';
import { freePort } from '../support/ports.ts';
import { STALE_BITS } from '../support/write-request.ts';
import { startOutageTarget, type OutageTarget } from './support/outage-pages.ts';
import { startPrometheus, startVictoriaMetrics, startVmagent, type Peer } from './support/peers.ts';
import { endAll, until } from './support/process.ts';
import { exportVictoriaMetrics } from './support/read-back.ts';
import { agentArguments, runProgram, startTributary, workplace, type Tributary, type Workplace } from './support/tributary.ts';

/** Way to push, and who B says it is. */
const ways = { snappy: 'token', zstd: 'password', two: 'token' } as const;
const kills = 3;
const missing = missingPeers('victoria-metrics', 'prometheus', 'vmagent');
if (missing !== undefined) console.warn(`NOT RUN: pushing to the receive endpoint (${missing})`);

describe.skipIf(missing !== undefined)('pushing', () => {
  let target: OutageTarget;
  let storage: Peer;
  /** What A scraped, as A itself delivers it, and what came through B. */
  let direct: OracleServer;
  let through: OracleServer;
  let placeB: Workplace;
  let b: Tributary;
  let port: number;

  const startB = (...more: string[]) => startTributary(placeB, '--web.enable-remote-write-receiver', `--web.config.file=${join(placeB.folder, 'web.yml')}`, ...more);

  beforeAll(async () => {
    [target, storage, direct, through] = await Promise.all([startOutageTarget(5), startVictoriaMetrics(), startOracle(), startOracle()]);
    const rules = 'write_relabel_configs: [{source_labels: [__meta_receive_client], target_label: client}]';
    placeB = workplace(`
remote_write:
  - {name: vm, url: 'http://${storage.address}/api/v1/write', ${rules}}
  - {name: oracle, url: '${through.url}', ${rules}, send_exemplars: true}
tributary: {queue: {segment_bytes: 256KiB}, destinations: {vm: {profile: victoriametrics}, oracle: {profile: generic}}}
`);
    writeFileSync(join(placeB.folder, 'web.yml'), `{basic_auth_users: {password: '${hashSync('secret', 4)}'}, tributary: {bearer_token_files: {token: token, prometheus: other}}}`);
    writeFileSync(join(placeB.folder, 'token'), 'for-a\n');
    writeFileSync(join(placeB.folder, 'other'), 'for-prometheus\n');
    port = await freePort();
    b = await startB(`--web.listen-address=127.0.0.1:${port}`);
  });

  afterAll(async () => {
    await endAll();
    await Promise.all([target?.stop(), direct?.stop(), through?.stop()]);
  });

  const write = () => `http://127.0.0.1:${port}/api/v1/write`;

  test('without credentials nothing is taken', async () => {
    const response = await fetch(write(), { method: 'POST', body: 'x' });
    expect(response.status).toBe(401);
  });

  test('every sample that was pushed arrives, through three kills, in every protocol', async () => {
    const credentials = { token: 'authorization: {credentials: for-a}', password: 'basic_auth: {username: password, password: secret}' };
    const entry = (name: keyof typeof ways, more = '') =>
      `  - {name: ${name}, url: '${write()}', ${credentials[ways[name]]}, queue_config: {min_backoff: 50ms, max_backoff: 500ms}, write_relabel_configs: [{target_label: via, replacement: ${name}}]${more}}`;
    const a = await startTributary(workplace(`
global: {scrape_interval: 1s, scrape_timeout: 1s, external_labels: {scraped_by: a}}
scrape_configs: [{job_name: outage, static_configs: [{targets: ['${target.address}']}]}]
remote_write:
  - {name: direct, url: '${direct.url}'}
${entry('snappy')}
${entry('zstd')}
${entry('two', ', protobuf_message: io.prometheus.write.v2.Request')}
tributary: {destinations: {direct: {profile: generic}, snappy: {profile: generic}, zstd: {profile: victoriametrics}, two: {profile: generic}}}
`));
    for (let i = 1; i <= kills; i++) {
      const before = through.oracle.sampleCount();
      await until(() => through.oracle.sampleCount() > before + 3000, { what: () => `samples behind B: ${b.output().slice(-2000)}` });
      b.signal('SIGKILL');
      await b.ended;
      b = await startB(`--web.listen-address=127.0.0.1:${port}`);
    }
    const before = through.oracle.sampleCount();
    await until(() => through.oracle.sampleCount() > before + 3000, { what: () => `samples behind B after the kills: ${b.output().slice(-2000)}` });
    const { destinations } = await a.api<{ destinations: readonly { name: string; message: string; encoding: string }[] }>('/api/v1/status/destinations');
    const protocols = new Map(destinations.map(({ name, message, encoding }) => [name, `${message} ${encoding}`]));
    expect([protocols.get('snappy'), protocols.get('zstd'), protocols.get('two')]).toEqual(['1.0 snappy', '1.0 zstd', '2.0 snappy']);
    await a.stop();
    const expected = pushed(direct);
    await until(() => through.oracle.compare(expected).missing === 0, { what: () => through.oracle.compare(expected).examples.join('\n'), timeoutMs: 30_000 });
    expect(through.oracle.compare(expected)).toMatchObject({ missing: 0, altered: 0, extra: 0 });
    // The last wait alone saw as many behind B; what was repeated around kills was counted there, and is not here.
    expect(expected.length).toBeGreaterThan(3000);
    let lacking: readonly string[] = [];
    await until(async () => (lacking = missingIn(await exportVictoriaMetrics(storage.address), expected)).length === 0, { what: () => `everything in VictoriaMetrics: ${lacking.join('\n')}` });
    // What was sent twice around a kill is one sample there, or two equal ones.
    const stored = await exportVictoriaMetrics(storage.address);
    const distinct = new Set(stored.map(({ labels, timestampMs }) => `${seriesKey(labels)} ${timestampMs}`));
    expect(distinct.size).toBe(expected.length);
  }, 180_000);

  test('the accounts of the receiver balance', async () => {
    const response = await fetch(`${b.url}/api/v1/status/destinations`, { headers: { authorization: 'Bearer for-a' } });
    const { data } = (await response.json()) as { data: { destinations: { name: string; identityHolds: boolean; scrapeIdentityHolds: boolean }[] } };
    expect(new Map(data.destinations.map(({ name, identityHolds, scrapeIdentityHolds }) => [name, [identityHolds, scrapeIdentityHolds]]))).toEqual(new Map([['oracle', [true, true]], ['vm', [true, true]]]));
  });

  test('a real Prometheus pushes its samples', async () => {
    const prometheus = await startPrometheus(`
global: {scrape_interval: 1s, external_labels: {scraped_by: prometheus}}
scrape_configs: [{job_name: outage, static_configs: [{targets: ['${target.address}']}]}]
remote_write: [{url: '${write()}', authorization: {credentials: for-prometheus}, queue_config: {batch_send_deadline: 1s}}]
`, 'agent');
    const key = seriesKey({ __name__: 'outage_page', client: 'prometheus', instance: target.address, job: 'outage', scraped_by: 'prometheus' });
    await until(() => (through.oracle.series(key)?.count ?? 0) >= 3, { what: () => `outage_page of Prometheus: ${prometheus.output().slice(-2000)}`, timeoutMs: 30_000 });
    expect(prometheus.output()).not.toMatch(/non-recoverable|status code (?!401)4\d\d/);
  }, 60_000);

  test('a real vmagent pushes its samples over TLS, with a certificate and a password', async () => {
    const tls = join(import.meta.dirname, '..', 'fixtures', 'tls');
    const place = workplace(`
remote_write: [{name: oracle, url: '${through.url}', write_relabel_configs: [{source_labels: [__meta_receive_client], target_label: client}]}]
tributary: {destinations: {oracle: {profile: generic}}}
`);
    const web = join(place.folder, 'web.yml');
    writeFileSync(web, `
tls_server_config: {cert_file: ${tls}/server.pem, key_file: ${tls}/server-key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ${tls}/ca.pem}
basic_auth_users: {vm: '${hashSync('secret', 10)}'}
`);
    const receiver = runProgram(...agentArguments(place, '--web.enable-remote-write-receiver', `--web.config.file=${web}`));
    const address = await receiver.waitFor(/address=(127\.0\.0\.1:\d+) msg=listening/);
    await receiver.waitFor(/msg=(started)/);
    const vmagent = await startVmagent(
      `{global: {scrape_interval: 1s, external_labels: {scraped_by: vmagent}}, scrape_configs: [{job_name: outage, static_configs: [{targets: ['${target.address}']}]}]}`,
      `-remoteWrite.url=https://${address}/api/v1/write`, `-remoteWrite.tlsCAFile=${tls}/ca.pem`, `-remoteWrite.tlsCertFile=${tls}/client.pem`, `-remoteWrite.tlsKeyFile=${tls}/client-key.pem`,
      '-remoteWrite.basicAuth.username=vm', '-remoteWrite.basicAuth.password=secret', '-remoteWrite.queues=8',
    );
    const key = seriesKey({ __name__: 'outage_page', client: 'vm', instance: target.address, job: 'outage', scraped_by: 'vmagent' });
    await until(() => (through.oracle.series(key)?.count ?? 0) >= 3, { what: () => `outage_page of vmagent: ${vmagent.output().slice(-1000)} ${receiver.output().slice(-1000)}`, timeoutMs: 30_000 });
    expect(vmagent.output()).not.toMatch(/unexpected status code|dropping/);
  }, 60_000);
});

/** What the oracle that A delivers to has, as it should be behind B: once for each way. */
function pushed(direct: OracleServer): ExpectedSample[] {
  const expected: ExpectedSample[] = [];
  for (const key of direct.oracle.seriesKeys()) {
    const { count, timesMs, bits } = direct.oracle.series(key)!;
    for (const [way, client] of Object.entries(ways)) {
      const series = seriesKey([...labelsOf(key), ['via', way], ['client', client]]);
      for (let i = 0; i < count; i++) expected.push({ series, timestampMs: timesMs[i]!, value: hex(bits[2 * i + 1]!) + hex(bits[2 * i]!) });
    }
  }
  return expected;
}

function hex(half: number): string {
  return half.toString(16).padStart(8, '0');
}

function labelsOf(key: string): [string, string][] {
  const name = /^[^{]*/.exec(key)![0];
  return [['__name__', name], ...[...key.matchAll(/([{,])(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, , label, value]): [string, string] => [label!, JSON.parse(value!) as string])];
}

/** What VictoriaMetrics lacks, or has with another value; it keeps some 12 decimal digits at least. */
function missingIn(stored: Awaited<ReturnType<typeof exportVictoriaMetrics>>, expected: readonly ExpectedSample[]): string[] {
  const have = new Map(stored.map(({ labels, timestampMs, value }) => [`${seriesKey(labels)} ${timestampMs}`, value]));
  return expected.filter(({ series, timestampMs, value }) => !isClose(have.get(`${series} ${timestampMs}`), String(value))).map(({ series, timestampMs }) => `${series} ${timestampMs}`).slice(0, 5);
}

/** Bits as hexadecimal digits. */
function isClose(stored: string | undefined, wanted: string): boolean {
  if (stored === undefined || stored === wanted) return stored !== undefined;
  if (wanted === STALE_BITS || stored === STALE_BITS) return false;
  const [a, b] = [stored, wanted].map((bits) => Buffer.from(bits, 'hex').readDoubleBE()) as [number, number];
  return Math.abs(a - b) <= 1e-12 * Math.abs(b);
}
