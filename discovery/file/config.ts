// file_sd_configs: target groups in JSON or YAML files.

export interface FileSettings {
  readonly kind: 'file';
  /** Absolute patterns; `*` only in the last path element. */
  readonly files: readonly string[];
  readonly refreshIntervalMs: number;
}
