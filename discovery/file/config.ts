// file_sd_configs: target groups in JSON or YAML files.

import { block, fail, key } from '../../src/config/schema.ts';
import type { Block } from '../../src/config/schema.ts';
import { duration, listOf, pathPattern } from '../../src/config/types.ts';

export interface FileSettings {
  readonly kind: 'file';
  /** Absolute patterns; `*` only in the last path element. */
  readonly files: readonly string[];
  readonly refreshIntervalMs: number;
}

const patternSyntax = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/;

const file = pathPattern(patternSyntax, (name) => `path name ${name} is not valid for file discovery, expected *.json, *.yml or *.yaml with * in the last element only`);

export const fileSdKeys = {
  files: key(listOf(file), [], 'Files, or patterns with `*` in the last path element.', { limit: 'json, yml or yaml' }),
  refresh_interval: key(duration, 300_000, 'How often the files are read again, besides on change.', { unit: 'duration', limit: 'above 0' }),
};

export const fileSdConfigs = listOf(block(fileSdKeys, { check: checkFileSd }), 'empty or null section in file_sd_configs');

function checkFileSd(at: Block<typeof fileSdKeys>): void {
  const { files, refresh_interval: refreshMs } = at.values;
  if (files.length === 0 && !at.bad.has('files')) fail(at, undefined, 'file service discovery config must contain at least one path name');
  if (refreshMs <= 0) fail(at, 'refresh_interval', 'refresh_interval is 0, expected more than 0');
}

export function buildFileSd({ values }: Block<typeof fileSdKeys>): FileSettings {
  return { kind: 'file', files: values.files, refreshIntervalMs: values.refresh_interval };
}
