// The command line: arguments in, either complete settings of the process, a sub-command, or what is wrong with them. Pure: nothing here
// prints or exits. One or two dashes, `--flag=value`, `--flag value`, `--no-flag` and `--flag=false` all work.

import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { parseDuration } from '../config/duration.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import { parseListenAddress, type ListenAddress } from './address.ts';
import { parseCheckArguments, type CheckArguments, type CheckRouteArguments } from './check-arguments.ts';
import { activeFeatures, flagTable, type FlagDeclaration, type FlagName } from './flag-table.ts';
import { parseQueueArguments, type QueueCommandLine } from './queue-arguments.ts';
import { parseRoceArguments, type RoceCommandLine } from './roce-arguments.ts';

/** The settings of the process that come from flags. Durations are milliseconds. */
export interface Flags {
  readonly configFile: string;
  readonly listen: readonly ListenAddress[];
  /** '' for none. */
  readonly webConfigFile: string;
  /** Takes remote write. */
  readonly enableReceiver: boolean;
  readonly enableLifecycle: boolean;
  /** Its path may differ from the route prefix, behind a proxy that takes a prefix away. */
  readonly externalUrl: URL;
  /** Empty, or begins with a slash and does not end with one. */
  readonly routePrefix: string;
  readonly pageTitle: string;
  readonly readTimeoutMs: number;
  readonly maxConnections: number;
  /** Anchored. */
  readonly corsOrigin: RegExp;
  readonly storagePath: string;
  readonly flushDeadlineMs: number;
  readonly features: ReadonlySet<string>;
  readonly logLevel: LogLevel;
  readonly logFormat: 'logfmt' | 'json';
  /** Every flag as text, for the API. */
  readonly all: ReadonlyMap<string, string>;
  /** What was accepted without effect, one sentence each. */
  readonly warnings: readonly string[];
}

export type CommandLine =
  | { readonly kind: 'run'; readonly flags: Flags }
  | CheckArguments
  | CheckRouteArguments
  | { readonly kind: 'version' }
  | QueueCommandLine
  | RoceCommandLine
  | { readonly kind: 'help'; readonly topic?: undefined }
  /** All problems, one sentence each. */
  | { readonly kind: 'error'; readonly problems: readonly string[]; readonly topic?: undefined };

/** Given values by flag name; lists keep their order. */
type Values = Map<FlagName, string[]>;

const declarations = new Map<string, FlagDeclaration>(flagTable.map((flag) => [flag.name, flag]));

/** Reads the arguments after the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  if (args[0] === 'queue') return parseQueueArguments(args.slice(1));
  if (args[0] === 'roce') return parseRoceArguments(args.slice(1));
  if (args[0] === 'check') return parseCheckArguments(args.slice(1));
  const problems: string[] = [];
  const { values, words } = readArguments(args, problems);
  if (problems.length > 0) return { kind: 'error', problems };
  if (isOn(values, 'help')) return { kind: 'help' };
  if (isOn(values, 'version')) return { kind: 'version' };
  if (words.length > 0) return { kind: 'error', problems: [`unknown command ${JSON.stringify(words.join(' '))}, expected check, queue or roce as the first word`] };
  const flags = toFlags(values, problems);
  return problems.length > 0 ? { kind: 'error', problems } : { kind: 'run', flags };
}

function readArguments(args: readonly string[], problems: string[]): { values: Values; words: string[] } {
  const options = Object.fromEntries(flagTable.map(({ name, kind }) => [name, { type: kind === 'boolean' ? ('boolean' as const) : ('string' as const) }]));
  const { tokens } = parseArgs({ args: args.map(withTwoDashes), options: { ...options, h: { type: 'boolean' } }, strict: false, tokens: true, allowPositionals: true });
  const values: Values = new Map();
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind === 'option') takeOption(token.name === 'h' ? 'help' : token.name, token.value, values, problems);
  }
  return { values, words };
}

/** `-config.file` is `--config.file`: no flag has a one-letter name except `-h`. */
function withTwoDashes(arg: string): string {
  if (!/^-[a-z][a-z.-]/.test(arg)) return arg;
  const name = arg.slice(1).split('=')[0] ?? '';
  return declarations.has(name.replace(/^no-/, '')) || declarations.has(name) ? `-${arg}` : arg;
}

function takeOption(name: string, value: string | undefined, values: Values, problems: string[]): void {
  const negated = declarations.has(name) ? undefined : declarations.get(name.replace(/^no-/, ''));
  const flag = declarations.get(name) ?? (name.startsWith('no-') && negated?.kind === 'boolean' ? negated : undefined);
  if (flag === undefined) return void problems.push(`unknown flag --${name}`);
  const text = negated === undefined ? textOf(flag, value, problems) : negatedText(flag, value, problems);
  if (text === undefined) return;
  const given = values.get(flag.name as FlagName);
  if (given === undefined) values.set(flag.name as FlagName, [text]);
  else if (flag.kind === 'list') given.push(text);
  else problems.push(`flag --${flag.name} is given more than once`);
}

function negatedText(flag: FlagDeclaration, value: string | undefined, problems: string[]): string | undefined {
  if (value === undefined) return 'false';
  return void problems.push(`flag --no-${flag.name} takes no value, got ${JSON.stringify(value)}`);
}

/** The value as text when it fits the kind of the flag. */
function textOf(flag: FlagDeclaration, value: string | undefined, problems: string[]): string | undefined {
  if (flag.kind === 'boolean') return booleanText(flag, value, problems);
  if (value === undefined) return void problems.push(`flag --${flag.name} needs a value`);
  const refuse = (expected: string) => void problems.push(`flag --${flag.name}: expected ${expected}, got ${JSON.stringify(value)}`);
  if (flag.choices !== undefined && !flag.choices.includes(value)) return refuse(`one of ${flag.choices.join(', ')}`);
  if (flag.kind === 'integer' && !/^[0-9]{1,15}$/.test(value)) return refuse('a whole number');
  if (flag.kind === 'duration' && !parseDuration(value).ok) return refuse('a duration such as 30s');
  return value;
}

function booleanText(flag: FlagDeclaration, value: string | undefined, problems: string[]): string | undefined {
  if (value === undefined || value === 'true') return 'true';
  if (value === 'false') return 'false';
  return void problems.push(`flag --${flag.name}: expected true or false, got ${JSON.stringify(value)}`);
}

function toFlags(values: Values, problems: string[]): Flags {
  const text = (name: FlagName) => values.get(name)?.[0] ?? declarations.get(name)?.default ?? '';
  const features = listOf(values, 'enable-feature').flatMap((item) => item.split(',')).filter((item) => item !== '');
  const listen = listOf(values, 'web.listen-address').map((item) => takeAddress(item, problems)).filter((item) => item !== undefined);
  const externalUrl = takeExternalUrl(text('web.external-url'), listen[0], problems);
  return {
    configFile: text('config.file'),
    listen,
    webConfigFile: text('web.config.file'),
    enableReceiver: isOn(values, 'web.enable-remote-write-receiver'),
    enableLifecycle: isOn(values, 'web.enable-lifecycle'),
    externalUrl,
    routePrefix: trimPrefix(values.has('web.route-prefix') ? text('web.route-prefix') : externalUrl.pathname),
    pageTitle: text('web.page-title'),
    readTimeoutMs: durationOf(text('web.read-timeout')),
    maxConnections: Number(text('web.max-connections')),
    corsOrigin: takeOrigin(text('web.cors.origin'), problems),
    storagePath: text('storage.agent.path'),
    flushDeadlineMs: durationOf(text('storage.remote.flush-deadline')),
    features: new Set(features),
    logLevel: text('log.level') as LogLevel,
    logFormat: text('log.format') === 'json' ? 'json' : 'logfmt',
    all: new Map([...declarations.keys()].map((name) => [name, values.get(name as FlagName)?.join(',') ?? declarations.get(name)?.default ?? ''])),
    warnings: warningsOf(values, features),
  };
}

function warningsOf(values: Values, features: readonly string[]): string[] {
  const flags = [...values.keys()].filter((name) => declarations.get(name)?.use === undefined).map((name) => `flag --${name} has no effect here`);
  const idle = features.filter((name) => !activeFeatures.has(name)).map((name) => `feature ${name} has no effect here`);
  const server = values.get('agent')?.[0] === 'false' ? ['flag --no-agent has no effect here: this collector is always an agent'] : [];
  return [...flags, ...idle, ...server];
}

function isOn(values: Values, name: FlagName): boolean {
  return (values.get(name)?.[0] ?? declarations.get(name)?.default) === 'true';
}

function listOf(values: Values, name: FlagName): readonly string[] {
  const fallback = declarations.get(name)?.default ?? '';
  return values.get(name) ?? (fallback === '' ? [] : [fallback]);
}

function durationOf(text: string): number {
  const result = parseDuration(text);
  return result.ok ? result.ms : 0;
}

function takeAddress(text: string, problems: string[]): ListenAddress | undefined {
  const address = parseListenAddress(text);
  if (address === undefined) problems.push(`flag --web.listen-address: expected host:port, got ${JSON.stringify(text)}`);
  return address;
}

/** `http://<hostname>:<port>` when nothing was given. Source: Prometheus computeExternalURL. */
function takeExternalUrl(text: string, listen: ListenAddress | undefined, problems: string[]): URL {
  const fallback = `http://${hostname()}:${listen?.port ?? 9090}`;
  const url = URL.canParse(text || fallback) ? new URL(text || fallback) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    problems.push(`flag --web.external-url: expected an http or https URL, got ${JSON.stringify(text)}`);
    return new URL(fallback);
  }
  url.pathname = trimPrefix(url.pathname);
  return url;
}

function trimPrefix(path: string): string {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  return trimmed === '' ? '' : `/${trimmed}`;
}

function takeOrigin(text: string, problems: string[]): RegExp {
  try {
    return new RegExp(`^(?:${text})$`, 's');
  } catch {
    problems.push(`flag --web.cors.origin: expected a regular expression, got ${JSON.stringify(text)}`);
    return /^$/;
  }
}
