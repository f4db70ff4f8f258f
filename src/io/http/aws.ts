// Signs requests to Amazon Managed Prometheus (service `aps`): finds region and credentials where AWS tools look for them (configuration,
// environment, profile files) and takes on a role through STS where one is configured. Files are read at each use of fresh credentials.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorText } from '../../model/error.ts';
import type { AuthDependencies, AuthRequest, Authenticator, HeaderList } from './auth.ts';
import { defaultHttpClientSettings } from './config.ts';
import type { Sigv4Settings } from './config.ts';
import { HttpError } from './error.ts';
import { signV4 } from './sigv4.ts';
import type { AwsCredentials } from './sigv4.ts';
import type { HttpClient } from './types.ts';

const SERVICE = 'aps';
/** Credentials of a role are renewed this long before they expire, as the AWS SDK does. */
const ROLE_MARGIN_MS = 5 * 60_000;
const STS_ANSWER_BYTES_MAX = 64 * 1024;
/** Headers that describe the body; proxies do not change them, so they can be signed. */
const SIGNED_HEADERS = new Set(['content-type', 'content-encoding']);

type Environment = Readonly<Record<string, string | undefined>>;

export function createAwsSigner(settings: Sigv4Settings, deps: AuthDependencies): Authenticator {
  return new AwsSigner(settings, deps);
}

class AwsSigner implements Authenticator {
  readonly fixed = undefined;
  readonly #settings: Sigv4Settings;
  readonly #deps: AuthDependencies;
  readonly #environment: Environment;
  #stsClient: HttpClient | undefined;
  #role: { readonly credentials: AwsCredentials; readonly renewAtMs: number } | undefined;
  #assuming: Promise<AwsCredentials> | undefined;

  constructor(settings: Sigv4Settings, deps: AuthDependencies) {
    this.#settings = settings;
    this.#deps = deps;
    this.#environment = deps.options.environment ?? process.env;
  }

  headers(request: AuthRequest): HeaderList | Promise<HeaderList> {
    const region = findRegion(this.#settings, this.#environment);
    const credentials = this.#credentials(region, request.timeoutMs);
    if (credentials instanceof Promise) return credentials.then((c) => this.#sign(request, c, region));
    return this.#sign(request, credentials, region);
  }

  refused(): boolean {
    const hadRole = this.#role !== undefined;
    this.#role = undefined;
    return hadRole;
  }

  #sign(request: AuthRequest, credentials: AwsCredentials, region: string): HeaderList {
    const { authority, target } = request.url;
    const body = request.body ?? new Uint8Array();
    const headers = signedHeaders(request.headers);
    return signV4({ method: request.method, authority, target, headers, body }, credentials, { service: SERVICE, region, nowMs: this.#nowMs() });
  }

  #credentials(region: string, timeoutMs: number): AwsCredentials | Promise<AwsCredentials> {
    if (this.#settings.roleArn === undefined || this.#settings.roleArn === '') return findCredentials(this.#settings, this.#environment);
    if (this.#role !== undefined && this.#nowMs() < this.#role.renewAtMs) return this.#role.credentials;
    this.#assuming ??= this.#assume(this.#settings.roleArn, region, timeoutMs).finally(() => (this.#assuming = undefined));
    return this.#assuming;
  }

  /** STS AssumeRole, a signed form. Source: AWS STS API reference, version 2011-06-15. */
  async #assume(roleArn: string, region: string, timeoutMs: number): Promise<AwsCredentials> {
    const form = new URLSearchParams({ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: roleArn, RoleSessionName: `${Math.floor(this.#nowMs())}` });
    if (this.#settings.externalId !== undefined && this.#settings.externalId !== '') form.set('ExternalId', this.#settings.externalId);
    const url = stsUrl(region, this.#settings.useFipsStsEndpoint, this.#environment);
    const body = Buffer.from(form.toString());
    const headers = ['Content-Type', 'application/x-www-form-urlencoded'];
    const signed = signV4(
      { method: 'POST', authority: new URL(url).host, target: '/', headers, body },
      findCredentials(this.#settings, this.#environment),
      { service: 'sts', region, nowMs: this.#nowMs() },
    );
    this.#stsClient ??= this.#deps.createClient({ ...defaultHttpClientSettings, proxy: { fromEnvironment: true, connectHeaders: [] } });
    const request = { method: 'POST', url, headers: toRecord([...headers, ...signed]), body, timeoutMs, maxBodyBytes: STS_ANSWER_BYTES_MAX };
    const answer = await this.#stsClient.request(request);
    const text = answer.body.toString('utf8');
    if (answer.status !== 200) throw new HttpError('configuration', `sigv4: cannot assume role ${roleArn}: ${answer.status}: ${xmlField(text, 'Message')}`);
    this.#role = parseRole(text, roleArn);
    return this.#role.credentials;
  }

  #nowMs(): number {
    return this.#deps.clock.nowMs();
  }
}

/** The parent endpoint of a region; `AWS_ENDPOINT_URL_STS` names another one, as for AWS' own tools. */
function stsUrl(region: string, fips: boolean, environment: Environment): string {
  const own = environment['AWS_ENDPOINT_URL_STS'];
  if (own !== undefined && own !== '') return own;
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return `https://sts${fips ? '-fips' : ''}.${region}.${domain}/`;
}

function parseRole(text: string, roleArn: string): { credentials: AwsCredentials; renewAtMs: number } {
  const accessKey = xmlField(text, 'AccessKeyId');
  const secretKey = xmlField(text, 'SecretAccessKey');
  if (accessKey === '' || secretKey === '') throw new HttpError('configuration', `sigv4: answer for role ${roleArn} holds no credentials`);
  const sessionToken = xmlField(text, 'SessionToken');
  const expiresAtMs = Date.parse(xmlField(text, 'Expiration'));
  return { credentials: { accessKey, secretKey, sessionToken }, renewAtMs: (Number.isNaN(expiresAtMs) ? 0 : expiresAtMs) - ROLE_MARGIN_MS };
}

function xmlField(text: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
}

function signedHeaders(headers: HeaderList): string[] {
  const signed: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (SIGNED_HEADERS.has(headers[i]!.toLowerCase())) signed.push(headers[i]!, headers[i + 1]!);
  }
  return signed;
}

function toRecord(pairs: HeaderList): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) record[pairs[i]!] = pairs[i + 1]!;
  return record;
}

/** Configuration, `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile in the configuration file. */
export function findRegion(settings: Sigv4Settings, environment: Environment): string {
  const region = settings.region || environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  if (region !== undefined && region !== '') return region;
  const profile = profileName(settings, environment);
  const fromFile = readProfile(configPath(environment), profile === 'default' ? profile : `profile ${profile}`)?.get('region');
  if (fromFile !== undefined) return fromFile;
  throw new HttpError('configuration', 'sigv4: region not configured in sigv4 or in default credentials chain');
}

/** Configuration, a profile that is asked for, the environment, then the default profile. */
export function findCredentials(settings: Sigv4Settings, environment: Environment): AwsCredentials {
  if (settings.accessKey !== undefined && settings.secretKey !== undefined) {
    return { accessKey: settings.accessKey, secretKey: settings.secretKey.reveal() };
  }
  const named = settings.profile !== undefined && settings.profile !== '';
  const credentials = (named ? undefined : fromEnvironment(environment)) ?? fromProfile(settings, environment);
  if (credentials !== undefined) return credentials;
  throw new HttpError('configuration', `sigv4: no AWS credentials in configuration, environment or profile "${profileName(settings, environment)}"`);
}

function fromEnvironment(environment: Environment): AwsCredentials | undefined {
  const accessKey = environment['AWS_ACCESS_KEY_ID'];
  const secretKey = environment['AWS_SECRET_ACCESS_KEY'];
  if (accessKey === undefined || accessKey === '' || secretKey === undefined || secretKey === '') return undefined;
  return withToken(accessKey, secretKey, environment['AWS_SESSION_TOKEN']);
}

function fromProfile(settings: Sigv4Settings, environment: Environment): AwsCredentials | undefined {
  const profile = profileName(settings, environment);
  const path = environment['AWS_SHARED_CREDENTIALS_FILE'] || join(homeOf(environment), '.aws', 'credentials');
  const section = readProfile(path, profile) ?? readProfile(configPath(environment), profile === 'default' ? profile : `profile ${profile}`);
  const accessKey = section?.get('aws_access_key_id');
  const secretKey = section?.get('aws_secret_access_key');
  if (accessKey === undefined || secretKey === undefined) return undefined;
  return withToken(accessKey, secretKey, section?.get('aws_session_token'));
}

function withToken(accessKey: string, secretKey: string, sessionToken: string | undefined): AwsCredentials {
  return sessionToken === undefined || sessionToken === '' ? { accessKey, secretKey } : { accessKey, secretKey, sessionToken };
}

function profileName(settings: Sigv4Settings, environment: Environment): string {
  return settings.profile || environment['AWS_PROFILE'] || 'default';
}

function configPath(environment: Environment): string {
  return environment['AWS_CONFIG_FILE'] || join(homeOf(environment), '.aws', 'config');
}

function homeOf(environment: Environment): string {
  return environment['HOME'] || homedir();
}

/** One section of an AWS profile file. */
function readProfile(path: string, section: string): Map<string, string> | undefined {
  if (!existsSync(path)) return undefined;
  let found: Map<string, string> | undefined;
  let inside = false;
  for (const line of readLines(path)) {
    const heading = /^\s*\[\s*(.*?)\s*\]/.exec(line);
    if (heading !== null) {
      inside = heading[1] === section;
      if (inside) found ??= new Map();
      continue;
    }
    const pair = inside ? /^([^#;=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) : null;
    if (pair !== null) found?.set(pair[1]!, pair[2]!);
  }
  return found;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (cause) {
    throw new HttpError('configuration', `sigv4: unable to read ${path}: ${errorText(cause)}`, { cause });
  }
}
