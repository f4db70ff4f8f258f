// What a load finds: problems, which refuse the configuration, and remarks, which do not.

/**
 * Something accepted that has no effect here, or deserves a warning: listed at start, by `check config` and on the page. `from_2`: it meant something
 * else in Prometheus 2.x; only `check config --from=2` asks for these.
 */
export interface Remark {
  readonly kind: 'no_effect' | 'ignored_section' | 'warning' | 'from_2';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly text: string;
}

/** One thing that is wrong: `file:line:column: path: text`. Line and column are 0 when the whole file is meant. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  /** What is wrong and what is expected. */
  readonly text: string;
}

/** The problem as one line. */
export function formatProblem(problem: Problem): string {
  return [formatPlace(problem), problem.path, problem.text].filter((part) => part !== '').join(': ');
}

const kindTexts: Readonly<Record<Remark['kind'], string>> = {
  no_effect: 'no effect',
  ignored_section: 'ignored section',
  warning: 'warning',
  from_2: 'differs from Prometheus 2.x',
};

/** The remark as one line, its kind before the text. */
export function formatRemark(remark: Remark): string {
  return [formatPlace(remark), remark.path, `${kindTexts[remark.kind]}: ${remark.text}`].filter((part) => part !== '').join(': ');
}

function formatPlace(found: Problem | Remark): string {
  return found.line === 0 ? found.file : `${found.file}:${found.line}:${found.column}`;
}
