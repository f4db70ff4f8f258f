// Pushing end to end: the built program scrapes and pushes to another one, in every protocol and with every kind of credentials, while that one is killed; a real Prometheus
// and a real vmagent push beside it. What must hold in the end: whatever was pushed is in the real VictoriaMetrics and in the oracle behind the receiver, once and with its value.
//
// The end is when both queues are empty, and only then is compared: a program that stops leaves on disk what it cannot deliver at once, and after a kill what is in the queue goes out
// record by record, which takes its time on a busy machine. What is missing before may still be on its way.

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
import { agentArguments, runProgram, startTributary, workplace, type DestinationStatus, type Tributary, type Workplace } from './support/tributary.ts';

/** Way to push, and who B says it is. */
const ways = { snappy: 'token', zstd: 'password', two: 'token' } as const;
const kills = 3;
/** For what takes a second on a machine that has nothing else to do. Milliseconds. */
const busyMs = 60_000;
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

  const destinationsOfB = async () => {
    const response = await fetch(`${b.url}/api/v1/status/destinations`, { headers: { authorization: 'Bearer for-a' } });
    return ((await response.json()) as { data: { destinations: readonly DestinationStatus[] } }).data.destinations;
  };

  const write = () => `http://127.0.0.1:${port}/api/v1/write`;

  test('without credentials nothing is taken', async () => {
    const response = await fetch(write(), { method: 'POST', body: 'x' });
    expect(response.status).toBe(401);
  });

  test('every sample that was pushed arrives, through three kills, in every protocol', async () => {
    const credentials = { token: 'authorization: {credentials: for-a}', password: 'basic_auth: {username: password, password: secret}' };
    const entry = (name: keyof typeof ways, more = '') =>
      `  - {name: ${name}, url: '${write()}', ${credentials[ways[name]]}, queue_config: {min_backoff: 50ms, max_backoff: 500ms}, write_relabel_configs: [{target_label: via, replacement: ${name}}]${more}}`;
    const configuration = (scrapes: boolean) => `
global: {scrape_interval: 1s, scrape_timeout: 1s, external_labels: {scraped_by: a}}
${scrapes ? `scrape_configs: [{job_name: outage, static_configs: [{targets: ['${target.address}']}]}]` : ''}
remote_write:
  - {name: direct, url: '${direct.url}'}
${entry('snappy')}
${entry('zstd')}
${entry('two', ', protobuf_message: io.prometheus.write.v2.Request')}
tributary: {destinations: {direct: {profile: generic}, snappy: {profile: generic}, zstd: {profile: victoriametrics}, two: {profile: generic}}}
`;
    const placeA = workplace(configuration(true));
    let a = await startTributary(placeA);
    for (let i = 1; i <= kills; i++) {
      const before = through.oracle.sampleCount();
      await until(() => through.oracle.sampleCount() > before + 3000, { what: () => `samples behind B: ${b.output().slice(-2000)}`, timeoutMs: busyMs });
      if (i === kills) expect(await protocolsOf(a)).toEqual({ direct: '1.0 snappy', snappy: '1.0 snappy', zstd: '1.0 zstd', two: '2.0 snappy' });
      b.signal('SIGKILL');
      await b.ended;
      if (i === kills) await stopWithBacklog(a, target);
      b = await startB(`--web.listen-address=127.0.0.1:${port}`);
    }
    // This life of A scrapes nothing: what it delivers was left by the one before.
    placeA.configure(configuration(false));
    a = await startTributary(placeA);
    await untilDelivered(a);
    await untilDelivered(b, destinationsOfB);
    await a.stop();
    const expected = pushed(direct);
    expect(through.oracle.compare(expected)).toMatchObject({ missing: 0, altered: 0, extra: 0 });
    // As many were seen behind B before the first kill; what was repeated around kills was counted later.
    expect(expected.length).toBeGreaterThan(3000);
    let lacking: readonly string[] = [];
    await until(async () => (lacking = missingIn(await exportVictoriaMetrics(storage.address), expected)).length === 0, { what: () => `everything in VictoriaMetrics: ${lacking.join('\n')}`, timeoutMs: busyMs });
    // What was sent twice around a kill is one sample there, or two equal ones.
    const stored = await exportVictoriaMetrics(storage.address);
    const distinct = new Set(stored.map(({ labels, timestampMs }) => `${seriesKey(labels)} ${timestampMs}`));
    expect(distinct.size).toBe(expected.length);
  });

  test('the accounts of the receiver balance', async () => {
    const destinations = await destinationsOfB();
    expect(new Map(destinations.map(({ name, identityHolds, scrapeIdentityHolds }) => [name, [identityHolds, scrapeIdentityHolds]]))).toEqual(new Map([['oracle', [true, true]], ['vm', [true, true]]]));
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

/** Message and codec by destination. */
async function protocolsOf(tributary: Tributary): Promise<Record<string, string>> {
  const { destinations } = await tributary.api<{ destinations: readonly { name: string; message: string; encoding: string }[] }>('/api/v1/status/destinations');
  return Object.fromEntries(destinations.map(({ name, message, encoding }) => [name, `${message} ${encoding}`]));
}

/** Stops a program while nobody takes what it pushes, after a scrape of which it can have delivered nothing: it is through with that when it asks for the next page. */
async function stopWithBacklog(tributary: Tributary, { answeredMs }: OutageTarget): Promise<void> {
  const asked = answeredMs.length;
  await until(() => answeredMs.length > asked + 1, { what: () => `two more pages: ${tributary.output().slice(-2000)}`, timeoutMs: busyMs });
  await tributary.stop();
}

/**
 * Waits until a program has delivered what is in its queue. The program is asked, and not the oracle what it lacks: to compare keeps this process busy, which is the one that has
 * to answer as the oracle.
 */
async function untilDelivered(tributary: Tributary, destinations = () => tributary.destinations()): Promise<void> {
  const isEmpty = async () => (await destinations()).every(({ pendingRecords }) => pendingRecords === 0);
  await until(isEmpty, { what: () => `an empty queue: ${tributary.output().slice(-2000)}`, timeoutMs: busyMs });
}

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
