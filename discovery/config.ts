// Settings of the discoveries that exist here. Every provider folder declares its own; this file joins them.

import type { StaticSettings } from './static/config.ts';
import type { FileSettings } from './file/config.ts';
import type { HttpSdSettings } from './http/config.ts';

export type DiscoverySettings = StaticSettings | FileSettings | HttpSdSettings;
