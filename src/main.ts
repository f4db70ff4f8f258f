#!/usr/bin/env node
// The process: command line, signals, exit code. Everything else is the agent's.
//
// Exit codes: 0 after a graceful stop; 1 when the start failed (port in use, queue locked ...), and on a second signal; 2 for a bad
// command line or configuration. `check config` and `check route` answer 1 for a bad file, `queue` and `roce` for anything
// that is wrong.

import { startAgent, type Agent } from './agent.ts';
import { buildInfo } from './cli/build-info.ts';
import type { CheckArguments } from './cli/check-arguments.ts';
import { checkRoute } from './cli/check-route.ts';
import { parseCommandLine, type Flags } from './cli/flags.ts';
import { helpText, usageError, versionText } from './cli/help.ts';
import { queueHelp } from './cli/queue-arguments.ts';
import { queueCommand } from './cli/queue-command.ts';
import { roceHelp } from './cli/roce-arguments.ts';
import { roceSelfcheck } from './cli/roce-command.ts';
import { checkConfig } from './config/check.ts';
import { errorText, TributaryError } from './model/error.ts';
import { createLogger, type Logger } from './telemetry/logger.ts';

const startedMs = Date.now();
/** A terminal and npm both pass on one Ctrl-C: what follows sooner is the same request, milliseconds. */
const sameRequestMs = 1000;

// A log pipe whose reader is gone must not end the collector.
process.stderr.on('error', () => undefined);
process.stdout.on('error', () => undefined);

// What a failed start left open must not keep the process.
process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommandLine(args);
  switch (command.kind) {
    case 'help': return print(helpOf(command.topic));
    case 'version': return print(versionText(buildInfo));
    case 'error': return printError(usageError(command.problems, command.topic), command.topic === undefined ? 2 : 1);
    case 'queue': return queueCommand(command, process);
    case 'roce-selfcheck': return roceSelfcheck(command.options, process.stdout);
    case 'check-config': return checkAll(command);
    case 'check-route': return checkRoute(command.file, command.series, (line) => void process.stdout.write(`${line}\n`));
    case 'run': return runAgent(command.flags);
  }
}

function helpOf(topic: 'queue' | 'roce' | undefined): string {
  if (topic === undefined) return helpText();
  return topic === 'queue' ? queueHelp : roceHelp;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function printError(text: string, exitCode: number): number {
  process.stderr.write(text);
  return exitCode;
}

/** Checks every file, also after a bad one; the worst answer counts. */
function checkAll({ files, from }: CheckArguments): number {
  let worst = 0;
  for (const file of files) worst = Math.max(worst, checkConfig(file, (line) => void process.stdout.write(`${line}\n`), from === undefined ? {} : { from }));
  return worst;
}

/** Runs until a signal or /-/quit ends it; returns the exit code. */
async function runAgent(flags: Flags): Promise<number> {
  const logger = createLogger({ level: flags.logLevel, format: flags.logFormat });
  for (const warning of flags.warnings) logger.warn(warning);
  const stop = stopRequest(logger);
  let agent: Agent | undefined;
  // Set before the start, because the signal's default would end the process.
  process.on('SIGHUP', () => void agent?.reload());
  try {
    agent = await startAgent({ flags, build: buildInfo, logger, startedMs, requestQuit: stop.request });
  } catch (error) {
    return startFailure(error, logger);
  }
  await stop.requested;
  await agent.stop();
  logger.info('stopped');
  return 0;
}

/** Resolves at the first SIGTERM, SIGINT or request; a second signal ends the process at once. */
function stopRequest(logger: Logger): { readonly requested: Promise<void>; readonly request: () => void } {
  let request = (): void => undefined;
  const requested = new Promise<void>((resolve) => (request = resolve));
  let firstMs: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (firstMs !== undefined) {
        if (performance.now() - firstMs > sameRequestMs) process.exit(1);
        return;
      }
      firstMs = performance.now();
      logger.info('stopping, a second signal ends at once', { signal });
      request();
    });
  }
  return { requested, request };
}

/** Says why nothing runs. A configuration's problems are many lines, so they are printed as they are. */
function startFailure(error: unknown, logger: Logger): number {
  if (error instanceof TributaryError && error.code === 'CONFIG_INVALID') {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  logger.error('the start failed', { code: error instanceof TributaryError ? error.code : undefined, error: errorText(error) });
  return 1;
}
