// `npm run sim -- --seeds 1000 --first 1`: that many seeded runs of queue and sender in a simulated world, in as many processes as there are cores.
// `npm run sim -- --seed 123`: one of them with its trace and the program's log. `npm run sim -- --matrix`: every cell of the outage matrix, and
// `--cell 7` one of them with its trace.
// Ends with one line of JSON; exit code 1 when a run broke a rule.

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';
import { ensureInstalled, ensureNode } from './ensure.mjs';

/** A run that takes longer than this runs in circles. Milliseconds; a seed takes less than a second, a cell some ten. */
const RUN_MAX_MS = 600_000;
/** Runs that a process takes at a time: few enough that all are busy to the end. */
const CHUNK = 5;

if (process.send === undefined) await main();
else await serve();

async function main() {
  const options = readArguments(process.argv.slice(2));
  ensureNode();
  ensureInstalled();
  const module = pathToFileURL(await bundle('test/support/sim/command.ts', 'sim')).href;
  if (options.seed !== undefined) return showOne(module, ({ runSeed }) => runSeed(options.seed, true));
  if (options.cell !== undefined) return showOne(module, ({ runCellAt }) => runCellAt(options.cell));
  const jobs = options.matrix ? await cellJobs(module) : seedJobs(options);
  const results = await runAll(module, jobs);
  report(options, results);
}

function readArguments(args) {
  const number = (name) => {
    const at = args.indexOf(name);
    if (at < 0) return undefined;
    const value = Number(args[at + 1]);
    if (Number.isInteger(value) && value >= 0) return value;
    console.error('Usage: npm run sim -- [--seeds <count>] [--first <seed>] | --seed <seed> | --matrix | --cell <number>');
    process.exit(2);
  };
  return { seed: number('--seed'), cell: number('--cell'), seeds: number('--seeds') ?? 100, first: number('--first') ?? 1, matrix: args.includes('--matrix') };
}

async function showOne(module, run) {
  const result = await run(await import(module));
  for (const line of result.trace) console.log(line);
  console.log(JSON.stringify({ ...result, trace: undefined }));
  process.exit(result.violations.length === 0 ? 0 : 1);
}

function seedJobs({ first, seeds }) {
  const jobs = [];
  for (let seed = first; seed < first + seeds; seed += CHUNK) {
    jobs.push({ seeds: Array.from({ length: Math.min(CHUNK, first + seeds - seed) }, (_, i) => seed + i) });
  }
  return jobs;
}

async function cellJobs(module) {
  const { cellCount } = await import(module);
  return Array.from({ length: cellCount() }, (_, cell) => ({ cell }));
}

/** Hands the jobs to worker processes; a process that ends unasked fails the job it had. */
async function runAll(module, jobs) {
  const results = [];
  const work = async () => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const found = await inProcess(module, job);
      for (const result of found) show(result);
      results.push(...found);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs.length, availableParallelism()) }, work));
  return results;
}

function inProcess(module, job) {
  return new Promise((resolve) => {
    const child = fork(import.meta.filename, [], { execArgv: ['--enable-source-maps'] });
    const results = [];
    let name = '';
    let timer;
    child.on('message', (message) => {
      clearTimeout(timer);
      if (message.begun === undefined) results.push(message.result);
      else {
        name = message.begun;
        timer = setTimeout(() => child.kill('SIGKILL'), RUN_MAX_MS);
      }
    });
    child.on('exit', (code) => {
      clearTimeout(timer);
      if (code !== 0) results.push({ name, violations: [`the process ended with ${code ?? `SIGKILL after ${RUN_MAX_MS} ms`}`] });
      resolve(results);
    });
    child.send({ module, job });
  });
}

async function serve() {
  const { module, job } = await new Promise((resolve) => process.once('message', resolve));
  const { runSeed, runCellAt } = await import(module);
  for (const seed of job.seeds ?? []) await tell(`seed ${seed}`, () => runSeed(seed, false));
  if (job.cell !== undefined) await tell(`cell ${job.cell}`, () => runCellAt(job.cell));
  process.exit(0);
}

async function tell(name, run) {
  process.send({ begun: name });
  const result = await guarded(name, run);
  await new Promise((resolve) => process.send({ result: { ...result, trace: undefined } }, resolve));
}

/** An error that nobody listens for would end the program: it fails the run. What a dead process still tries is no error. */
async function guarded(name, run) {
  const startMs = performance.now();
  const thrown = [];
  const note = (error) => {
    if (error?.constructor?.name !== 'ProcessDied') thrown.push(`ends the program: ${error?.stack ?? error}`);
  };
  process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection').on('uncaughtException', note).on('unhandledRejection', note);
  const result = await run().catch((error) => ({ violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }));
  return { name, ...result, violations: [...thrown, ...result.violations], ms: Math.round(performance.now() - startMs) };
}

function show({ name, violations, ms, line }) {
  if (line !== undefined) console.log(`${line} (${ms} ms)`);
  if (violations.length === 0) return;
  console.log(`FAILED ${name}`);
  for (const text of violations) console.log(`  ${text}`);
}

function report({ matrix }, results) {
  const failed = results.filter(({ violations }) => violations.length > 0).map(({ name }) => name);
  const sum = (key) => results.reduce((total, result) => total + (result[key] ?? 0), 0);
  const figures = { samples: sum('samples'), requests: sum('requests'), crashes: sum('crashes'), lost: sum('lost'), simulatedHours: Math.round(sum('simulatedMs') / 3_600_000) };
  console.log(JSON.stringify({ sim: matrix ? 'matrix' : 'seeds', runs: results.length, failed, ...figures }));
  process.exit(failed.length === 0 ? 0 : 1);
}
