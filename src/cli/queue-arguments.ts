// The arguments of `tributary queue ...`: words in, a command on a queue or what is wrong with them. Pure, as flags.ts. How the commands are used:
// docs/queue-commands.md.

import { parseArgs } from 'node:util';
import { nearest } from '../model/nearest.ts';
import type { QueueCommand } from '../queue/commands.ts';

/** A command with the place of the queue, and of the exported samples. */
export interface QueueArguments {
  readonly kind: 'queue';
  readonly command: QueueCommand;
  readonly storagePath: string;
  /** Standard output when undefined. */
  readonly output: string | undefined;
}

export type QueueCommandLine =
  | QueueArguments
  | { readonly kind: 'help'; readonly topic: 'queue' }
  | { readonly kind: 'error'; readonly problems: readonly string[]; readonly topic: 'queue' };

export const queueUsage = `Usage: tributary queue list
       tributary queue inspect NAME
       tributary queue export NAME [--quarantine] [--output=FILE]
       tributary queue drop NAME [--quarantine [ID]]
       tributary queue retry NAME [ID]
       tributary queue adopt FROM TO`;

export const queueHelp = `${queueUsage}

Looks at the queues of the destinations and changes them; NAME is the name of a destination. Works beside a running collector (over the socket
\`control\` in the folder of its queue) and without one. The last line is JSON with the figures.

  list      every stream: destination present or removed, what is pending, what it takes on disk, whether its account is even
  inspect   one stream: segments, what is not settled, the last answers of the storage, quarantined samples by reason
  export    what is pending, or quarantined, as JSON lines for /api/v1/import of VictoriaMetrics; nothing is taken out
  drop      gives up what is pending, or quarantined (all of it, or the entry ID); the folder of a removed destination goes away
  retry     puts quarantined samples back into the queue
  adopt     moves everything pending of a removed destination to another one

  --storage.agent.path="data-agent/"
        Folder of the queue.
  --output=FILE
        Where the exported lines go; standard output by default, with the figures on standard error.
`;

/** Words after the command: how many are needed, and may be given. */
const shapes: Readonly<Record<QueueCommand['command'], { readonly least: number; readonly most: number; readonly names: string }>> = {
  list: { least: 0, most: 0, names: '' },
  inspect: { least: 1, most: 1, names: 'NAME' },
  export: { least: 1, most: 1, names: 'NAME' },
  drop: { least: 1, most: 2, names: 'NAME' },
  retry: { least: 1, most: 2, names: 'NAME [ID]' },
  adopt: { least: 2, most: 2, names: 'FROM TO' },
};

interface Given {
  readonly words: readonly string[];
  readonly storagePath: string;
  readonly output: string | undefined;
  readonly quarantine: boolean;
}

/** Reads the arguments after `queue`. */
export function parseQueueArguments(args: readonly string[]): QueueCommandLine {
  const given = readGiven(args);
  if (given === 'help') return { kind: 'help', topic: 'queue' };
  if (typeof given === 'string') return refused(given);
  const [word = '', ...words] = given.words;
  if (!isCommand(word)) return refused(unknownCommand(word));
  const { least, most, names } = shapes[word];
  if (words.length < least) return refused(`queue ${word}: expected ${names}, got ${words.length === 0 ? 'nothing' : words.join(' ')}`);
  if (words.length > most) return refused(`queue ${word}: too many arguments, ${JSON.stringify(words[most])} is not expected`);
  const problem = contradiction(word, words, given);
  if (problem !== undefined) return refused(problem);
  return { kind: 'queue', command: toCommand(word, words, given.quarantine), storagePath: given.storagePath, output: given.output };
}

function readGiven(args: readonly string[]): Given | string {
  const options = {
    'storage.agent.path': { type: 'string', default: 'data-agent/' },
    output: { type: 'string' },
    quarantine: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: args.map(withTwoDashes), options, allowPositionals: true });
    if (values.help) return 'help';
    return { words: positionals, storagePath: values['storage.agent.path'], output: values.output, quarantine: values.quarantine };
  } catch (error) {
    // Node's texts name the option and what it takes; what follows the first sentence is advice for its own syntax.
    return `queue: ${(error as Error).message.split('. ')[0] ?? ''}`;
  }
}

/** As everywhere: `-output` is `--output`. */
function withTwoDashes(arg: string): string {
  return /^-[a-z][a-z.]/.test(arg) ? `-${arg}` : arg;
}

function isCommand(word: string): word is QueueCommand['command'] {
  return Object.hasOwn(shapes, word);
}

function unknownCommand(word: string): string {
  const names = Object.keys(shapes);
  if (word === '') return `queue: no command given, expected one of ${names.join(', ')}`;
  const close = nearest(word, names);
  return `queue: unknown command ${JSON.stringify(word)}, ${close === undefined ? `expected one of ${names.join(', ')}` : `did you mean ${close}?`}`;
}

function contradiction(word: QueueCommand['command'], words: readonly string[], { quarantine, output }: Given): string | undefined {
  if (quarantine && word !== 'export' && word !== 'drop') return `queue ${word}: --quarantine belongs to export and drop`;
  if (output !== undefined && word !== 'export') return `queue ${word}: --output belongs to export`;
  if (output === '') return 'queue export: --output needs a file';
  if (word === 'drop' && words.length === 2 && !quarantine) return `queue drop: the entry ${JSON.stringify(words[1])} needs --quarantine before it`;
  const id = word === 'drop' || word === 'retry' ? words[1] : undefined;
  if (id !== undefined && !/^[0-9a-f]{16}$/.test(id)) return `queue ${word}: expected the id of an entry, 16 hexadecimal digits, got ${JSON.stringify(id)}`;
  return undefined;
}

function toCommand(command: QueueCommand['command'], [first = '', second]: readonly string[], quarantine: boolean): QueueCommand {
  const id = second === undefined ? {} : { id: second };
  switch (command) {
    case 'list': return { command };
    case 'inspect': return { command, name: first };
    case 'export': return { command, name: first, quarantine };
    case 'drop': return { command, name: first, quarantine, ...id };
    case 'retry': return { command, name: first, ...id };
    case 'adopt': return { command, from: first, to: second ?? '' };
  }
}

function refused(problem: string): QueueCommandLine {
  return { kind: 'error', problems: [problem], topic: 'queue' };
}
