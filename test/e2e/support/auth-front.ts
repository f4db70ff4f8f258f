// A gateway in front of a storage that asks for a password (basic auth) and passes on what has the right one. It holds no data: when the storage
// behind it is gone, the connection is reset, as if the two were one.

import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AuthFront {
  readonly port: number;
  /** From now on only this password is right. */
  expect(password: string): void;
  /** Requests that were answered with 401. */
  readonly refused: number;
  stop(): Promise<void>;
}

/** `address`: of the storage, `host:port`. */
export async function startAuthFront(address: string, user: string, firstPassword: string): Promise<AuthFront> {
  const [host, port] = address.split(':') as [string, string];
  const headerFor = (password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  let expected = headerFor(firstPassword);
  let refused = 0;

  const handle = (incoming: IncomingMessage, response: ServerResponse) => {
    if (incoming.headers.authorization !== expected) {
      refused++;
      incoming.resume();
      return void incoming.on('end', () => response.writeHead(401, { 'www-authenticate': 'Basic realm="front"' }).end('the password is wrong\n'));
    }
    const { authorization: _, ...headers } = incoming.headers;
    const outgoing = ask({ host, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => incoming.socket.resetAndDestroy());
    incoming.on('error', () => outgoing.destroy());
    incoming.pipe(outgoing);
  };

  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    expect: (password) => void (expected = headerFor(password)),
    get refused() {
      return refused;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
