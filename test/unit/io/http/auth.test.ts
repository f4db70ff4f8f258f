import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createVerify, createPublicKey } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../../src/model/secret.ts';
import type { OAuth2Settings, Sigv4Settings } from '../../../../src/io/http/config.ts';
import { findCredentials, findRegion } from '../../../../src/io/http/aws.ts';
import { signV4 } from '../../../../src/io/http/sigv4.ts';
import { bodyOf, client, closeAll, get, pem, serve, stream } from './servers.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tributary-auth-'))));
afterEach(async () => {
  await closeAll();
  rmSync(folder, { recursive: true });
});

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const echo = () => serve((request, response) => void response.end(request.headers.authorization ?? 'none'));

test('basic auth sends user and password', async () => {
  const url = `http://127.0.0.1:${await echo()}/`;
  expect((await stream(client({ basicAuth: { username: 'u', password: new Secret('p:ä') } }), url)).body).toBe(`Basic ${Buffer.from('u:p:ä').toString('base64')}`);
});

test('basic auth reads its files at each use, without surrounding white space', async () => {
  const url = `http://127.0.0.1:${await echo()}/`;
  const from = client({ basicAuth: { usernameFile: file('u', ' u\n'), passwordFile: file('p', 'one\n') } });
  expect((await stream(from, url)).body).toBe(`Basic ${btoa('u:one')}`);
  file('p', 'two\n');
  expect((await stream(from, url)).body).toBe(`Basic ${btoa('u:two')}`);
});

test('authorization sends type and credentials, inline or from a file', async () => {
  const url = `http://127.0.0.1:${await echo()}/`;
  expect((await get(client({ authorization: { type: 'Token', credentials: new Secret('x') } }), url)).body.toString()).toBe('Token x');
  expect((await get(client({ authorization: { type: 'Bearer', credentialsFile: file('t', 'y\n') } }), url)).body.toString()).toBe('Bearer y');
});

test('an unreadable file is an error of configuration that names it', async () => {
  const url = `http://127.0.0.1:${await echo()}/`;
  const { error } = await stream(client({ authorization: { type: 'Bearer', credentialsFile: join(folder, 'absent') } }), url);
  expect([error?.class, error?.message]).toEqual([
    'configuration', `Get "${url}": unable to read authorization credentials: unable to read file ${join(folder, 'absent')}: no such file or directory`,
  ]);
});

test('a header from a file is read at each use', async () => {
  const port = await serve((request, response) => void response.end(request.headers['x-key']));
  const from = client({ headers: [{ name: 'X-Key', values: [], secrets: [], files: [file('k', 'v1\n')] }] });
  expect((await get(from, `http://127.0.0.1:${port}/`)).body.toString()).toBe('v1');
  file('k', 'v2');
  expect((await get(from, `http://127.0.0.1:${port}/`)).body.toString()).toBe('v2');
});

const oauth2 = (tokenUrl: string, more: Partial<OAuth2Settings> = {}): OAuth2Settings => ({
  clientId: 'me', clientSecret: new Secret('s'), grantType: 'client_credentials', signatureAlgorithm: 'RS256', claims: {}, scopes: ['a', 'b'], tokenUrl,
  endpointParams: { x: 'y' }, tls: { insecureSkipVerify: false }, proxy: { fromEnvironment: false, connectHeaders: [] }, ...more,
});

/** A token server that counts, and a target that tells the token or answers 401 to those in `refused`. */
async function oauthServers(answer: (count: number) => object | number, refused: readonly string[] = []) {
  const asked: { form: URLSearchParams; authorization: string | undefined }[] = [];
  const tokenPort = await serve(async (request, response) => {
    asked.push({ form: new URLSearchParams(await bodyOf(request)), authorization: request.headers.authorization });
    const answered = answer(asked.length);
    response.setHeader('content-type', 'application/json');
    if (typeof answered === 'number') response.writeHead(answered).end('{"error":"x"}');
    else response.end(JSON.stringify(answered));
  });
  const port = await serve((request, response) => {
    const token = request.headers.authorization ?? '';
    response.writeHead(refused.includes(token) ? 401 : 200).end(token);
  });
  return { asked, tokenUrl: `http://127.0.0.1:${tokenPort}/token`, url: `http://127.0.0.1:${port}/` };
}

test('oauth2 fetches one token for many requests', async () => {
  const { asked, tokenUrl, url } = await oauthServers((n) => ({ access_token: `t${n}`, token_type: 'bearer', expires_in: 3600 }));
  const from = client({ oauth2: oauth2(tokenUrl) });
  const all = await Promise.all([stream(from, url), stream(from, url), get(from, url)]);
  expect([all[0].body, all[1].body, (await get(from, url)).body.toString()]).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1']);
  expect(asked.map(({ form, authorization }) => [form.toString(), authorization])).toEqual([['grant_type=client_credentials&scope=a+b&x=y', `Basic ${btoa('me:s')}`]]);
});

test('oauth2 fetches anew what has expired', async () => {
  const { tokenUrl, url } = await oauthServers((n) => ({ access_token: `t${n}`, expires_in: 5 }));
  const from = client({ oauth2: oauth2(tokenUrl) });
  expect([(await stream(from, url)).body, (await stream(from, url)).body]).toEqual(['Bearer t1', 'Bearer t2']);
});

test('oauth2 fetches anew when the secret changes', async () => {
  const { asked, tokenUrl, url } = await oauthServers((n) => ({ access_token: `t${n}`, expires_in: 3600 }));
  const { clientSecret: _, ...rest } = oauth2(tokenUrl, { clientSecretFile: file('s', 'one') });
  const from = client({ oauth2: rest });
  await stream(from, url);
  file('s', 'two');
  expect((await stream(from, url)).body).toBe('Bearer t2');
  expect(asked[1]?.authorization).toBe(`Basic ${btoa('me:two')}`);
});

test('oauth2 fetches anew after a 401, once', async () => {
  const { asked, tokenUrl, url } = await oauthServers((n) => ({ access_token: `t${n}`, expires_in: 3600 }), ['Bearer t1', 'Bearer t3', 'Bearer t4']);
  const from = client({ oauth2: oauth2(tokenUrl) });
  expect(await stream(from, url)).toMatchObject({ status: 200, body: 'Bearer t2' });
  const { url: other } = await oauthServers(() => 500, ['Bearer t2', 'Bearer t3']);
  expect(await stream(from, other)).toMatchObject({ status: 401, body: 'Bearer t3' });
  expect(asked).toHaveLength(3);
});

test('oauth2 sends name and secret in the form where the header is refused', async () => {
  const { asked, tokenUrl, url } = await oauthServers((n) => (n === 1 ? 401 : { access_token: 'ok' }));
  expect((await stream(client({ oauth2: oauth2(tokenUrl) }), url)).body).toBe('Bearer ok');
  expect([asked[1]?.authorization, asked[1]?.form.get('client_secret')]).toEqual([undefined, 's']);
});

test('oauth2 reports a refused token', async () => {
  const { tokenUrl, url } = await oauthServers(() => 403);
  expect((await stream(client({ oauth2: oauth2(tokenUrl) }), url)).error?.message).toContain('oauth2: cannot fetch token: 403');
});

test('oauth2 with a JWT bearer grant signs an assertion', async () => {
  const { asked, tokenUrl, url } = await oauthServers(() => ({ access_token: 'j' }));
  const from = client({
    oauth2: oauth2(tokenUrl, {
      grantType: 'urn:ietf:params:oauth:grant-type:jwt-bearer', signatureAlgorithm: 'RS384', clientCertificateKey: new Secret(pem('client-key')), clientCertificateKeyId: 'k1', claims: { extra: 1 },
    }),
  });
  expect((await stream(from, url)).body).toBe('Bearer j');
  const [header, claims, signature] = asked[0]!.form.get('assertion')!.split('.') as [string, string, string];
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'RS384', typ: 'JWT', kid: 'k1' });
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ iss: 'me', sub: 'me', aud: tokenUrl, scope: 'a b', extra: 1 });
  expect(createVerify('RSA-SHA384').update(`${header}.${claims}`).verify(createPublicKey(pem('client-key')), signature, 'base64url')).toBe(true);
});

const example = { accessKey: 'AKIDEXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const at = Date.UTC(2015, 7, 30, 12, 36, 0);

test('sigv4 agrees with the published example get-vanilla', () => {
  const headers = signV4({ method: 'GET', authority: 'example.amazonaws.com', target: '/', headers: [], body: new Uint8Array() }, example, { service: 'service', region: 'us-east-1', nowMs: at });
  expect(headers).toEqual(['X-Amz-Date', '20150830T123600Z', 'Authorization',
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31']);
});

test('sigv4 agrees with the published example of IAM ListUsers', () => {
  const request = { method: 'GET', authority: 'iam.amazonaws.com', target: '/?Action=ListUsers&Version=2010-05-08', headers: ['Content-Type', 'application/x-www-form-urlencoded; charset=utf-8'], body: new Uint8Array() };
  expect(signV4(request, example, { service: 'iam', region: 'us-east-1', nowMs: at }).at(-1)).toContain('Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7');
});

const sigv4 = (more: Partial<Sigv4Settings>): Sigv4Settings => ({ useFipsStsEndpoint: false, ...more });

test('sigv4 signs a remote write', async () => {
  const port = await serve((request, response) => void response.end(request.headers.authorization));
  const from = client({ sigv4: sigv4({ region: 'eu-central-1', accessKey: 'AK', secretKey: new Secret('SK') }) });
  const got = await from.request({ method: 'POST', url: `http://127.0.0.1:${port}/w`, headers: { 'Content-Type': 'application/x-protobuf' }, body: Buffer.from('x'), timeoutMs: 5000, maxBodyBytes: 1000 });
  expect(got.body.toString()).toMatch(/^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/eu-central-1\/aps\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/);
});

test('sigv4 takes on a role and keeps its credentials until they expire', async () => {
  const forms: string[] = [];
  const sts = await serve(async (request, response) => {
    forms.push(await bodyOf(request));
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.end(`<AssumeRoleResponse><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResponse>`);
  });
  const port = await serve((request, response) => void response.end([request.headers['x-amz-security-token'], request.headers.authorization].join(' ')));
  const settings = sigv4({ region: 'r', accessKey: 'AK', secretKey: new Secret('SK'), roleArn: 'arn:aws:iam::1:role/x', externalId: 'e' });
  const from = client({ sigv4: settings }, { environment: { AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${sts}/` } });
  await get(from, `http://127.0.0.1:${port}/`);
  expect((await get(from, `http://127.0.0.1:${port}/`)).body.toString()).toMatch(/^tok AWS4-HMAC-SHA256 Credential=ROLE\//);
  expect(forms).toHaveLength(1);
  expect(Object.fromEntries(new URLSearchParams(forms[0]))).toMatchObject({ Action: 'AssumeRole', RoleArn: 'arn:aws:iam::1:role/x', ExternalId: 'e' });
});

test('AWS credentials and region are found in settings, environment and profile files', () => {
  const credentials = file('credentials', '[default]\naws_access_key_id = D\naws_secret_access_key = d\n[p]\naws_access_key_id=P\naws_secret_access_key=p\naws_session_token=t\n');
  const config = file('config', '[default]\nregion = r0\n[profile p]\nregion = r1\n');
  const files = { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config };
  const environment = { ...files, AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'e', AWS_REGION: 're' };
  expect(findCredentials(sigv4({}), environment)).toEqual({ accessKey: 'E', secretKey: 'e' });
  expect(findCredentials(sigv4({ profile: 'p' }), environment)).toEqual({ accessKey: 'P', secretKey: 'p', sessionToken: 't' });
  expect(findCredentials(sigv4({}), files)).toEqual({ accessKey: 'D', secretKey: 'd' });
  expect([findRegion(sigv4({}), environment), findRegion(sigv4({}), files), findRegion(sigv4({ profile: 'p' }), files)]).toEqual(['re', 'r0', 'r1']);
  expect(() => findCredentials(sigv4({}), { HOME: folder })).toThrow('no AWS credentials');
  expect(() => findRegion(sigv4({}), { HOME: folder })).toThrow('region not configured');
});
