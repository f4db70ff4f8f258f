// http_sd_configs: target groups from an HTTP endpoint.

import type { HttpClientSettings } from '../../src/io/http/config.ts';

export interface HttpSdSettings {
  readonly kind: 'http';
  readonly url: string;
  readonly refreshIntervalMs: number;
  readonly http: HttpClientSettings;
}
