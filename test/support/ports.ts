// Ports for whoever ends and comes back at the same place, and for programs that do not tell which one they took for port 0.

import { createServer } from 'node:net';

/** Systems take from 32768 or above when they are asked for any port: nobody gets one of these by chance while its owner is gone. */
const lowest = 10_000;
const highest = 32_767;
const triesMax = 100;

/** A port of 127.0.0.1 at which nobody listens. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} in ${triesMax} tries`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isListening) await new Promise((resolve) => server.close(resolve));
  return isListening;
}
