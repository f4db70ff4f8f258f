// The arguments of `tributary check config ...`: words in, the files to check or what is wrong with the words. Pure, as flags.ts.

import { parseArgs } from 'node:util';

export interface CheckArguments {
  readonly kind: 'check-config';
  readonly files: readonly string[];
  /** The major version of the Prometheus that the files come from; undefined where nobody asked what differs. */
  readonly from: 2 | undefined;
}

export type CheckCommandLine =
  | CheckArguments
  | { readonly kind: 'help'; readonly topic?: undefined }
  | { readonly kind: 'error'; readonly problems: readonly string[]; readonly topic?: undefined };

const usage = 'check config [--from=2] FILE...';

/** Reads the arguments after `check`. */
export function parseCheckArguments(args: readonly string[]): CheckCommandLine {
  const options = { from: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } } as const;
  try {
    const { values, positionals } = parseArgs({ args: args.map(withTwoDashes), options, allowPositionals: true });
    return values.help ? { kind: 'help' } : checkOf(positionals, values.from);
  } catch (error) {
    // Node's texts name the option and what it takes; what follows the first sentence is advice for its own syntax.
    return refused(`check: ${(error as Error).message.split('. ')[0] ?? ''}`);
  }
}

function checkOf([what, ...files]: readonly string[], from: string | undefined): CheckCommandLine {
  if (what !== 'config') return refused(`unknown command ${JSON.stringify(`check ${what ?? ''}`.trim())}, expected: ${usage}`);
  if (files.length === 0) return refused(`check config: no file given, expected: ${usage}`);
  if (from !== undefined && from !== '2') return refused(`check config: --from: expected 2, the major version of the Prometheus that the file comes from, got ${JSON.stringify(from)}`);
  return { kind: 'check-config', files, from: from === undefined ? undefined : 2 };
}

function refused(problem: string): CheckCommandLine {
  return { kind: 'error', problems: [problem] };
}

/** As everywhere: `-from` is `--from`. */
function withTwoDashes(arg: string): string {
  return /^-[a-z][a-z]/.test(arg) ? `-${arg}` : arg;
}
