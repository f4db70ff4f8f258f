// A document becomes the settings of a destination, or the list of what is wrong with it. It is written by somebody who may change a Secret and nothing else here, so
// nothing in it is believed: what it names is checked against what the operator allows, and its identity comes from where it lies.

import { X509Certificate, createPrivateKey } from 'node:crypto';
import { isNull } from '../../config/node.ts';
import type { Position } from '../../config/node.ts';
import { formatProblem } from '../../config/problem.ts';
import { checkRules } from '../../config/rules.ts';
import { defaultBlock, fail, report } from '../../config/schema.ts';
import type { Context } from '../../config/schema.ts';
import { parseYaml } from '../../config/yaml.ts';
import { errorText } from '../../model/error.ts';
import { buildRelabel } from '../../relabel/config.ts';
import { buildDestination, destinationKeys, remoteWriteKeys } from '../config.ts';
import type { DestinationSettings } from '../config.ts';
import type { MastersSettings } from './config.ts';
import { documentBlock } from './document-keys.ts';
import type { DocumentBlock } from './document-keys.ts';
import { growthProblem } from './growth.ts';
import type { Guard } from './guard.ts';

/** A document with certificates and a hundred rules has 30 KiB. A Secret may have 1 MiB, and each of them is parsed here. Bytes. */
export const DOCUMENT_BYTES_MAX = 64 * 1024;
/** A page of problems helps nobody. */
const PROBLEMS_MAX = 20;

export interface DocumentPlace {
  /** For problems: `hero-user-a/tributary-route`. */
  readonly shown: string;
  /** What the place tells, and the name that follows from it. */
  readonly owner: string;
  readonly name: string;
}

export type ReadDocument = { readonly ok: true; readonly settings: DestinationSettings } | { readonly ok: false; readonly problems: readonly string[] };

/** Never throws for what is in the document. */
export function readDocument(bytes: Uint8Array, place: DocumentPlace, settings: MastersSettings, guard: Guard): ReadDocument {
  if (bytes.length > DOCUMENT_BYTES_MAX) return refused(`${place.shown}: the document has ${bytes.length} bytes, expected at most ${DOCUMENT_BYTES_MAX}`);
  const context: Context = { file: place.shown, folder: '', problems: [], remarks: [] };
  const at = parse(bytes, context);
  if (at !== undefined) checkClaims(at, place, settings, guard);
  if (at === undefined || context.problems.length > 0) return refused(...context.problems.map(formatProblem));
  return { ok: true, settings: build(at, place, settings) };
}

function refused(...problems: readonly string[]): ReadDocument {
  const rest = problems.length - PROBLEMS_MAX;
  return { ok: false, problems: rest > 0 ? [...problems.slice(0, PROBLEMS_MAX), `and ${rest} more`] : problems };
}

function parse(bytes: Uint8Array, context: Context): DocumentBlock | undefined {
  const tell = (text: string, at: Position = { line: 0, column: 0 }) => report(context, at, '', text);
  const text = decode(bytes);
  if (text === undefined) return tell('the document is not UTF-8, expected YAML or JSON');
  const { root, problems } = parseYaml(text);
  for (const problem of problems) tell(problem.text, problem.at);
  if (problems.length > 0) return undefined;
  if (root === undefined || isNull(root)) return tell('the document is empty, expected endpoints at least');
  return documentBlock.read(root, '', context);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What the schema cannot know: whose document it is, and what is allowed here. */
function checkClaims(at: DocumentBlock, { owner }: DocumentPlace, settings: MastersSettings, guard: Guard): void {
  const { values } = at;
  if (values.owner !== undefined && values.owner !== owner) fail(at, 'owner', `claims ${JSON.stringify(values.owner)}, but its place belongs to ${JSON.stringify(owner)}, expected no other owner`);
  if (values.replica_label !== undefined && settings.replica === undefined) fail(at, 'replica_label', 'nothing here tells replicas apart, expected tributary.masters.replica to be set');
  values.endpoints.forEach((endpoint, i) => {
    const problem = endpointProblem(endpoint, guard);
    if (problem !== undefined) fail(at, 'endpoints', `endpoint ${i + 1} ${problem}`);
  });
  checkRules(at, 'utf8');
  const growth = growthProblem(values.write_relabel_configs.map(buildRelabel));
  if (growth !== undefined) fail(at, 'write_relabel_configs', `rule ${growth.rule} ${growth.text}`);
  checkTls(at);
}

function endpointProblem(endpoint: string, guard: Guard): string | undefined {
  if (!URL.canParse(endpoint)) return 'cannot be read as a URL, expected one as in remote_write';
  // The parser turns every way to write an IPv4 address into the usual one.
  const reason = guard.refuseHost(new URL(endpoint).hostname.replace(/^\[|\]$/g, ''));
  return reason === undefined ? undefined : `leads to ${reason}`;
}

/** Material that cannot be read would otherwise fail with each request, long after the good one is gone. */
function checkTls({ values }: DocumentBlock): void {
  const tls = values.tls_config;
  const { ca, cert, key } = tls.values;
  const attempt = (name: string, read: () => unknown) => {
    try {
      read();
    } catch (error) {
      fail(tls, name, `cannot be read: ${errorText(error)}, expected PEM`);
    }
  };
  if (ca !== undefined && ca !== '') attempt('ca', () => new X509Certificate(ca));
  if (cert === undefined || cert === '' || key === undefined) return;
  attempt('cert', () => new X509Certificate(cert));
  attempt('key', () => createPrivateKey(key.reveal()));
}

function build({ values }: DocumentBlock, { owner, name }: DocumentPlace, { limits, replica }: MastersSettings): DestinationSettings {
  const [url = '', ...endpoints] = values.endpoints;
  const { replica_label: replicaLabel, owner: _owner, endpoints: _endpoints, profile, lanes, out_of_order_window, ...written } = values;
  const entry = defaultBlock(remoteWriteKeys);
  const own = defaultBlock(destinationKeys);
  const settings = buildDestination(
    { ...entry, values: { ...entry.values, ...written, name, url } },
    { ...own, values: { ...own.values, ...limits.values, owner, endpoints, profile, lanes, out_of_order_window } },
  );
  return replicaLabel === undefined || replica === undefined ? settings : { ...settings, replicaLabel: { name: replicaLabel, value: replica } };
}
