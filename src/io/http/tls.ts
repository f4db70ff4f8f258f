// TLS material of one client: which authorities are trusted and which certificate is shown. Files are read before each use and a new secure
// context is made only when their content has changed; connections of an older generation are then closed by the pool.

import { existsSync, readFileSync } from 'node:fs';
import { checkServerIdentity, createSecureContext, rootCertificates } from 'node:tls';
import type { ConnectionOptions, SecureContext, SecureVersion } from 'node:tls';
import { errorText } from '../../model/error.ts';
import type { TlsSettings, TlsVersion } from './config.ts';
import { HttpError } from './error.ts';
import { readTextFile } from './secret-file.ts';

export interface TlsMaterial {
  /** Grows with each change of the content. */
  readonly generation: number;
  /** What `tls.connect` needs to reach `hostname`, without socket and address. */
  connectOptions(hostname: string): ConnectionOptions;
}

export interface TlsSource {
  /** The material in force. Throws HttpError `configuration` for an unreadable file, `tls` for content that is no certificate or key. */
  current(): TlsMaterial;
}

const VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' };

export function createTlsSource(settings: TlsSettings): TlsSource {
  let content: string | undefined;
  let material: TlsMaterial | undefined;
  return {
    current() {
      if (material !== undefined && !usesFiles(settings)) return material;
      const read = readContent(settings);
      const key = JSON.stringify(read);
      if (material !== undefined && key === content) return material;
      material = buildMaterial(settings, read, (material?.generation ?? 0) + 1);
      content = key;
      return material;
    },
  };
}

interface TlsContent {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

function usesFiles(settings: TlsSettings): boolean {
  return settings.caFile !== undefined || settings.certFile !== undefined || settings.keyFile !== undefined;
}

function readContent(settings: TlsSettings): TlsContent {
  const ca = settings.ca ?? readIf(settings.caFile, 'CA cert');
  const cert = settings.cert ?? readIf(settings.certFile, 'client cert');
  const key = settings.key?.reveal() ?? readIf(settings.keyFile, 'client key');
  return { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
}

function readIf(path: string | undefined, what: string): string | undefined {
  return path === undefined ? undefined : readTextFile(path, what);
}

function buildMaterial(settings: TlsSettings, content: TlsContent, generation: number): TlsMaterial {
  const secureContext = needsOwnContext(settings, content) ? buildContext(settings, content) : systemContext();
  const { serverName, insecureSkipVerify } = settings;
  return {
    generation,
    connectOptions(hostname) {
      const name = serverName ?? hostname;
      return {
        secureContext,
        // An IP address may not be sent as server name indication (RFC 6066 section 3); the certificate is checked against it all the same.
        servername: isIpAddress(name) ? '' : name,
        rejectUnauthorized: !insecureSkipVerify,
        checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
        ALPNProtocols: ['http/1.1'],
      };
    },
  };
}

function needsOwnContext(settings: TlsSettings, content: TlsContent): boolean {
  return content.ca !== undefined || content.cert !== undefined || settings.minVersion !== undefined || settings.maxVersion !== undefined;
}

function buildContext(settings: TlsSettings, content: TlsContent): SecureContext {
  checkVersions(settings);
  if (content.ca !== undefined && !content.ca.includes('-----BEGIN')) {
    throw new HttpError('configuration', `unable to use specified CA cert ${settings.caFile ?? '<inline>'}`);
  }
  const minVersion = settings.minVersion ?? 'TLS12';
  try {
    return createSecureContext({
      ca: content.ca ?? systemAuthorities(),
      minVersion: VERSIONS[minVersion],
      maxVersion: VERSIONS[settings.maxVersion ?? 'TLS13'],
      ...(content.cert === undefined ? {} : { cert: content.cert }),
      ...(content.key === undefined ? {} : { key: content.key }),
      // OpenSSL 3 allows TLS 1.0 and 1.1 only on its lowest security level.
      ...(minVersion < 'TLS12' ? { ciphers: 'DEFAULT@SECLEVEL=0' } : {}),
    });
  } catch (cause) {
    throw new HttpError('configuration', `unable to use the TLS certificate, key or CA: ${errorText(cause)}`, { cause });
  }
}

function checkVersions({ minVersion, maxVersion }: TlsSettings): void {
  if (minVersion === undefined || maxVersion === undefined || minVersion <= maxVersion) return;
  throw new HttpError('configuration', 'tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified');
}

/** Where Go looks for the system's authorities on Linux. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

let sharedContext: SecureContext | undefined;
let authorities: string | undefined;

/** One context for everybody without TLS settings: building one with all public authorities takes ten milliseconds and a megabyte. */
function systemContext(): SecureContext {
  return (sharedContext ??= createSecureContext({ ca: systemAuthorities(), minVersion: 'TLSv1.2' }));
}

/** The system's bundle (a company's own authority is usually mounted there), or Node's where there is none. Read once, as Go does. */
function systemAuthorities(): string {
  const files = [process.env['SSL_CERT_FILE'], ...BUNDLES].filter((path) => path !== undefined && existsSync(path));
  return (authorities ??= files[0] === undefined ? rootCertificates.join('\n') : readFileSync(files[0], 'utf8'));
}

function isIpAddress(name: string): boolean {
  return name.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}
