// Who we are, per request: basic auth, a token, OAuth 2 or an AWS signature. Credentials that live in files are read at each use.

import type { Clock } from '../clock.ts';
import { createAwsSigner } from './aws.ts';
import type { HttpClientSettings } from './config.ts';
import { createOAuth2 } from './oauth2.ts';
import { basicCredentials } from './proxy.ts';
import { readSecretFile } from './secret-file.ts';
import type { HttpClient, HttpClientOptions } from './types.ts';
import type { ParsedUrl } from './url.ts';

/** Name, value, name, value ... */
export type HeaderList = readonly string[];

export interface AuthRequest {
  readonly method: string;
  readonly url: ParsedUrl;
  /** What is sent besides credentials; AWS signs some of it. */
  readonly headers: HeaderList;
  readonly body: Uint8Array | undefined;
  /** Ends with the request it is for. */
  readonly timeoutMs: number;
}

export interface Authenticator {
  /** Set when the headers never change, so that they can be worked out once. */
  readonly fixed: HeaderList | undefined;
  /** Headers of one request; a promise only when something has to be fetched. Throws or rejects with an HttpError. */
  headers(request: AuthRequest): HeaderList | Promise<HeaderList>;
  /** Tells that the server refused `headers` with 401. True when other ones can be had. */
  refused(): boolean;
}

export interface AuthDependencies {
  readonly clock: Clock;
  readonly options: HttpClientOptions;
  /** Makes the clients for token and STS requests. */
  readonly createClient: (settings: HttpClientSettings) => HttpClient;
}

export function createAuthenticator(settings: HttpClientSettings, deps: AuthDependencies): Authenticator {
  if (settings.oauth2 !== undefined) return createOAuth2(settings.oauth2, deps);
  if (settings.sigv4 !== undefined) return createAwsSigner(settings.sigv4, deps);
  if (settings.basicAuth !== undefined) return basic(settings.basicAuth);
  if (settings.authorization !== undefined) return token(settings.authorization);
  return fixedHeaders([]);
}

function basic(settings: NonNullable<HttpClientSettings['basicAuth']>): Authenticator {
  const { usernameFile, passwordFile } = settings;
  const headers = () => {
    const user = usernameFile === undefined ? (settings.username ?? '') : readSecretFile(usernameFile, 'basic auth username');
    const password = passwordFile === undefined ? (settings.password?.reveal() ?? '') : readSecretFile(passwordFile, 'basic auth password');
    return ['Authorization', basicCredentials(user, password)];
  };
  return usernameFile === undefined && passwordFile === undefined ? fixedHeaders(headers()) : { ...fixedHeaders(undefined), headers };
}

function token(settings: NonNullable<HttpClientSettings['authorization']>): Authenticator {
  const { credentials, credentialsFile } = settings;
  const type = settings.type.trim() === '' ? 'Bearer' : settings.type.trim();
  if (credentialsFile === undefined) {
    return fixedHeaders(credentials === undefined ? [] : ['Authorization', `${type} ${credentials.reveal()}`]);
  }
  const headers = () => ['Authorization', `${type} ${readSecretFile(credentialsFile, 'authorization credentials')}`];
  return { ...fixedHeaders(undefined), headers };
}

function fixedHeaders(fixed: HeaderList | undefined): Authenticator {
  return { fixed, headers: () => fixed ?? [], refused: () => false };
}
