// Which program this is. The build puts the facts into a constant; run from source, they are unknown.

export interface BuildInfo {
  readonly version: string;
  /** Commit, empty when built outside a repository. */
  readonly revision: string;
  readonly branch: string;
  /** ISO 8601. */
  readonly buildDate: string;
}

declare const TRIBUTARY_BUILD: BuildInfo | undefined;

export const buildInfo: BuildInfo =
  typeof TRIBUTARY_BUILD === 'undefined' ? { version: '0.0.0-source', revision: '', branch: '', buildDate: '' } : TRIBUTARY_BUILD;
