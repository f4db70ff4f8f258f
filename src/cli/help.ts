// What `--help`, `--version` and a mistake on the command line print.

import type { BuildInfo } from './build-info.ts';
import { flagTable, type FlagDeclaration } from './flag-table.ts';
import { queueUsage } from './queue-arguments.ts';
import { roceUsage } from './roce-arguments.ts';

const usage = `Usage: tributary [flags]
       tributary check config [--from=2] FILE...
       tributary check route --config.file=FILE 'SERIES'
       tributary queue list|inspect|export|drop|retry|adopt ... (tributary queue --help)
       tributary roce selfcheck ... (tributary roce --help)

Scrapes as Prometheus does, keeps every sample on disk until the storage has acknowledged it.

check config tells everything that is wrong with a file, or has no effect; with --from=2 also what in it meant something else in Prometheus 2.x.`;

/** The whole help text. */
export function helpText(): string {
  const rows: readonly FlagDeclaration[] = flagTable;
  const lines = rows.filter((flag) => flag.use !== undefined).map(flagLines);
  const idle = rows.filter((flag) => flag.use === undefined).map((flag) => `--${flag.name}`);
  return `${usage}\n\nFlags (one or two dashes; --no-x turns a switch off):\n${lines.join('\n')}\n\nAccepted without effect:\n${wrap(idle, 116)}\n`;
}

/** What is wrong, how it would be right, and where to read on. */
export function usageError(problems: readonly string[], topic?: 'queue' | 'roce'): string {
  const [right, more] = usageOf(topic);
  return `${problems.map((problem) => `tributary: error: ${problem}`).join('\n')}\n\n${right}\n${more}\n`;
}

function usageOf(topic: 'queue' | 'roce' | undefined): readonly [string, string] {
  switch (topic) {
    case 'queue': return [queueUsage, 'More: tributary queue --help'];
    case 'roce': return [roceUsage, 'More: tributary roce --help'];
    case undefined: return [usage.split('\n\n')[0] ?? '', 'All flags: tributary --help'];
  }
}

export function versionText(build: BuildInfo): string {
  const commit = build.revision === '' ? '' : ` (branch: ${build.branch}, revision: ${build.revision})`;
  return `tributary, version ${build.version}${commit}\n  build date: ${build.buildDate}\n  node: ${process.version}\n  platform: ${process.platform}/${process.arch}\n`;
}

function flagLines(flag: FlagDeclaration): string {
  const value = flag.kind === 'boolean' ? '' : `=${flag.default === '' ? '""' : flag.default}`;
  const choices = flag.choices === undefined ? '' : ` One of: ${flag.choices.join(', ')}.`;
  return `  --${flag.name}${value}\n        ${flag.use ?? ''}${choices}`;
}

function wrap(words: readonly string[], width: number): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of words) {
    if (line.length + word.length + 1 > width) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
