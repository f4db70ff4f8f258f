// The arguments of `tributary check ...`: words in, what to check or what is wrong with the words. Pure, as flags.ts.

import { parseArgs } from 'node:util';
import { flagTable } from './flag-table.ts';

export interface CheckArguments {
  readonly kind: 'check-config';
  readonly files: readonly string[];
  /** The major version of the Prometheus that the files come from; undefined where nobody asked what differs. */
  readonly from: 2 | undefined;
}

/** Where does a series go? */
export interface CheckRouteArguments {
  readonly kind: 'check-route';
  /** The configuration. */
  readonly file: string;
  readonly series: string;
}

export type CheckCommandLine =
  | CheckArguments
  | CheckRouteArguments
  | { readonly kind: 'help'; readonly topic?: undefined }
  | { readonly kind: 'error'; readonly problems: readonly string[]; readonly topic?: undefined };

const usage = 'check config [--from=2] FILE...';
const routeUsage = "check route --config.file=FILE 'SERIES'";

/** Reads the arguments after `check`. */
export function parseCheckArguments(args: readonly string[]): CheckCommandLine {
  const options = { from: { type: 'string' }, 'config.file': { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } } as const;
  try {
    const { values, positionals } = parseArgs({ args: args.map(withTwoDashes), options, allowPositionals: true });
    const [what, ...words] = positionals;
    if (values.help) return { kind: 'help' };
    return what === 'route' ? routeOf(words, values['config.file']) : checkOf(positionals, values.from);
  } catch (error) {
    // Node's texts name the option and what it takes; what follows the first sentence is advice for its own syntax.
    return refused(`check: ${(error as Error).message.split('. ')[0] ?? ''}`);
  }
}

function checkOf([what, ...files]: readonly string[], from: string | undefined): CheckCommandLine {
  if (what !== 'config') return refused(`unknown command ${JSON.stringify(`check ${what ?? ''}`.trim())}, expected: ${usage}, or ${routeUsage}`);
  if (files.length === 0) return refused(`check config: no file given, expected: ${usage}`);
  if (from !== undefined && from !== '2') return refused(`check config: --from: expected 2, the major version of the Prometheus that the file comes from, got ${JSON.stringify(from)}`);
  return { kind: 'check-config', files, from: from === undefined ? undefined : 2 };
}

function routeOf(words: readonly string[], file: string | undefined): CheckCommandLine {
  const [series, ...more] = words;
  if (series === undefined || more.length > 0) return refused(`check route: ${words.length} series given, expected one: ${routeUsage}`);
  return { kind: 'check-route', file: file ?? flagTable.find(({ name }) => name === 'config.file')?.default ?? '', series };
}

function refused(problem: string): CheckCommandLine {
  return { kind: 'error', problems: [problem] };
}

/** As everywhere: `-from` is `--from`. */
function withTwoDashes(arg: string): string {
  return /^-[a-z][a-z]/.test(arg) ? `-${arg}` : arg;
}
