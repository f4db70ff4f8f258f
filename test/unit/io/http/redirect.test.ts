import { afterEach, expect, test } from 'vitest';
import { Secret } from '../../../../src/model/secret.ts';
import { isSameOrSubdomain } from '../../../../src/io/http/url.ts';
import { bodyOf, client, closeAll, get, serve, stream } from './servers.ts';

afterEach(closeAll);

/** Redirects `/from` to `location` with `status`; every other path tells what it was asked. */
const redirecting = (status: number, location: string) =>
  serve(async (request, response) => {
    if (request.url === '/from') return void response.writeHead(status, { location }).end('moved');
    response.end(JSON.stringify([request.method, request.url, await bodyOf(request), request.headers['content-type'] ?? '']));
  });

test('a scrape follows a redirect', async () => {
  const port = await redirecting(302, '/to?x=1');
  expect(await stream(client(), `http://127.0.0.1:${port}/from`)).toMatchObject({ status: 200, body: '["GET","/to?x=1","",""]', calls: ['headers', 'end'] });
});

test('a redirect is an answer when redirects are not followed', async () => {
  const port = await redirecting(302, '/to');
  expect(await stream(client({ followRedirects: false }), `http://127.0.0.1:${port}/from`)).toMatchObject({ status: 302, body: 'moved' });
});

test('a redirect without Location is an answer', async () => {
  const port = await serve((_request, response) => void response.writeHead(302).end('x'));
  expect((await get(client(), `http://127.0.0.1:${port}/`)).status).toBe(302);
});

test.each([
  [301, '["GET","/to","",""]'], [302, '["GET","/to","",""]'], [303, '["GET","/to","",""]'],
  [307, '["POST","/to","body","a/b"]'], [308, '["POST","/to","body","a/b"]'],
])('%i decides what becomes of a POST', async (status, expected) => {
  const port = await redirecting(status, '/to');
  const got = await client().request({ method: 'POST', url: `http://127.0.0.1:${port}/from`, headers: { 'Content-Type': 'a/b' }, body: Buffer.from('body'), timeoutMs: 5000, maxBodyBytes: 1000 });
  expect(got.body.toString()).toBe(expected);
});

test('ten requests are the limit', async () => {
  let asked = 0;
  const port = await serve((_request, response) => void response.writeHead(302, { location: `/${++asked}` }).end());
  await expect(get(client(), `http://127.0.0.1:${port}/`)).rejects.toThrow(`Get "http://127.0.0.1:${port}/9": stopped after 10 redirects`);
  expect(asked).toBe(10);
});

test('a redirect with an endless body is followed without reading it all', async () => {
  const port = await serve((request, response) => {
    if (request.url === '/to') return void response.end('there');
    response.writeHead(302, { location: '/to' }).write('x'.repeat(200_000));
  });
  expect(await stream(client(), `http://127.0.0.1:${port}/from`)).toMatchObject({ status: 200, body: 'there' });
});

test('a redirect to an unknown scheme is refused', async () => {
  const port = await redirecting(302, 'ftp://127.0.0.1/x');
  await expect(get(client(), `http://127.0.0.1:${port}/from`)).rejects.toThrow('unsupported protocol scheme "ftp"');
});

test('credentials, Cookie and secret headers stay behind when another host is reached, and do not come back', async () => {
  const seen: unknown[] = [];
  const port: number = await serve((request, response) => {
    const { host, authorization, cookie } = request.headers;
    seen.push([host!.split(':')[0], authorization, cookie, request.headers['x-secret'], request.headers['x-open']]);
    const next = { '/1': `http://localhost:${port}/2`, '/2': `http://127.0.0.1:${port}/3` }[request.url ?? ''];
    if (next === undefined) return void response.end();
    response.writeHead(302, { location: next }).end();
  });
  const headers = [{ name: 'X-Secret', values: [], secrets: [new Secret('s')], files: [] }, { name: 'X-Open', values: ['o'], secrets: [], files: [] }];
  await get(client({ authorization: { type: 'Bearer', credentials: new Secret('t') }, headers }), `http://127.0.0.1:${port}/1`, { Cookie: 'c' });
  expect(seen).toEqual([
    ['127.0.0.1', 'Bearer t', 'c', 's', 'o'],
    ['localhost', undefined, undefined, undefined, 'o'],
    ['127.0.0.1', undefined, undefined, undefined, 'o'],
  ]);
});

test('credentials go along on the same host', async () => {
  const port = await serve((request, response) => {
    if (request.url === '/1') return void response.writeHead(301, { location: '/2' }).end();
    response.end(request.headers.authorization);
  });
  const got = await get(client({ authorization: { type: 'Bearer', credentials: new Secret('t') } }), `http://127.0.0.1:${port}/1`);
  expect(got.body.toString()).toBe('Bearer t');
});

test.each([
  ['a.example', 'a.example', true], ['b.a.example', 'a.example', true], ['a.example', 'b.a.example', false], ['xa.example', 'a.example', false], ['::1', '1', false],
])('%s below %s: %s', (host, parent, expected) => expect(isSameOrSubdomain(host, parent)).toBe(expected));
