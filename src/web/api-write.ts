// POST /api/v1/write: what others push goes to the receive endpoint, when there is one.

import { text } from './answer.ts';
import type { Handler } from './context.ts';

export const write: Handler = async ({ incoming, client }, { view }) => {
  if (view.receiver === undefined) return text(404, 'remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n');
  // Leaving the loop over a body must not take the connection along: the answer still has to go out.
  const body = incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  const answer = await view.receiver.push({ headers: incoming.headers, body, client });
  return text(answer.status, answer.text, answer.headers);
};
