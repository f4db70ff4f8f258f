// What tests of the built program stand on: a target with pages made of its paths, receivers that decode what they get, and one end for all of it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startReceiver, type Receiver } from '../../support/receiver.ts';
import { endAll } from './process.ts';

export interface Stage {
  /** Of the target: `127.0.0.1:<port>`. */
  readonly address: string;
  /** Another one each time. */
  newReceiver(): Promise<Receiver>;
  /** Processes, target and receivers. */
  end(): Promise<void>;
}

/** `page`: what the target answers, by path. */
export async function startStage(page: (path: string) => string): Promise<Stage> {
  const target = createServer(({ url = '' }, response) => {
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(page(url));
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const receivers: Receiver[] = [];
  return {
    address: `127.0.0.1:${(target.address() as AddressInfo).port}`,
    async newReceiver() {
      const receiver = await startReceiver();
      receivers.push(receiver);
      return receiver;
    },
    async end() {
      await endAll();
      target.closeAllConnections();
      target.close();
      await Promise.all(receivers.map((receiver) => receiver.stop()));
    },
  };
}
