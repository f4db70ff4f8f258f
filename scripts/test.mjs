// `npm test`: everything, on a machine that has nothing but Node. Installs, builds, fetches the real peers, then types, lint and every
// suite; a failing step does not hide the next one. Ends with what could not be run and one line `N passed, N failed` that programs read.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join, relative } from 'node:path';
import { fetchDeployTools, missingDeployTools } from './deploy-tools.mjs';
import { ensure, root, statusOf } from './ensure.mjs';
import { testSanitizers } from './native.mjs';
import { fetchPeers, missingPeers } from './peers.mjs';

const report = join(root, '.cache', 'test-report.json');

ensure();
const selection = process.argv.slice(2);
// A selection builds what it needs, and would be over before the rest is built.
if (selection.length === 0) testSanitizers.forEach(buildPrograms);
const peers = fetchPeers();
const deployTools = fetchDeployTools();

/** Each step that is no suite counts as one check. */
const failedSteps = [];
step('types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']);
step('lint', bin('oxlint'), ['--type-aware', '--deny-warnings', 'src', 'discovery', 'test', 'scripts']);

mkdirSync(join(root, '.cache'), { recursive: true });
rmSync(report, { force: true });
const suiteArguments = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...selection];
const suiteStatus = statusOf(bin('vitest'), suiteArguments);

process.exitCode = summarize();

function step(name, command, args) {
  console.log(`\n== ${name}`);
  if (statusOf(command, args) !== 0) failedSteps.push(name);
}

/**
 * Beside the steps and the first suites, which wait more than they compute, and after them where both want a processor. A suite that comes too early, and one whose
 * program does not compile, builds it by itself.
 */
function buildPrograms(sanitizers) {
  const child = spawn(process.execPath, [join(root, 'scripts', 'native.mjs'), '--tests', sanitizers], { stdio: 'ignore' });
  child.on('error', () => undefined).unref();
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
}

function bin(name) {
  return join(root, 'node_modules', '.bin', name);
}

/** Prints the end of the run; returns the exit code. */
function summarize() {
  const results = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  const counts = countTests(results);
  const notRun = [...missingPeers(peers), ...missingDeployTools(deployTools), ...skippedSuites(results)];
  console.log(`\n== not run (${notRun.length})`);
  for (const line of notRun) console.log(`  ${line}`);
  for (const name of failedSteps) console.log(`  FAILED: ${name}`);
  const passed = counts.passed + 2 - failedSteps.length;
  // A suite that could not be loaded, or an error outside every test, fails the run without a failing test.
  const broken = suiteStatus !== 0 && counts.failed === 0 ? 1 : 0;
  const failed = counts.failed + failedSteps.length + broken;
  console.log(`\n${passed} passed, ${failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`);
  return failed === 0 ? 0 : 1;
}

function countTests(results) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of results?.testResults ?? []) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counts.passed++;
      else if (test.status === 'failed') counts.failed++;
      else counts.skipped++;
    }
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) counts.failed++;
  }
  return counts;
}

function skippedSuites(results) {
  const lines = [];
  for (const file of results?.testResults ?? []) {
    const skipped = file.assertionResults.filter((test) => !['passed', 'failed'].includes(test.status));
    if (skipped.length === 0) continue;
    lines.push(`${relative(root, file.name)}: ${skipped.length} of ${file.assertionResults.length} tests`);
  }
  return lines;
}
