// Settings of an HTTP client, as every section that talks HTTP has them (scrape_config, remote_write, http_sd ...).
// Source: Prometheus common/config HTTPClientConfig.

import { atMostOne, compact, filled, isSet, refuseReferences } from '../../config/build.ts';
import { block, defaultBlock, fail, key, optional, remark } from '../../config/schema.ts';
import type { Block, Values } from '../../config/schema.ts';
import { anything, bool, choice, filePath, listOf, mapOf, secret, text, url } from '../../config/types.ts';
import type { Secret } from '../../model/secret.ts';

export interface BasicAuthSettings {
  readonly username?: string;
  readonly usernameFile?: string;
  readonly password?: Secret;
  readonly passwordFile?: string;
}

/** `bearer_token` and `bearer_token_file` end up here as type `Bearer`. */
export interface AuthorizationSettings {
  readonly type: string;
  readonly credentials?: Secret;
  readonly credentialsFile?: string;
}

export interface TlsSettings {
  readonly ca?: string;
  readonly caFile?: string;
  readonly cert?: string;
  readonly certFile?: string;
  readonly key?: Secret;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify: boolean;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
}

export type TlsVersion = 'TLS10' | 'TLS11' | 'TLS12' | 'TLS13';

export interface ProxySettings {
  /** May hold a password: print it with `redactUrl`. */
  readonly url?: string;
  readonly noProxy?: string;
  readonly fromEnvironment: boolean;
  readonly connectHeaders: readonly { readonly name: string; readonly values: readonly Secret[] }[];
}

export interface OAuth2Settings {
  readonly clientId: string;
  readonly clientSecret?: Secret;
  readonly clientSecretFile?: string;
  readonly clientCertificateKey?: Secret;
  readonly clientCertificateKeyFile?: string;
  readonly clientCertificateKeyId?: string;
  readonly grantType: string;
  readonly signatureAlgorithm: 'RS256' | 'RS384' | 'RS512';
  readonly iss?: string;
  readonly audience?: string;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly scopes: readonly string[];
  readonly tokenUrl: string;
  readonly endpointParams: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
  readonly proxy: ProxySettings;
}

export interface Sigv4Settings {
  readonly region?: string;
  readonly accessKey?: string;
  readonly secretKey?: Secret;
  readonly profile?: string;
  readonly roleArn?: string;
  readonly externalId?: string;
  readonly useFipsStsEndpoint: boolean;
}

export interface HeaderSettings {
  readonly name: string;
  readonly values: readonly string[];
  readonly secrets: readonly Secret[];
  readonly files: readonly string[];
}

export interface HttpClientSettings {
  readonly basicAuth?: BasicAuthSettings;
  readonly authorization?: AuthorizationSettings;
  readonly oauth2?: OAuth2Settings;
  /** remote_write only. */
  readonly sigv4?: Sigv4Settings;
  readonly tls: TlsSettings;
  readonly proxy: ProxySettings;
  readonly followRedirects: boolean;
  readonly enableHttp2: boolean;
  /** `http_headers`, and the `headers` of a remote_write as values. */
  readonly headers: readonly HeaderSettings[];
}

export const defaultHttpClientSettings: HttpClientSettings = {
  tls: { insecureSkipVerify: false },
  proxy: { fromEnvironment: false, connectHeaders: [] },
  followRedirects: true,
  enableHttp2: true,
  headers: [],
};

const tlsVersion = choice<TlsVersion>(['TLS10', 'TLS11', 'TLS12', 'TLS13'], (value) => `unknown TLS version: ${value}`);

export const tlsKeys = {
  ca: optional(text, 'CA certificates (PEM) that the server is verified with, inline.', { defaultText: 'those of the system' }),
  ca_file: optional(filePath, 'File with the CA certificates; read again when it changes.'),
  ca_ref: optional(text, 'Name of a secret with the CA certificates. Needs a secret manager, of which there is none: refused.'),
  cert: optional(text, 'Client certificate (PEM), inline.'),
  cert_file: optional(filePath, 'File with the client certificate; read again when it changes.'),
  cert_ref: optional(text, 'Name of a secret with the client certificate: refused.'),
  key: optional(secret, 'Key of the client certificate (PEM), inline.'),
  key_file: optional(filePath, 'File with the key; read again when it changes.'),
  key_ref: optional(text, 'Name of a secret with the key: refused.'),
  server_name: optional(text, 'Name that the server certificate must carry, and that is sent as SNI.', { defaultText: 'host of the URL' }),
  insecure_skip_verify: key(bool, false, 'Accept any server certificate.'),
  min_version: optional(tlsVersion, 'Lowest TLS version.', { defaultText: 'TLS12' }),
  max_version: optional(tlsVersion, 'Highest TLS version.', { defaultText: 'TLS13' }),
};

function checkTls(tls: Block<typeof tlsKeys>): void {
  const { values } = tls;
  atMostOne(tls, ['ca', 'ca_file', 'ca_ref'], 'at most one of ca, ca_file & ca_ref must be configured');
  atMostOne(tls, ['cert', 'cert_file', 'cert_ref'], 'at most one of cert, cert_file & cert_ref must be configured');
  atMostOne(tls, ['key', 'key_file', 'key_ref'], 'at most one of key and key_file must be configured');
  const hasCert = isSet(values.cert) || isSet(values.cert_file) || isSet(values.cert_ref);
  const hasKey = isSet(values.key) || isSet(values.key_file) || isSet(values.key_ref);
  if (hasCert && !hasKey) fail(tls, undefined, 'exactly one of key or key_file must be configured when a client certificate is configured');
  if (hasKey && !hasCert) fail(tls, undefined, 'exactly one of cert or cert_file must be configured when a client key is configured');
  refuseReferences(tls, ['ca_ref', 'cert_ref', 'key_ref']);
  if (values.min_version !== undefined && values.max_version !== undefined && values.max_version < values.min_version) {
    remark(tls, 'max_version', 'warning', 'tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified: no connection will succeed');
  }
}

export const tlsBlock = block(tlsKeys, { check: checkTls });

const connectHeaders = mapOf(listOf(secret));

export const proxyKeys = {
  proxy_url: optional(url, 'Proxy that all requests go through.'),
  no_proxy: optional(text, 'Comma-separated hosts, domains and networks that are asked without the proxy.'),
  proxy_from_environment: key(bool, false, 'Take the proxy from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.'),
  proxy_connect_header: key(connectHeaders, new Map<string, readonly Secret[]>(), 'Headers sent to the proxy with CONNECT.'),
};

function checkProxy(at: Block<typeof proxyKeys>): void {
  const { proxy_url: proxyUrl, no_proxy: noProxy, proxy_from_environment: fromEnvironment, proxy_connect_header: headers } = at.values;
  const hasUrl = isSet(proxyUrl) || at.bad.has('proxy_url');
  if (headers.size > 0 && !fromEnvironment && !hasUrl) {
    fail(at, 'proxy_connect_header', 'if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured');
  }
  if (fromEnvironment && hasUrl) fail(at, 'proxy_url', 'if proxy_from_environment is configured, proxy_url must not be configured');
  if (fromEnvironment && isSet(noProxy)) fail(at, 'no_proxy', 'if proxy_from_environment is configured, no_proxy must not be configured');
  if (!fromEnvironment && !hasUrl && isSet(noProxy)) fail(at, 'no_proxy', 'if no_proxy is configured, proxy_url must also be configured');
}

export const basicAuthKeys = {
  username: optional(text, 'User name.'),
  username_file: optional(filePath, 'File with the user name; read at each use.'),
  username_ref: optional(text, 'Name of a secret with the user name. Needs a secret manager, of which there is none: refused.'),
  password: optional(secret, 'Password.'),
  password_file: optional(filePath, 'File with the password; read at each use.'),
  password_ref: optional(text, 'Name of a secret with the password: refused.'),
};

export const basicAuthBlock = block(basicAuthKeys, {
  check(auth) {
    atMostOne(auth, ['username', 'username_file', 'username_ref'], 'at most one of basic_auth username, username_file & username_ref must be configured');
    atMostOne(auth, ['password', 'password_file', 'password_ref'], 'at most one of basic_auth password, password_file & password_ref must be configured');
    refuseReferences(auth, ['username_ref', 'password_ref']);
  },
});

export const authorizationKeys = {
  type: key(text, 'Bearer', 'First word of the Authorization header.'),
  credentials: optional(secret, 'The rest of the Authorization header.'),
  credentials_file: optional(filePath, 'File with the credentials; read at each use.'),
  credentials_ref: optional(text, 'Name of a secret with the credentials. Needs a secret manager, of which there is none: refused.'),
};

export const authorizationBlock = block(authorizationKeys, {
  check(auth) {
    const files = ['credentials', 'credentials_file', 'credentials_ref'];
    atMostOne(auth, files, 'at most one of authorization credentials & credentials_file must be configured');
    refuseReferences(auth, ['credentials_ref']);
    if (auth.values.type.trim().toLowerCase() === 'basic') fail(auth, 'type', 'authorization type cannot be set to "basic", use "basic_auth" instead');
  },
});

const clientCredentials = 'client_credentials';
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const signatureAlgorithm = choice<'' | 'RS256' | 'RS384' | 'RS512'>(['', 'RS256', 'RS384', 'RS512'], () => 'valid signature algorithms are RS256, RS384 and RS512');

export const oauth2Keys = {
  client_id: key(text, '', 'Name of this client at the authorization server.', { limit: 'required' }),
  client_secret: optional(secret, 'Secret of this client.'),
  client_secret_file: optional(filePath, 'File with the secret; read at each use, and a new token is fetched when it changed.'),
  client_secret_ref: optional(text, 'Name of a secret. Needs a secret manager, of which there is none: refused.'),
  client_certificate_key: optional(secret, 'Private key (PEM) that signs the JWT of the jwt-bearer grant.'),
  client_certificate_key_file: optional(filePath, 'File with that key.'),
  client_certificate_key_ref: optional(text, 'Name of a secret with that key: refused.'),
  client_certificate_key_id: optional(text, 'Key id (`kid`) in the header of the JWT.'),
  grant_type: key(text, clientCredentials, `Grant: \`${clientCredentials}\` or \`${jwtBearer}\`.`),
  signature_algorithm: key(signatureAlgorithm, '', 'How the JWT is signed.', { defaultText: 'RS256' }),
  iss: optional(text, 'Issuer of the JWT.', { defaultText: 'client_id' }),
  audience: optional(text, 'Audience of the JWT.', { defaultText: 'token_url' }),
  claims: key(mapOf(anything), new Map<string, unknown>(), 'Further claims of the JWT.'),
  scopes: key(listOf(text), [], 'Scopes of the token.'),
  token_url: key(text, '', 'Where tokens are fetched.', { limit: 'required' }),
  endpoint_params: key(mapOf(text), new Map<string, string>(), 'Further parameters of the token request.'),
  tls_config: key(tlsBlock, defaultBlock(tlsKeys), 'TLS towards the authorization server.'),
  ...proxyKeys,
};

function checkOAuth2(oauth: Block<typeof oauth2Keys>): void {
  const { values } = oauth;
  const jwt = values.grant_type === jwtBearer;
  if (values.client_id === '' && !oauth.bad.has('client_id')) fail(oauth, undefined, 'oauth2 client_id must be configured');
  if (values.token_url === '' && !oauth.bad.has('token_url')) fail(oauth, undefined, 'oauth2 token_url must be configured');
  if (jwt) {
    const names = ['client_certificate_key', 'client_certificate_key_file', 'client_certificate_key_ref'];
    atMostOne(oauth, names, `at most one of oauth2 client_certificate_key, client_certificate_key_file & client_certificate_key_ref must be configured using grant-type=${jwtBearer}`);
  } else {
    const names = ['client_secret', 'client_secret_file', 'client_secret_ref'];
    atMostOne(oauth, names, `at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured using grant-type=${clientCredentials}`);
  }
  refuseReferences(oauth, ['client_secret_ref', 'client_certificate_key_ref']);
  checkProxy(oauth);
}

export const oauth2Block = block(oauth2Keys, { check: checkOAuth2 });

/** Headers that the client sets itself. In lower case. */
const reservedHeaders = new Set([
  'authorization', 'host', 'content-encoding', 'content-length', 'content-type', 'user-agent', 'connection', 'keep-alive', 'proxy-authenticate',
  'proxy-authorization', 'www-authenticate', 'accept-encoding', 'x-prometheus-remote-write-version', 'x-prometheus-remote-read-version',
  'x-prometheus-scrape-timeout-seconds', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256',
]);

export const headerKeys = {
  values: key(listOf(text), [], 'Values of the header.'),
  secrets: key(listOf(secret), [], 'Values that are never printed.'),
  files: key(listOf(filePath), [], 'Files with values; read at each use.'),
};
const headersMap = mapOf(block(headerKeys), (name) => (reservedHeaders.has(name.toLowerCase()) ? `setting header ${JSON.stringify(name)} is not allowed` : undefined));

/** The keys that a section gets that talks HTTP. */
export const httpClientKeys = {
  basic_auth: optional(basicAuthBlock, 'User name and password.'),
  authorization: optional(authorizationBlock, 'Authorization header.'),
  oauth2: optional(oauth2Block, 'Token from an OAuth 2.0 server.'),
  bearer_token: optional(secret, 'Old form of `authorization.credentials`.'),
  bearer_token_file: optional(filePath, 'Old form of `authorization.credentials_file`.'),
  tls_config: key(tlsBlock, defaultBlock(tlsKeys), 'TLS towards the server.'),
  follow_redirects: key(bool, true, 'Follow 3xx answers; else they are failures.'),
  enable_http2: key(bool, true, 'Allow HTTP/2; requests go out with HTTP/1.1 until it exists here.'),
  ...proxyKeys,
  http_headers: key(headersMap, new Map<string, Block<typeof headerKeys>>(), 'Further headers by name.'),
};
export type HttpClientBlock = Block<typeof httpClientKeys>;

/** Checks the keys of `httpClientKeys` in the section that spreads them. */
export function checkHttpClient(at: HttpClientBlock): void {
  const { values } = at;
  const bearer = isSet(values.bearer_token) || isSet(values.bearer_token_file);
  const others = [values.basic_auth, values.oauth2].filter((auth) => auth !== undefined).length;
  atMostOne(at, ['bearer_token', 'bearer_token_file'], 'at most one of bearer_token & bearer_token_file must be configured');
  if (bearer && others > 0) fail(at, undefined, 'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured');
  if (bearer && values.authorization !== undefined) fail(at, undefined, 'authorization is not compatible with bearer_token & bearer_token_file');
  if (others + (values.authorization === undefined ? 0 : 1) > 1) fail(at, undefined, 'at most one of basic_auth, oauth2 & authorization must be configured');
  checkProxy(at);
}

/** The settings of a section that spreads `httpClientKeys`. */
export function buildHttpClient(values: Values<typeof httpClientKeys>): HttpClientSettings {
  return compact({
    basicAuth: values.basic_auth === undefined ? undefined : buildBasicAuth(values.basic_auth.values),
    authorization: buildAuthorization(values),
    oauth2: values.oauth2 === undefined ? undefined : buildOAuth2(values.oauth2.values),
    tls: buildTls(values.tls_config.values),
    proxy: buildProxy(values),
    followRedirects: values.follow_redirects,
    enableHttp2: values.enable_http2,
    headers: [...values.http_headers].map(([name, header]) => ({ name, ...header.values })),
  });
}

function buildBasicAuth(values: Values<typeof basicAuthKeys>): BasicAuthSettings {
  return compact({
    username: filled(values.username),
    usernameFile: filled(values.username_file),
    password: filled(values.password),
    passwordFile: filled(values.password_file),
  });
}

function buildAuthorization(values: Values<typeof httpClientKeys>): AuthorizationSettings | undefined {
  const own = values.authorization?.values;
  const credentials = filled(own?.credentials ?? values.bearer_token);
  const credentialsFile = filled(own?.credentials_file ?? values.bearer_token_file);
  if (own === undefined && credentials === undefined && credentialsFile === undefined) return undefined;
  const type = own?.type.trim() ?? '';
  return compact({ type: type === '' ? 'Bearer' : type, credentials, credentialsFile });
}

function buildOAuth2(values: Values<typeof oauth2Keys>): OAuth2Settings {
  return compact({
    clientId: values.client_id,
    clientSecret: filled(values.client_secret),
    clientSecretFile: filled(values.client_secret_file),
    clientCertificateKey: filled(values.client_certificate_key),
    clientCertificateKeyFile: filled(values.client_certificate_key_file),
    clientCertificateKeyId: filled(values.client_certificate_key_id),
    grantType: values.grant_type === '' ? clientCredentials : values.grant_type,
    signatureAlgorithm: values.signature_algorithm === '' ? 'RS256' : values.signature_algorithm,
    iss: filled(values.iss),
    audience: filled(values.audience),
    claims: Object.fromEntries(values.claims),
    scopes: values.scopes,
    tokenUrl: values.token_url,
    endpointParams: Object.fromEntries(values.endpoint_params),
    tls: buildTls(values.tls_config.values),
    proxy: buildProxy(values),
  });
}

function buildTls(values: Values<typeof tlsKeys>): TlsSettings {
  return compact({
    ca: filled(values.ca),
    caFile: filled(values.ca_file),
    cert: filled(values.cert),
    certFile: filled(values.cert_file),
    key: filled(values.key),
    keyFile: filled(values.key_file),
    serverName: filled(values.server_name),
    insecureSkipVerify: values.insecure_skip_verify,
    minVersion: values.min_version,
    maxVersion: values.max_version,
  });
}

function buildProxy(values: Values<typeof proxyKeys>): ProxySettings {
  return compact({
    url: filled(values.proxy_url),
    noProxy: filled(values.no_proxy),
    fromEnvironment: values.proxy_from_environment,
    connectHeaders: [...values.proxy_connect_header].map(([name, values]) => ({ name, values })),
  });
}
