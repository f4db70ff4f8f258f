// Probes and lifecycle: /-/healthy, /-/ready, /-/reload, /-/quit, with Prometheus' texts.

import { text, type Answer } from './answer.ts';
import type { Handler, WebContext, WebRequest } from './context.ts';

export function healthy(): Answer {
  return text(200, 'Prometheus Agent is Healthy.\n');
}

export function ready(_request: WebRequest, { view }: WebContext): Answer {
  return view.isReady() ? text(200, 'Prometheus Agent is Ready.\n') : notReady(view.isStopping());
}

/** What everything that needs a running agent answers before it runs. */
export function notReady(isStopping: boolean): Answer {
  return text(503, 'Service Unavailable', { 'X-Prometheus-Stopping': String(isStopping), 'Retry-After': '5' });
}

export const reload: Handler = async (_request, { view, flags }) => {
  const result = await view.requestReload();
  if (result.ok) return text(200, '');
  if (result.isLoaded === true) return text(500, `failed to reload config: ${result.error}\n`);
  return text(500, `failed to reload config: couldn't load configuration (--config.file=${JSON.stringify(flags.configFile)}): ${result.error}\n`);
};

export function quit(_request: WebRequest, { view }: WebContext): Answer {
  if (view.isStopping()) return text(200, 'Termination already in progress.');
  view.requestQuit();
  return text(200, 'Requesting termination... Goodbye!');
}

/** Only POST and PUT, and only with --web.enable-lifecycle. */
export function lifecycle(handler: Handler): Handler {
  return (request, context) => {
    if (request.method !== 'POST' && request.method !== 'PUT') return text(405, 'Only POST or PUT requests allowed', { Allow: 'POST, PUT' });
    if (!context.flags.enableLifecycle) return text(403, 'Lifecycle API is not enabled.');
    return handler(request, context);
  };
}
