import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkConfig, type CheckOptions } from '../../../src/config/check.ts';

describe('check config', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'check-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function check(text: string, options: CheckOptions = {}): { readonly code: number; readonly lines: string[]; readonly last: unknown } {
    const file = path.join(folder, 'p.yml');
    writeFileSync(file, text);
    const lines: string[] = [];
    const code = checkConfig(file, (line) => void lines.push(line.replaceAll(folder, '')), options);
    return { code, lines, last: JSON.parse(lines.at(-1) ?? 'null') };
  }

  test('a good file answers 0 and ends with its figures', () => {
    const { code, lines, last } = check('scrape_configs: [{job_name: j}]\nremote_write: [{url: http://x/w, name: a}]');
    expect(code).toBe(0);
    expect(lines.slice(0, -1)).toEqual(['Checking /p.yml', '  SUCCESS: /p.yml is a valid configuration']);
    expect(last).toEqual({ check: 'config', file: '/p.yml', ok: true, problems: 0, jobs: 1, destinations: 1, warnings: 0, noEffect: 0, ignoredSections: 0 });
  });

  test('a bad file answers 1 and lists all problems', () => {
    const { code, lines, last } = check('foo: 1\nglobal: {scrape_interval: x}');
    expect(code).toBe(1);
    expect(lines[1]).toMatch(/^ {2}\/p\.yml:1:1: foo: field foo not found/);
    expect(lines[2]).toMatch(/^ {2}\/p\.yml:2:27: global\.scrape_interval: not a valid duration string: "x"/);
    expect(lines[3]).toBe('  FAILED: 2 problems');
    expect(last).toEqual({ check: 'config', file: '/p.yml', ok: false, problems: 2 });
  });

  test('asked what differs from 2.x, it tells and counts; the answer stays 0', () => {
    const text = 'global: {metric_name_validation_scheme: legacy}\nscrape_configs:\n- job_name: j';
    const { code, lines, last } = check(text, { from: 2 });
    expect(code).toBe(0);
    expect(lines[1]).toMatch(/^ {2}\/p\.yml:3:3: scrape_configs\[0\]: differs from Prometheus 2\.x: /);
    expect(last).toMatchObject({ ok: true, differences: 1, warnings: 0 });
    expect(check(text).last).not.toHaveProperty('differences');
  });

  test('what has no effect, is ignored or deserves a warning is listed', () => {
    const { code, lines, last } = check('rule_files: [x]\nremote_write: [{url: http://x/w, send_native_histograms: true, bearer_token_file: token, tls_config: {ca_file: ca.pem}}]');
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('/p.yml:1:1: rule_files: ignored section: rules are not evaluated here');
    expect(lines.join('\n')).toContain('/p.yml:2:34: remote_write[0].send_native_histograms: no effect: ');
    expect(lines.join('\n')).toContain('remote_write[0]: warning: has no name'.replace(']: ', '].name: '));
    expect(lines.join('\n')).toContain('remote_write[0].authorization.credentials_file: warning: cannot read /token: ENOENT');
    expect(lines.join('\n')).toContain('remote_write[0].tls_config.ca_file: warning: cannot read /ca.pem: ENOENT');
    expect(last).toMatchObject({ ok: true, warnings: 3, noEffect: 1, ignoredSections: 1 });
  });

  test('files that a discovery needs and that cannot be read are listed', () => {
    const { lines } = check(`scrape_configs:
- {job_name: a, http_sd_configs: [{url: 'http://x', bearer_token_file: token}]}
- {job_name: b, kubernetes_sd_configs: [{role: pod, kubeconfig_file: kube.conf}, {role: pod, api_server: 'https://x', tls_config: {ca_file: ca.pem}}, {role: node}]}`);
    expect(lines.filter((line) => line.includes('cannot read')).map((line) => line.replace(/^.*?: job/, 'job').replace(/: ENOENT.*/, ''))).toEqual([
      'job "a".http_sd_configs.authorization.credentials_file: warning: cannot read /token',
      'job "b".kubernetes_sd_configs.kubeconfig_file: warning: cannot read /kube.conf',
      'job "b".kubernetes_sd_configs.tls_config.ca_file: warning: cannot read /ca.pem',
    ]);
  });
});
