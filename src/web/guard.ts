// The door of the web server, by `--web.config.file`: plain or TLS listeners whose certificate follows its file, and for each request who asks, before anything else is
// looked at. Without the file everybody may come in, as in Prometheus.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { text, type Answer } from './answer.ts';
import type { Opening, WebBlock } from './config.ts';
import { Credentials } from './credentials.ts';
import { openWebFile } from './web-file.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

export interface Guard {
  createServer(options: ServerOptions, listener: Listener): Server;
  /** The name of who asks, or the answer that sends him away. `opening` is what the path belongs to, if the file may open it to everybody. */
  admit(request: IncomingMessage, response: ServerResponse, opening?: Opening): Promise<{ readonly client: string } | Answer>;
}

/** An error that goes on is told again after this time, milliseconds. */
const TELL_AGAIN_MS = 600_000;

const openDoor: Guard = { createServer, admit: () => Promise.resolve({ client: '' }) };

/** What counts at the start. */
function authOf({ tls_server_config: tls }: WebBlock['values']): string {
  return tls?.values.client_auth_type ?? 'no TLS';
}

/** Fails with WEB_CONFIG_INVALID. `file`: '' for none. */
export function createGuard(file: string, logger: Logger): Guard {
  if (file === '') return openDoor;
  const opened = openWebFile(file);
  const credentials = new Credentials();
  const auth = authOf(opened.current());
  let lastError = '';
  let toldMs = -Infinity;
  let isOtherTold = false;

  /** Told once per change: what was added for safety is not in force yet. */
  function compare(values: WebBlock['values']): void {
    const isOther = authOf(values) !== auth;
    if (isOther && !isOtherTold) logger.error('whether there is TLS, and client_auth_type, take effect at the next start', { running: auth, wanted: authOf(values) });
    isOtherTold = isOther;
  }

  /** Each error once, and again after a while: who is let in all the same, such as users while a token cannot be read, is no sign that it is over. */
  function tell(error: unknown): void {
    const reason = errorText(error);
    const nowMs = performance.now();
    if (reason !== lastError || nowMs - toldMs >= TELL_AGAIN_MS) {
      logger.error('the web configuration is wrong, nobody is let in', { error: reason });
      toldMs = nowMs;
    }
    lastError = reason;
  }

  return {
    createServer(options, listener) {
      const tls = opened.tls();
      if (tls === undefined) return createServer(options, listener);
      const server = createTlsServer({ ...options, ...tls.options, requestCert: auth !== 'NoClientCert', rejectUnauthorized: auth === 'RequireAndVerifyClientCert' }, listener);
      // Of this server: each address has one.
      let { version } = tls;
      // Before the handshake begins.
      server.prependListener('connection', (socket: { destroy(): void }) => {
        try {
          const now = opened.tls();
          // Without authorities nobody's certificate is good, instead of everybody's who has one of a public authority.
          if (now !== undefined && now.version !== version) {
            server.setSecureContext({ ca: [], ...now.options });
            version = now.version;
          }
        } catch (error) {
          tell(error);
          socket.destroy();
        }
      });
      if (auth === 'VerifyClientCertIfGiven') server.on('secureConnection', (socket) => void (Object.keys(socket.getPeerCertificate()).length > 0 && !socket.authorized && socket.destroy()));
      return server;
    },

    async admit({ headers, socket }, response, opening) {
      try {
        const values = opened.current();
        compare(values);
        for (const [name, value] of values.http_server_config?.values.headers ?? []) response.setHeader(name, value);
        if (opening !== undefined && values.tributary?.values.open.includes(opening) === true) return { client: '' };
        const identity = await credentials.identify(headers.authorization, values, socket.remoteAddress ?? '');
        if (identity === 'unknown') return text(401, 'Unauthorized\n', { 'WWW-Authenticate': values.basic_auth_users.size > 0 ? 'Basic' : 'Bearer' });
        return identity === 'busy' ? text(503, 'too many passwords are being checked\n', { 'Retry-After': '1' }) : identity;
      } catch (error) {
        tell(error);
        return text(500, 'the web configuration is wrong\n');
      }
    },
  };
}
