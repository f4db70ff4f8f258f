// Why a request failed. Texts are those of Go's client where users know them from Prometheus' target page; the class sorts them for metrics.

import { errorText } from '../../model/error.ts';

export type HttpErrorClass = 'dns' | 'refused' | 'unreachable' | 'timeout' | 'tls' | 'connection' | 'configuration';

export class HttpError extends Error {
  readonly class: HttpErrorClass;
  /** Whether a byte of the request may have reached the server. */
  readonly sent: boolean;

  constructor(errorClass: HttpErrorClass, message: string, options?: { cause?: unknown; sent?: boolean }) {
    super(message, options);
    this.sent = options?.sent ?? true;
    this.name = 'HttpError';
    this.class = errorClass;
  }
}

export const DEADLINE_TEXT = 'context deadline exceeded';

type Row = readonly [errorClass: HttpErrorClass, text: string];

/** System errors while dialling, as Go prints them behind `dial tcp <address>: `. */
const DIAL_ERRORS: Readonly<Record<string, Row>> = {
  ECONNREFUSED: ['refused', 'connect: connection refused'],
  EHOSTUNREACH: ['unreachable', 'connect: no route to host'],
  ENETUNREACH: ['unreachable', 'connect: network is unreachable'],
  EADDRNOTAVAIL: ['unreachable', 'connect: cannot assign requested address'],
  EHOSTDOWN: ['unreachable', 'connect: host is down'],
  ETIMEDOUT: ['timeout', 'connect: connection timed out'],
  ECONNRESET: ['connection', 'connect: connection reset by peer'],
  EACCES: ['connection', 'connect: permission denied'],
  EPERM: ['connection', 'connect: operation not permitted'],
  EMFILE: ['connection', 'socket: too many open files'],
  ENFILE: ['connection', 'socket: too many open files in system'],
};

const DNS_ERRORS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  ENODATA: 'no such host',
  EAI_AGAIN: 'Temporary failure in name resolution',
};

/** A failed TCP connection to `host:port`. */
export function dialError(error: unknown, host: string, port: number): HttpError {
  const system = systemError(error);
  const dns = DNS_ERRORS[system.code];
  if (dns !== undefined || system.syscall === 'getaddrinfo') {
    return new HttpError('dns', `dial tcp: lookup ${host}: ${dns ?? system.text}`, { cause: error });
  }
  // Another endpoint may be allowed: to who sends, this one is out of reach.
  if (system.code === 'ADDRESS_REFUSED') return new HttpError('unreachable', `dial tcp ${joinHostPort(system.address ?? host, port)}: ${system.text}`, { cause: error });
  const [errorClass, text] = DIAL_ERRORS[system.code] ?? ['connection', system.text];
  return new HttpError(errorClass, `dial tcp ${joinHostPort(system.address ?? host, port)}: ${text}`, { cause: error });
}

const UNKNOWN_AUTHORITY = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
const TLS_ERRORS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  ERR_SSL_WRONG_VERSION_NUMBER: 'http: server gave HTTP response to HTTPS client',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls: no supported versions satisfy MinVersion and MaxVersion',
};

/** OpenSSL's other verdicts on a certificate, by the words of their codes. */
const VERIFICATION = /^(CERT_|CRL_|INVALID_|PATH_LENGTH_|HOSTNAME_MISMATCH|UNABLE_TO_|ERROR_IN_|ERR_TLS_CERT_)/;
/**
 * Alerts by which a peer refuses who we are or what we speak; it says the same until somebody changes something. Other alerts (bad record MAC,
 * decode error, internal error) come from links that damage bytes and from servers in trouble.
 */
const REFUSAL = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY|UNRECOGNIZED_NAME|NO_APPLICATION_PROTOCOL/;

/**
 * A failed TLS handshake: `tls` when the two sides do not agree, about a certificate or a version, which somebody has to put right; `connection`
 * when the link or the peer broke it off.
 */
export function tlsError(error: unknown): HttpError {
  const { code, text } = systemError(error);
  const alert = alertError(error, code);
  if (alert !== undefined) return alert;
  const known = TLS_ERRORS[code];
  if (known !== undefined) return new HttpError('tls', known, { cause: error });
  if (VERIFICATION.test(code)) return new HttpError('tls', `tls: failed to verify certificate: x509: ${text}`, { cause: error });
  return new HttpError('connection', code === 'ECONNRESET' ? 'EOF' : `tls: ${text}`, { cause: error });
}

/** An error on an open connection. `started`: the first byte of the answer has arrived. */
export function connectionError(error: unknown, started: boolean): HttpError {
  if (error instanceof HttpError) return error;
  const { code, text } = systemError(error);
  const alert = alertError(error, code);
  if (alert !== undefined) return alert;
  if (code === 'ECONNRESET') return new HttpError('connection', 'read: connection reset by peer', { cause: error });
  if (code === 'EPIPE') return new HttpError('connection', 'write: broken pipe', { cause: error });
  if (isEndOfStream(code, text)) return new HttpError('connection', started ? 'unexpected EOF' : 'EOF', { cause: error });
  if ((error as Error).name === 'HTTPParserError') return new HttpError('connection', `malformed HTTP response: ${text}`, { cause: error });
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new HttpError('connection', 'server response headers exceeded the limit', { cause: error });
  if (code === 'UND_ERR_INVALID_ARG') return new HttpError('configuration', text, { cause: error });
  return new HttpError('connection', text, { cause: error });
}

/** The peer closed or reset the connection; whether a byte of the answer had come is for the caller to know. */
export function isPeerGone(error: unknown): boolean {
  const { code } = systemError(error);
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** Go's url.Error: `Get "http://host/path": <error>`. */
export function withRequest(error: HttpError, method: string, shownUrl: string, sent: boolean): HttpError {
  const operation = method.charAt(0).toUpperCase() + method.slice(1).toLowerCase();
  return new HttpError(error.class, `${operation} "${shownUrl}": ${error.message}`, { cause: error.cause ?? error, sent });
}

/** `host:port`, with brackets around an IPv6 address. */
export function joinHostPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function isEndOfStream(code: string, text: string): boolean {
  return code === 'UND_ERR_SOCKET' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || text.includes('Invalid EOF state');
}

/** `ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED` becomes `remote error: tls: certificate required`. */
function alertError(error: unknown, code: string): HttpError | undefined {
  const alert = /^ERR_SSL_.*ALERT_(?:NUMBER_)?(.+)$/.exec(code)?.[1];
  if (alert === undefined) return undefined;
  return new HttpError(REFUSAL.test(alert) ? 'tls' : 'connection', `remote error: tls: ${alert.toLowerCase().replaceAll('_', ' ')}`, { cause: error });
}

interface SystemError {
  readonly code: string;
  readonly text: string;
  readonly syscall?: string | undefined;
  readonly address?: string | undefined;
}

/** Of several failed addresses the first one is told, as Go does. */
function systemError(error: unknown): SystemError {
  const one: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { code, syscall, address } = one as { code?: unknown; syscall?: string; address?: string };
  return { code: typeof code === 'string' ? code : '', text: errorText(one), syscall, address };
}
