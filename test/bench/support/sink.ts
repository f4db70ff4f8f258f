// Takes remote write requests, counts their bytes and throws them away. Answers 204 to every encoding, or refuses everything while told to.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Runs until the parent goes. Tells it the port, and on request what came so far. */
export function serveSink(): void {
  let bytes = 0;
  let requests = 0;
  let zstd = 0;
  let refuse = false;
  /** Paths that were written to. */
  const receivers = new Set<string>();
  const server = createServer((request, response) => {
    requests++;
    receivers.add(request.url ?? '');
    if (request.headers['content-encoding'] === 'zstd') zstd++;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.writeHead(refuse ? 503 : 204).end());
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
  process.on('message', (message: { refuse?: boolean }) => {
    refuse = message.refuse ?? refuse;
    process.send!({ bytes, requests, zstd, receivers: receivers.size });
  });
  process.on('disconnect', () => process.exit(0));
}
