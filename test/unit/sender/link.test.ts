// The link with real HTTP on the loopback: real client, real servers.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { DestinationSettings } from '../../../src/destinations/config.ts';
import { createHttpClient } from '../../../src/io/http/client.ts';
import { defaultHttpClientSettings } from '../../../src/io/http/config.ts';
import type { HttpClient, HttpClientOptions, HttpRequest } from '../../../src/io/http/types.ts';
import { systemClock, type Clock } from '../../../src/io/clock.ts';
import { Secret } from '../../../src/model/secret.ts';
import { Link, type SentBody } from '../../../src/sender/link.ts';
import { createTestClock } from '../../support/clock.ts';
import { closeAll, onClose, pem, serve, serveTcp, serveTls, unusedPort } from '../io/http/servers.ts';

afterEach(closeAll);

/** What a link looks at. */
const base = { url: '', endpoints: [], remoteTimeoutMs: 20_000, http: defaultHttpClientSettings } as unknown as DestinationSettings;

describe('a link', () => {
  const body: SentBody = { message: '1.0', codec: 'snappy', data: Buffer.from('body') };
  const patient = { retries: 0, timeoutMs: 20_000, signal: new AbortController().signal };

  function open(settings: Partial<DestinationSettings>, more: { clock?: Clock; options?: Partial<HttpClientOptions>; client?: HttpClient } = {}) {
    const clients: { closed: boolean }[] = [];
    const link = new Link({
      settings: { ...base, ...settings }, clock: more.clock ?? systemClock, version: '0.1.0',
      createClient(http) {
        const made = more.client ?? createHttpClient(http, { clock: systemClock, userAgent: 'x', connectionMaxAgeMs: 300_000, ...more.options });
        const seen = { closed: false };
        clients.push(seen);
        return { ...made, close: () => ((seen.closed = true), made.close()) };
      },
    });
    onClose(() => link.close());
    return { link, clients, post: () => link.post(body, patient) };
  }
  const echo = (name: string) => serve((request, response) => void response.setHeader('x', request.url ?? '').end(`${name} ${request.headers.authorization}`));

  it('has several requests under way at once', async () => {
    const answers: (() => unknown)[] = [];
    const port = await serve((_request, response) => {
      answers.push(() => response.end());
      if (answers.length === 3) for (const answer of answers) answer();
    });
    const { post } = open({ url: `http://127.0.0.1:${port}/` });
    expect((await Promise.all([post(), post(), post()])).map((answer) => answer.outcome)).toEqual([{ status: 200 }, { status: 200 }, { status: 200 }]);
  });

  it('gives a request the smaller of its own time and remote_timeout', async () => {
    const times: number[] = [];
    const client = {
      request: (request: HttpRequest) => (times.push(request.timeoutMs), Promise.resolve({ status: 204, statusText: '', headers: {}, body: Buffer.alloc(0), truncated: false })),
      close: () => Promise.resolve(),
    } as unknown as HttpClient;
    const { link } = open({ remoteTimeoutMs: 30_000 }, { client });
    await link.post(body, { ...patient, timeoutMs: Number.POSITIVE_INFINITY });
    await link.post(body, { ...patient, timeoutMs: 5000 });
    expect(times).toEqual([30_000, 5000]);
  });

  it('says what it sends, who sends it, and how often it was tried before', async () => {
    const port = await serve((request, response) => void response.end(JSON.stringify(request.headers)));
    const { link, post } = open({ url: `http://127.0.0.1:${port}/` });
    const first = JSON.parse((await post()).body) as Record<string, string>;
    expect(first).toMatchObject({ 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'user-agent': 'tributary/0.1.0', 'x-prometheus-remote-write-version': '0.1.0' });
    expect(first).not.toHaveProperty('retry-attempt');
    const third = JSON.parse((await link.post({ ...body, message: '2.0' }, { ...patient, retries: 2 })).body) as Record<string, string>;
    expect(third).toMatchObject({ 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'retry-attempt': '2' });
  });

  it('tells the clock of the receiver and what it has written', async () => {
    const headers = { Date: 'Sun, 06 Nov 1994 08:49:37 GMT', 'X-Prometheus-Remote-Write-Samples-Written': '7', 'X-Prometheus-Remote-Write-Exemplars-Written': 'many' };
    const port = await serve((_request, response) => void response.writeHead(204, headers).end());
    const answer = await open({ url: `http://127.0.0.1:${port}/` }, { clock: createTestClock(1000) }).post();
    expect(answer).toMatchObject({ dateMs: 784_111_777_000, receivedAtMs: 1000, written: { samples: 7, histograms: undefined, exemplars: undefined }, sentBody: true });
  });

  it.each(['', 'yesterday', 'Sun Nov  6 08:49:37 1994'])('does not believe the date %j', async (date) => {
    const port = await serve((_request, response) => {
      response.sendDate = false;
      response.writeHead(204, { Date: date }).end();
    });
    expect(await open({ url: `http://127.0.0.1:${port}/` }).post()).toMatchObject({ dateMs: undefined, written: undefined });
  });

  it('knows whether the body can have arrived', async () => {
    const cut = await serveTcp((socket) => socket.on('data', () => socket.resetAndDestroy()));
    expect(await open({ url: `http://127.0.0.1:${cut}/` }).post()).toMatchObject({ outcome: { error: 'connection' }, sentBody: true });
    expect(await open({ url: `http://127.0.0.1:${await unusedPort()}/` }).post()).toMatchObject({ outcome: { error: 'refused' }, sentBody: false });
  });

  it('is changed without hurting requests under way, and closes what it no longer needs', async () => {
    let answer: () => unknown = () => undefined;
    let asked: () => void = () => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    let gone: Promise<unknown> | undefined;
    const old = await serve((request, response) => {
      gone = once(request.socket, 'close');
      answer = () => response.end('old');
      asked();
    });
    const { link, clients, post } = open({ url: `http://127.0.0.1:${old}/` });
    const underWay = post();
    await isAsked;
    const http = { ...base.http, basicAuth: { username: 'me', password: new Secret('new') } };
    link.update({ ...base, http, url: `http://127.0.0.1:${await echo('new')}/` });
    expect((await post()).body).toBe(`new Basic ${btoa('me:new')}`);
    answer();
    expect((await underWay).body).toBe('old');
    await gone;
    expect(clients.map((client) => client.closed)).toEqual([true, false]);
  });

  it('closes after the requests under way', async () => {
    const order: string[] = [];
    const port = await serve((_request, response) => setImmediate(() => response.end()));
    const { link, post } = open({ url: `http://127.0.0.1:${port}/` });
    const answered = post().then(() => order.push('answer'));
    await link.close();
    order.push('closed');
    await answered;
    expect(order).toEqual(['answer', 'closed']);
  });

  it('reads a password file again for each request', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-link-'));
    onClose(() => rmSync(folder, { recursive: true }));
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'one\n');
    const { post } = open({ url: `http://127.0.0.1:${await echo('a')}/`, http: { ...base.http, basicAuth: { username: 'me', passwordFile } } });
    expect((await post()).body).toBe(`a Basic ${btoa('me:one')}`);
    writeFileSync(passwordFile, 'two\n');
    expect((await post()).body).toBe(`a Basic ${btoa('me:two')}`);
  });

  it('goes to the next endpoint, with the path of the first, and comes back', async () => {
    const clock = createTestClock();
    const port = await unusedPort();
    const second = await serve((request, response) => void response.end(request.url));
    const { link, post } = open({ url: `http://me:secret@127.0.0.1:${port}/api/v1/write?x=1`, endpoints: [`http://127.0.0.1:${second}`] }, { clock });
    expect([(await post()).outcome, (await post()).outcome]).toEqual([{ error: 'refused' }, { error: 'refused' }]);
    expect((await post()).body).toBe('/api/v1/write?x=1');
    expect(link.endpointStates()).toEqual([
      { url: `http://me:xxxxx@127.0.0.1:${port}/api/v1/write?x=1`, inUse: false, lastError: expect.stringContaining('connection refused') },
      { url: `http://me:xxxxx@127.0.0.1:${second}/api/v1/write?x=1`, inUse: true, lastError: '' },
    ]);
    await serve((_request, response) => void response.end('first'), '127.0.0.1', port);
    await clock.advance(60_000);
    expect([(await post()).body, (await post()).body]).toEqual(['first', 'first']);
    expect(link.shownUrl).toBe(`http://me:xxxxx@127.0.0.1:${port}/api/v1/write?x=1`);
  });

  it('asks every endpoint for the certificate of server_name', async () => {
    const port = await serveTls({}, (request, response) => void response.end((request.socket as TLSSocket & { servername: string }).servername));
    const urls = { url: `https://127.0.0.1:${await unusedPort()}/`, endpoints: [`https://127.0.0.1:${port}`] };
    const named = (serverName: string) => ({ ...base.http, tls: { insecureSkipVerify: false, ca: pem('ca'), serverName } });
    const good = open({ ...urls, http: named('target.example') });
    await good.post();
    await good.post();
    expect((await good.post()).body).toBe('target.example');
    const bad = open({ ...urls, http: named('other.example') });
    await bad.post();
    await bad.post();
    expect((await bad.post()).outcome).toEqual({ error: 'tls' });
  });
});
