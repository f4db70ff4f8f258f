// What every handler gets: the agent as the web may see it, the settings of the process, and the request in pieces.

import type { IncomingMessage } from 'node:http';
import type { BuildInfo } from '../cli/build-info.ts';
import type { Flags } from '../cli/flags.ts';
import type { Answer } from './answer.ts';
import type { AgentView } from './view.ts';

export interface WebContext {
  readonly view: AgentView;
  readonly flags: Flags;
  readonly build: BuildInfo;
  /** Wall time of the start of the process, milliseconds. */
  readonly startedMs: number;
  /** Port that is really bound, which differs from the flag's when that says 0. */
  ownPort(): number;
}

export interface WebRequest {
  /** HEAD arrives as GET. */
  readonly method: string;
  /** Below the route prefix. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** For handlers that read a body. */
  readonly incoming: IncomingMessage;
  /** Who asks, by password or token; '' where nobody is asked who he is. */
  readonly client: string;
}

export type Handler = (request: WebRequest, context: WebContext) => Answer | Promise<Answer>;
