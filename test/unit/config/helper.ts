// What every test of the configuration needs: load a text as a file, and see problems as lines.

import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem, formatRemark } from '../../../src/config/problem.ts';
import type { LoadedConfig } from '../../../src/config/settings.ts';

export const file = '/etc/tributary/prometheus.yml';

export function load(text: string, env: NodeJS.ProcessEnv = {}) {
  return loadConfig(file, { readFile: () => Buffer.from(text), env });
}

/** The problems of a text, one line each without the file; empty when it loads. */
export function problems(text: string): string[] {
  const result = load(text);
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem).replace(`${file}:`, ''));
}

/** The configuration of a text that must load. */
export function loaded(text: string, env: NodeJS.ProcessEnv = {}): LoadedConfig {
  const result = load(text, env);
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.config;
}

export function remarks(text: string): string[] {
  return loaded(text).remarks.map((remark) => formatRemark(remark).replace(`${file}:`, ''));
}

/** The only job of a configuration whose job has these further lines. */
export function job(lines: string, global = '') {
  const text = `global:\n  scrape_interval: 15s\n${indent(global, 2)}\nscrape_configs:\n- job_name: j\n${indent(lines, 2)}\n`;
  const first = loaded(text).settings.scrape[0];
  if (first === undefined) throw new Error('no job');
  return first;
}

export function indent(lines: string, by: number): string {
  return lines.split('\n').map((line) => ' '.repeat(by) + line).join('\n');
}
