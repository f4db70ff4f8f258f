// `tributary check config FILE`: everything that a start would say about a file, without starting, for people and (the last line) for programs.

import { accessSync, constants } from 'node:fs';
import type { DiscoverySettings } from '../../discovery/config.ts';
import type { HttpClientSettings, TlsSettings } from '../io/http/config.ts';
import { errorText } from '../model/error.ts';
import { loadConfig } from './load.ts';
import { formatProblem, formatRemark } from './problem.ts';
import type { Remark } from './problem.ts';
import type { LoadedConfig, Settings } from './settings.ts';

export interface CheckOptions {
  /** See LoadOptions. */
  readonly from?: 2;
}

/** Writes problems and remarks of one file line by line, then the result and one line of JSON. Returns the exit code: 0, or 1 with problems. */
export function checkConfig(path: string, write: (line: string) => void, options: CheckOptions = {}): number {
  write(`Checking ${path}`);
  const result = loadConfig(path, options);
  if (!result.ok) {
    for (const problem of result.problems) write(`  ${formatProblem(problem)}`);
    write(`  FAILED: ${count(result.problems.length, 'problem')}`);
    write(JSON.stringify({ check: 'config', file: path, ok: false, problems: result.problems.length }));
    return 1;
  }
  const remarks = [...result.config.remarks, ...fileRemarks(result.config)];
  for (const remark of remarks) write(`  ${formatRemark(remark)}`);
  write(`  SUCCESS: ${path} is a valid configuration`);
  write(JSON.stringify({ check: 'config', file: path, ok: true, problems: 0, ...figures(result.config.settings, remarks), ...(options.from === 2 && { differences: countOf('from_2', remarks) }) }));
  return 0;
}

function figures(settings: Settings, remarks: readonly Remark[]): Readonly<Record<string, number>> {
  return {
    jobs: settings.scrape.length,
    destinations: settings.destinations.length,
    warnings: countOf('warning', remarks),
    noEffect: countOf('no_effect', remarks),
    ignoredSections: countOf('ignored_section', remarks),
  };
}

function countOf(kind: Remark['kind'], remarks: readonly Remark[]): number {
  return remarks.filter((remark) => remark.kind === kind).length;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** Files are read at each use, so a missing one is no problem of the configuration: that target fails or that destination parks. */
function fileRemarks(config: LoadedConfig): Remark[] {
  const remarks: Remark[] = [];
  for (const [path, file] of usedFiles(config.settings)) {
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      remarks.push(warning(config, path, `cannot read ${file}: ${errorText(error)}`));
    }
  }
  return remarks;
}

function warning(config: LoadedConfig, path: string, text: string): Remark {
  return { kind: 'warning', file: config.files[0] ?? '', line: 0, column: 0, path, text };
}

type UsedFile = readonly [path: string, file: string];

function usedFiles(settings: Settings): UsedFile[] {
  const used: UsedFile[] = [];
  for (const job of settings.scrape) {
    const at = `job ${JSON.stringify(job.jobName)}`;
    used.push(...clientFiles(job.http, at));
    for (const discovery of job.discovery) used.push(...discoveryFiles(discovery, at));
  }
  for (const [index, destination] of settings.destinations.entries()) used.push(...clientFiles(destination.http, `remote_write[${index}]`));
  return used;
}

function discoveryFiles(discovery: DiscoverySettings, at: string): UsedFile[] {
  if (discovery.kind === 'http') return clientFiles(discovery.http, `${at}.http_sd_configs`);
  if (discovery.kind !== 'kubernetes') return [];
  const { server } = discovery;
  if (server.kind === 'kubeconfig') return [[`${at}.kubernetes_sd_configs.kubeconfig_file`, server.path]];
  return server.kind === 'url' ? clientFiles(server.http, `${at}.kubernetes_sd_configs`) : [];
}

function clientFiles(http: HttpClientSettings, at: string): UsedFile[] {
  const { basicAuth, authorization, oauth2 } = http;
  const found: (readonly [path: string, file: string | undefined])[] = [
    [`${at}.basic_auth.username_file`, basicAuth?.usernameFile],
    [`${at}.basic_auth.password_file`, basicAuth?.passwordFile],
    [`${at}.authorization.credentials_file`, authorization?.credentialsFile],
    [`${at}.oauth2.client_secret_file`, oauth2?.clientSecretFile],
    [`${at}.oauth2.client_certificate_key_file`, oauth2?.clientCertificateKeyFile],
    ...tlsFiles(http.tls, at),
    ...(oauth2 === undefined ? [] : tlsFiles(oauth2.tls, `${at}.oauth2`)),
    ...http.headers.flatMap((header) => header.files.map((file) => [`${at}.http_headers.${header.name}.files`, file] as const)),
  ];
  return found.filter((one): one is UsedFile => one[1] !== undefined);
}

function tlsFiles(tls: TlsSettings, at: string): (readonly [path: string, file: string | undefined])[] {
  return [
    [`${at}.tls_config.ca_file`, tls.caFile],
    [`${at}.tls_config.cert_file`, tls.certFile],
    [`${at}.tls_config.key_file`, tls.keyFile],
  ];
}
