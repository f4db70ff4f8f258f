// Settings of tributary.roce for tests: defaults, with what a test says.

import { loadConfig } from '../../../src/config/load.ts';
import type { RoceSettings } from '../../../src/roce/config.ts';

/** `lines` as in a flow mapping: `interval: 10ms, devices: {netdevs: [eth0]}`. */
export function roceSettings(lines = ''): RoceSettings {
  const result = loadConfig('/t.yml', { readFile: () => Buffer.from(`tributary: {roce: {${lines}}}`), env: {}, hostName: 'node-1' });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.settings.roce!;
}
