// Settings of an HTTP client, as every section that talks HTTP has them (scrape_config, remote_write, http_sd ...).
// Source: Prometheus common/config HTTPClientConfig.

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
