// The door of the web server, by `--web.config.file`: plain or TLS listeners whose certificate follows its file, and for each request who asks, before anything else is
// looked at. Without the file everybody may come in, as in Prometheus.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { errorText } from '../model/error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { text, type Answer } from './answer.ts';
import type { Opening } from './config.ts';
import { Credentials } from './credentials.ts';
import { openWebFile } from './web-file.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

export interface Guard {
  createServer(options: ServerOptions, listener: Listener): Server;
  /** The name of who asks, or the answer that sends him away. `opening` is what the path belongs to, if the file may open it to everybody. */
  admit(request: IncomingMessage, response: ServerResponse, opening?: Opening): Promise<{ readonly client: string } | Answer>;
}

const openDoor: Guard = { createServer, admit: () => Promise.resolve({ client: '' }) };

/** Fails with WEB_CONFIG_INVALID. `file`: '' for none. */
export function createGuard(file: string, logger: Logger): Guard {
  if (file === '') return openDoor;
  const opened = openWebFile(file);
  const credentials = new Credentials();
  let lastError = '';

  /** Told once per change. */
  function tell(error: unknown): void {
    const reason = error === undefined ? '' : errorText(error);
    if (reason !== lastError && reason !== '') logger.error('the web configuration is wrong, nobody is let in', { error: reason });
    lastError = reason;
  }

  return {
    createServer(options, listener) {
      const tls = opened.tls();
      if (tls === undefined) return createServer(options, listener);
      const { client_auth_type: auth } = opened.current().tls_server_config!.values;
      const server = createTlsServer({ ...options, ...tls.options, requestCert: auth !== 'NoClientCert', rejectUnauthorized: auth === 'RequireAndVerifyClientCert' }, listener);
      // Before the handshake begins.
      server.prependListener('connection', (socket: { destroy(): void }) => {
        try {
          const now = opened.tls();
          if (now !== undefined && now.isNew) server.setSecureContext(now.options);
        } catch (error) {
          tell(error);
          socket.destroy();
        }
      });
      if (auth === 'VerifyClientCertIfGiven') server.on('secureConnection', (socket) => void (Object.keys(socket.getPeerCertificate()).length > 0 && !socket.authorized && socket.destroy()));
      return server;
    },

    async admit({ headers }, response, opening) {
      try {
        const values = opened.current();
        for (const [name, value] of values.http_server_config?.values.headers ?? []) response.setHeader(name, value);
        if (opening !== undefined && values.tributary?.values.open.includes(opening) === true) return { client: '' };
        const identity = await credentials.identify(headers.authorization, values);
        tell(undefined);
        if (identity === 'unknown') return text(401, 'Unauthorized\n', { 'WWW-Authenticate': values.basic_auth_users.size > 0 ? 'Basic' : 'Bearer' });
        return identity === 'busy' ? text(429, 'too many passwords are being checked\n', { 'Retry-After': '1' }) : identity;
      } catch (error) {
        tell(error);
        return text(500, 'the web configuration is wrong\n');
      }
    },
  };
}
