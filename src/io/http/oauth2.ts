// OAuth 2: client credentials (RFC 6749 section 4.4) and JWT bearer (RFC 7523). One token serves all requests of the client until shortly before
// it expires, the secret changes, or a server answers 401.

import { createSign, randomUUID } from 'node:crypto';
import { errorText } from '../../model/error.ts';
import type { AuthDependencies, AuthRequest, Authenticator, HeaderList } from './auth.ts';
import type { OAuth2Settings } from './config.ts';
import { HttpError } from './error.ts';
import { basicCredentials } from './proxy.ts';
import { readSecretFile } from './secret-file.ts';
import type { HttpClient } from './types.ts';

/** A token is replaced this long before it expires, as Go's oauth2 does, so that it does not expire on its way. */
const EXPIRY_MARGIN_MS = 10_000;
/** Life of an assertion; servers refuse much longer ones. */
const ASSERTION_LIFE_SECONDS = 3600;
/** A token answer is a small JSON object; Go reads at most this much. */
const ANSWER_BYTES_MAX = 1024 * 1024;
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

interface Token {
  readonly headers: HeaderList;
  /** On the monotonic clock; Infinity when the server names no life. */
  readonly validUntilMs: number;
  readonly secret: string;
}

export function createOAuth2(settings: OAuth2Settings, deps: AuthDependencies): Authenticator {
  return new OAuth2(settings, deps);
}

class OAuth2 implements Authenticator {
  readonly fixed = undefined;
  readonly #settings: OAuth2Settings;
  readonly #deps: AuthDependencies;
  readonly #client: HttpClient;
  #token: Token | undefined;
  #fetching: { readonly secret: string; readonly headers: Promise<HeaderList> } | undefined;

  constructor(settings: OAuth2Settings, deps: AuthDependencies) {
    this.#settings = settings;
    this.#deps = deps;
    const { tls, proxy } = settings;
    this.#client = deps.createClient({ tls, proxy, followRedirects: true, enableHttp2: false, headers: [] });
  }

  headers(request: AuthRequest): HeaderList | Promise<HeaderList> {
    const secret = this.#secret();
    const token = this.#token;
    if (token?.secret === secret && this.#deps.clock.monotonicMs() < token.validUntilMs) return token.headers;
    if (this.#fetching?.secret === secret) return this.#fetching.headers;
    const headers = this.#fetch(secret, request.timeoutMs);
    this.#fetching = { secret, headers };
    return headers;
  }

  refused(): boolean {
    this.#token = undefined;
    return true;
  }

  #secret(): string {
    const s = this.#settings;
    if (s.grantType === JWT_BEARER_GRANT) {
      if (s.clientCertificateKeyFile !== undefined) return readSecretFile(s.clientCertificateKeyFile, 'oauth2 client certificate key');
      return s.clientCertificateKey?.reveal() ?? '';
    }
    if (s.clientSecretFile !== undefined) return readSecretFile(s.clientSecretFile, 'oauth2 client secret');
    return s.clientSecret?.reveal() ?? '';
  }

  async #fetch(secret: string, timeoutMs: number): Promise<HeaderList> {
    try {
      const token = await this.#request(secret, timeoutMs);
      this.#token = token;
      return token.headers;
    } finally {
      this.#fetching = undefined;
    }
  }

  async #request(secret: string, timeoutMs: number): Promise<Token> {
    const jwt = this.#settings.grantType === JWT_BEARER_GRANT;
    const form = jwt ? this.#assertionForm(secret) : this.#credentialsForm();
    for (const [name, value] of Object.entries(this.#settings.endpointParams)) form.set(name, value);
    if (jwt) return this.#post(form, [], secret, timeoutMs);
    const { clientId } = this.#settings;
    const credentials = basicCredentials(encodeURIComponent(clientId), encodeURIComponent(secret));
    try {
      return await this.#post(form, ['Authorization', credentials], secret, timeoutMs);
    } catch (error) {
      // Some servers take the client's name and secret only in the form (RFC 6749 section 2.3.1 allows both).
      if (!(error instanceof TokenRefused)) throw error;
      form.set('client_id', clientId);
      form.set('client_secret', secret);
      return this.#post(form, [], secret, timeoutMs);
    }
  }

  #credentialsForm(): URLSearchParams {
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (this.#settings.scopes.length > 0) form.set('scope', this.#settings.scopes.join(' '));
    return form;
  }

  #assertionForm(key: string): URLSearchParams {
    return new URLSearchParams({ grant_type: JWT_BEARER_GRANT, assertion: signAssertion(this.#settings, key, this.#deps.clock.nowMs()) });
  }

  async #post(form: URLSearchParams, authorization: HeaderList, secret: string, timeoutMs: number): Promise<Token> {
    const sentAtMs = this.#deps.clock.monotonicMs();
    const answer = await this.#client.request({
      method: 'POST',
      url: this.#settings.tokenUrl,
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded',
        ...(authorization[1] === undefined ? {} : { Authorization: authorization[1] }),
      },
      body: Buffer.from(form.toString()),
      timeoutMs,
      maxBodyBytes: ANSWER_BYTES_MAX,
    });
    const text = answer.body.toString('utf8');
    if (answer.status < 200 || answer.status > 299) throw new TokenRefused(answer.status, text);
    return parseToken(text, answer.headers['content-type'] ?? '', sentAtMs, secret);
  }
}

class TokenRefused extends HttpError {
  constructor(status: number, text: string) {
    super('configuration', `oauth2: cannot fetch token: ${status}\nResponse: ${text.slice(0, 200)}`);
  }
}

function parseToken(text: string, contentType: string, sentAtMs: number, secret: string): Token {
  const fields = /^(application\/x-www-form-urlencoded|text\/plain)/.test(contentType)
    ? Object.fromEntries(new URLSearchParams(text))
    : parseJsonObject(text);
  const { access_token: access, token_type: type, expires_in: life } = fields as Readonly<Record<string, unknown>>;
  if (typeof access !== 'string' || access === '') throw new HttpError('configuration', 'oauth2: server response missing access_token');
  const lifeMs = Number(life ?? 0) * 1000;
  return {
    headers: ['Authorization', `${tokenType(type)} ${access}`],
    validUntilMs: lifeMs > 0 ? sentAtMs + lifeMs - EXPIRY_MARGIN_MS : Infinity,
    secret,
  };
}

/** Servers write the type in any case; other servers insist on `Bearer`. */
function tokenType(type: unknown): string {
  if (typeof type !== 'string' || type === '' || type.toLowerCase() === 'bearer') return 'Bearer';
  return { mac: 'MAC', basic: 'Basic' }[type.toLowerCase()] ?? type;
}

function parseJsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw new HttpError('configuration', `oauth2: cannot parse json: ${errorText(cause)}`, { cause });
  }
  throw new HttpError('configuration', 'oauth2: cannot parse json: no object');
}

/** A signed JWT that asserts our identity. Throws HttpError `configuration` for a key that is none. */
export function signAssertion(settings: OAuth2Settings, key: string, nowMs: number): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const header = { alg: settings.signatureAlgorithm, typ: 'JWT', kid: settings.clientCertificateKeyId };
  const iss = settings.iss ?? settings.clientId;
  const claims = {
    iss,
    sub: settings.clientId,
    aud: settings.audience ?? settings.tokenUrl,
    iat: issuedAt,
    exp: issuedAt + ASSERTION_LIFE_SECONDS,
    jti: randomUUID(),
    ...(settings.scopes.length > 0 ? { scope: settings.scopes.join(' ') } : {}),
    ...settings.claims,
  };
  const input = `${encodePart(header)}.${encodePart(claims)}`;
  try {
    return `${input}.${createSign(`RSA-SHA${settings.signatureAlgorithm.slice(2)}`).update(input).sign(key, 'base64url')}`;
  } catch (cause) {
    throw new HttpError('configuration', `oauth2: cannot sign with the client certificate key: ${errorText(cause)}`, { cause });
  }
}

function encodePart(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
