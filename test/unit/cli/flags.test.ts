// The command line: names, forms of values, defaults, and what is refused.

import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { parseCommandLine, type Flags } from '../../../src/cli/flags.ts';
import { helpText, usageError } from '../../../src/cli/help.ts';
import { flagTable } from '../../../src/cli/flag-table.ts';

function run(...args: string[]): Flags {
  const command = parseCommandLine(args);
  if (command.kind !== 'run') throw new Error(JSON.stringify(command));
  return command.flags;
}

function problems(...args: string[]): readonly string[] {
  const command = parseCommandLine(args);
  return command.kind === 'error' ? command.problems : [];
}

describe('forms', () => {
  test.each([
    [['--config.file=a.yml']],
    [['--config.file', 'a.yml']],
    [['-config.file=a.yml']],
    [['-config.file', 'a.yml']],
  ])('%j gives the file', (args) => expect(run(...args).configFile).toBe('a.yml'));

  test.each([
    [['--web.enable-lifecycle'], true],
    [['-web.enable-lifecycle'], true],
    [['--web.enable-lifecycle=true'], true],
    [['--web.enable-lifecycle=false'], false],
    [['--no-web.enable-lifecycle'], false],
    [['-no-web.enable-lifecycle'], false],
    [[], false],
  ])('%j gives %j', (args, expected) => expect(run(...args).enableLifecycle).toBe(expected));

  test('a value may hold equal signs', () => expect(run('--web.page-title=a=b').pageTitle).toBe('a=b'));
  test('an empty value is a value', () => expect(run('--web.page-title=').pageTitle).toBe(''));
  test('a list keeps its order', () =>
    expect(run('--web.listen-address=:1', '--web.listen-address=[::1]:2').listen).toEqual([{ host: '', port: 1 }, { host: '::1', port: 2 }]));
  test('features are split at commas and collected', () =>
    expect([...run('--enable-feature=a,extra-scrape-metrics', '--enable-feature=b').features]).toEqual(['a', 'extra-scrape-metrics', 'b']));
});

describe('defaults', () => {
  const flags = run();
  test.each([
    ['configFile', 'prometheus.yml'],
    ['listen', [{ host: '0.0.0.0', port: 9090 }]],
    ['storagePath', 'data-agent/'],
    ['flushDeadlineMs', 60_000],
    ['readTimeoutMs', 300_000],
    ['maxConnections', 512],
    ['logLevel', 'info'],
    ['logFormat', 'logfmt'],
    ['routePrefix', ''],
    ['warnings', []],
  ] as const)('%s', (key, expected) => expect(flags[key]).toEqual(expected));
  test('the external URL names this host', () => expect(flags.externalUrl.href).toBe(new URL(`http://${hostname()}:9090/`).href));
  test('all flags are told as text', () => expect(flags.all.size).toBe(flagTable.length));
});

describe('route prefix', () => {
  test('comes from the external URL', () => expect(run('--web.external-url=http://x/a/b/').routePrefix).toBe('/a/b'));
  test('its own flag wins', () => expect(run('--web.external-url=http://x/a', '--web.route-prefix=/').routePrefix).toBe(''));
  test('gets its slash', () => expect(run('--web.route-prefix=p/').routePrefix).toBe('/p'));
});

describe('refused', () => {
  test.each([
    ['unknown flag', ['--nope'], 'unknown flag --nope'],
    ['unknown negation', ['--no-nope'], 'unknown flag --no-nope'],
    ['negation of a text flag', ['--no-config.file'], 'unknown flag --no-config.file'],
    ['value of a negation', ['--no-agent=true'], 'flag --no-agent takes no value, got "true"'],
    ['missing value', ['--config.file'], 'flag --config.file needs a value'],
    ['twice', ['--config.file=a', '--config.file=b'], 'flag --config.file is given more than once'],
    ['choice', ['--log.level=loud'], 'flag --log.level: expected one of debug, info, warn, error, got "loud"'],
    ['integer', ['--web.max-connections=many'], 'flag --web.max-connections: expected a whole number, got "many"'],
    ['duration', ['--web.read-timeout=5x'], 'flag --web.read-timeout: expected a duration such as 30s, got "5x"'],
    ['boolean', ['--agent=maybe'], 'flag --agent: expected true or false, got "maybe"'],
    ['address', ['--web.listen-address=9090'], 'flag --web.listen-address: expected host:port, got "9090"'],
    ['port', ['--web.listen-address=:70000'], 'flag --web.listen-address: expected host:port, got ":70000"'],
    ['external URL', ['--web.external-url=ftp://x'], 'flag --web.external-url: expected an http or https URL, got "ftp://x"'],
    ['origin', ['--web.cors.origin=('], 'flag --web.cors.origin: expected a regular expression, got "("'],
    ['command', ['serve'], 'unknown command "serve", expected check, queue or roce as the first word'],
    ['command after flags', ['--log.level=debug', 'check', 'config', 'a.yml'], 'unknown command "check config a.yml", expected check, queue or roce as the first word'],
    ['check of something else', ['check', 'rules'], 'unknown command "check rules", expected: check config [--from=2] FILE..., or check route --config.file=FILE \'SERIES\''],
    ['check of nothing', ['check'], 'unknown command "check", expected: check config [--from=2] FILE..., or check route --config.file=FILE \'SERIES\''],
    ['check without a file', ['check', 'config'], 'check config: no file given, expected: check config [--from=2] FILE...'],
    ['check from another version', ['check', 'config', '--from=1', 'a.yml'], 'check config: --from: expected 2, the major version of the Prometheus that the file comes from, got "1"'],
    ['check with an unknown flag', ['check', 'config', '--lint', 'a.yml'], "check: Unknown option '--lint'"],
  ])('%s', (_name, args, expected) => expect(problems(...args)).toEqual([expected]));

  test('all problems at once', () => expect(problems('--nope', '--log.level=x')).toHaveLength(2));
});

describe('without effect', () => {
  test.each([
    [['--storage.tsdb.path=/x'], 'flag --storage.tsdb.path has no effect here'],
    [['--storage.agent.retention.max-time=1h'], 'flag --storage.agent.retention.max-time has no effect here'],
    [['--enable-feature=exemplar-storage'], 'feature exemplar-storage has no effect here'],
    [['--no-agent'], 'flag --no-agent has no effect here: this collector is always an agent'],
  ])('%j warns', (args, expected) => expect(run(...args).warnings).toEqual([expected]));
  test('--agent is silent', () => expect(run('--agent').warnings).toEqual([]));
});

describe('commands', () => {
  test('check config takes files', () => expect(parseCommandLine(['check', 'config', 'a.yml', 'b.yml'])).toEqual({ kind: 'check-config', files: ['a.yml', 'b.yml'], from: undefined }));
  test.each([['--from=2'], ['-from=2']])('check config %s', (flag) => expect(parseCommandLine(['check', 'config', flag, 'a.yml'])).toEqual({ kind: 'check-config', files: ['a.yml'], from: 2 }));
  test('check --help', () => expect(parseCommandLine(['check', '--help'])).toEqual({ kind: 'help' }));
  test.each([['--help'], ['-h'], ['-help']])('%s', (arg) => expect(parseCommandLine([arg])).toEqual({ kind: 'help' }));
  test('--version', () => expect(parseCommandLine(['--version'])).toEqual({ kind: 'version' }));
});

describe('texts', () => {
  test('the help names every flag', () => {
    for (const { name } of flagTable) expect(helpText()).toContain(`--${name}`);
  });
  test('a mistake is followed by the usage', () => expect(usageError(['unknown flag --x'])).toMatch(/^tributary: error: unknown flag --x\n\nUsage: tributary/));
});
