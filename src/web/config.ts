// The file of `--web.config.file`, as Prometheus' exporter toolkit has it: TLS, headers and users of the web server; beside these, tokens under a key of our own. Source:
// prometheus/exporter-toolkit docs/web-configuration.md.

import { block, fail, key, optional } from '../config/schema.ts';
import type { Block } from '../config/schema.ts';
import { bool, choice, filePath, listOf, mapOf, secret, text } from '../config/types.ts';

const versions = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const;
export type ServerTlsVersion = (typeof versions)[number];
const clientAuthTypes = ['NoClientCert', 'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert'] as const;

const unavailable = new Map([
  ['client_allowed_sans', 'is not available here: give clients an authority of their own'],
  ['cipher_suites', 'is not available here: the defaults are those of Node.js'],
  ['prefer_server_cipher_suites', 'is not available here'],
  ['curve_preferences', 'is not available here: the defaults are those of Node.js'],
]);

export const webTlsKeys = {
  cert_file: key(filePath, '', 'Certificate of the server, with its chain, PEM.'),
  cert: key(text, '', 'The same, inline.'),
  key_file: key(filePath, '', 'Key of the certificate, PEM.'),
  key: optional(secret, 'The same, inline.'),
  client_auth_type: key(choice(clientAuthTypes, (value) => `unknown client_auth_type ${JSON.stringify(value)}`), 'NoClientCert', 'Whether clients have to show a certificate. Takes effect at the start.'),
  client_ca_file: key(filePath, '', 'Authorities that client certificates are checked with, PEM.'),
  client_ca: key(text, '', 'The same, inline.'),
  min_version: key(choice(versions, (value) => `unknown TLS version ${JSON.stringify(value)}`), 'TLS12', 'Lowest version of TLS.'),
  max_version: key(choice(versions, (value) => `unknown TLS version ${JSON.stringify(value)}`), 'TLS13', 'Highest version of TLS.'),
};
export type WebTlsBlock = Block<typeof webTlsKeys>;

const tlsBlock = block(webTlsKeys, { nullIsDefault: true, check: checkTls, refused: (name) => unavailable.get(name) && `${name} ${unavailable.get(name)}` });

/** The headers that the exporter toolkit lets one set. */
const headerNames = new Set(['Content-Security-Policy', 'X-Frame-Options', 'X-Content-Type-Options', 'X-XSS-Protection', 'Strict-Transport-Security']);

const httpKeys = {
  http2: key(bool, true, 'HTTP/2 for clients that ask for it.', { noEffect: 'has no effect here: the web server speaks HTTP/1.1' }),
  headers: key(mapOf(text, (name) => (headerNames.has(name) ? undefined : `header ${JSON.stringify(name)} can not be configured, expected one of ${[...headerNames].join(', ')}`)), new Map(), 'Headers of every answer.'),
};

/** What may be seen without credentials: a kubelet has none, and who scrapes need not. */
const openings = ['probes', 'metrics'] as const;
export type Opening = (typeof openings)[number];

const ownKeys = {
  bearer_token_files: key(mapOf(filePath), new Map(), 'Files that each hold the token of a client, by the name of the client.'),
  open: key(listOf(choice(openings, (value) => `unknown entry ${JSON.stringify(value)}`)), [], 'What is answered without credentials: `probes` are /-/healthy and /-/ready, `metrics` is /metrics.'),
};

export const webKeys = {
  tls_server_config: optional(tlsBlock, 'TLS of the web server. Whether it is there counts at the start.'),
  http_server_config: optional(block(httpKeys, { nullIsDefault: true }), 'HTTP of the web server.'),
  basic_auth_users: key(mapOf(secret), new Map(), 'Hashes of passwords (bcrypt), by user.'),
  tributary: optional(block(ownKeys, { nullIsDefault: true }), 'What the exporter toolkit does not have.'),
};
export type WebBlock = Block<typeof webKeys>;

/** Source: `$2a$`, `$2b$` and `$2y$` of bcrypt, cost and 53 characters. */
const bcryptHash = /^\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}$/;
/** A cost of 15 takes seconds; nobody who waits for it does so twice. */
const COST_MAX = 15;

export const webBlock = block(webKeys, { nullIsDefault: true, check: checkUsers });

function checkTls(at: WebTlsBlock): void {
  const { cert, cert_file: certFile, key: own, key_file: keyFile, client_ca: ca, client_ca_file: caFile, client_auth_type: auth, min_version: min, max_version: max } = at.values;
  checkOne(at, ['cert', cert], ['cert_file', certFile]);
  checkOne(at, ['key', own?.reveal() ?? ''], ['key_file', keyFile]);
  if (ca !== '' && caFile !== '') fail(at, 'client_ca_file', 'client_ca and client_ca_file are both given, expected one of them');
  if (auth !== 'NoClientCert' && ca === '' && caFile === '') fail(at, 'client_auth_type', `${auth} needs client_ca_file`);
  if (auth === 'NoClientCert' && (ca !== '' || caFile !== '')) fail(at, caFile === '' ? 'client_ca' : 'client_ca_file', 'a client CA without client_auth_type, expected client_auth_type: RequireAndVerifyClientCert');
  if (min > max) fail(at, 'min_version', `min_version ${min} is above max_version ${max}`);
}

function checkOne(at: WebTlsBlock, inline: readonly [string, string], file: readonly [string, string]): void {
  if ((inline[1] === '') === (file[1] === '')) fail(at, undefined, `expected exactly one of ${inline[0]} and ${file[0]}`);
}

function checkUsers(at: WebBlock): void {
  for (const [user, hash] of at.values.basic_auth_users) {
    const text = hash.reveal();
    if (!bcryptHash.test(text)) fail(at, 'basic_auth_users', `the hash of user ${JSON.stringify(user)} is none of bcrypt, expected the output of htpasswd -nBC 10 "" | tr -d ':'`);
    else if (Number(text.slice(4, 6)) > COST_MAX) fail(at, 'basic_auth_users', `the hash of user ${JSON.stringify(user)} has a cost of ${text.slice(4, 6)}, expected at most ${COST_MAX}`);
  }
  for (const name of at.values.tributary?.values.bearer_token_files.keys() ?? []) {
    if (at.values.basic_auth_users.has(name)) fail(at.values.tributary!, 'bearer_token_files', `client ${JSON.stringify(name)} is a user of basic_auth_users, too, expected each name once`);
  }
}
