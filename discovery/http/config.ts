// http_sd_configs: target groups from an HTTP endpoint.

import { block, fail, key } from '../../src/config/schema.ts';
import type { Block } from '../../src/config/schema.ts';
import { duration, text } from '../../src/config/types.ts';
import { checkUrl, urlParts } from '../../src/config/url.ts';
import { buildHttpClient, checkHttpClient, httpClientKeys } from '../../src/io/http/config.ts';
import type { HttpClientSettings } from '../../src/io/http/config.ts';
import { redactUrl } from '../../src/io/http/redact.ts';

export interface HttpSdSettings {
  readonly kind: 'http';
  readonly url: string;
  readonly refreshIntervalMs: number;
  readonly http: HttpClientSettings;
}

export const httpSdKeys = {
  url: key({ ...text, name: 'URL', print: redactUrl }, '', 'Where the target groups are fetched.', { limit: 'http or https; required' }),
  refresh_interval: key(duration, 60_000, 'How often; also the time limit of a request.', { unit: 'duration', limit: 'above 0' }),
  ...httpClientKeys,
};

export const httpSdBlock = block(httpSdKeys, { check: checkHttpSd });

function checkHttpSd(at: Block<typeof httpSdKeys>): void {
  const problem = at.bad.has('url') ? undefined : httpSdUrlProblem(at.values.url);
  if (problem !== undefined) fail(at, 'url', problem);
  if (at.values.refresh_interval <= 0) fail(at, 'refresh_interval', 'refresh_interval is 0, expected more than 0');
  checkHttpClient(at);
}

function httpSdUrlProblem(url: string): string | undefined {
  if (url === '') return 'URL is missing, expected a URL with http or https';
  const syntax = checkUrl(url);
  if (syntax !== undefined) return `${syntax}, expected a URL with http or https`;
  const { scheme, host } = urlParts(url);
  if (scheme !== 'http' && scheme !== 'https') return "URL scheme must be 'http' or 'https'";
  return host === '' ? 'host is missing in URL' : undefined;
}

export function buildHttpSd({ values }: Block<typeof httpSdKeys>): HttpSdSettings {
  return { kind: 'http', url: values.url, refreshIntervalMs: values.refresh_interval, http: buildHttpClient(values) };
}
