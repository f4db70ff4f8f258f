// Judges objects by schemas: those of Kubernetes itself (its OpenAPI definitions in the strict form, which knows no unknown fields) for several
// releases, and for the resources of prometheus-operator our own, which know the fields that we use and no other.
// Source of the latter: API reference of prometheus-operator, monitoring.coreos.com/v1.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Ajv, type AnySchema, type ErrorObject } from 'ajv';
import { deployTools, type Manifest } from './deploy-tools.ts';

interface Definitions {
  readonly $defs: Readonly<Record<string, { readonly 'x-kubernetes-group-version-kind'?: readonly { readonly group: string; readonly version: string; readonly kind: string }[] }>>;
}

const strict = (properties: Readonly<Record<string, AnySchema>>, required: readonly string[]) => ({ type: 'object', additionalProperties: false, properties, required });
const texts = { type: 'object', additionalProperties: { type: 'string' } };
const duration = { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$' };

const selector = strict(
  {
    matchLabels: texts,
    matchExpressions: {
      type: 'array',
      items: strict({ key: { type: 'string' }, operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, values: { type: 'array', items: { type: 'string' } } }, ['key', 'operator']),
    },
  },
  [],
);
const relabeling = strict({ sourceLabels: { type: 'array', items: { type: 'string' } }, targetLabel: { type: 'string' } }, ['sourceLabels', 'targetLabel']);
const endpoints = {
  type: 'array',
  minItems: 1,
  items: strict({ port: { type: 'string' }, path: { type: 'string', pattern: '^/' }, interval: duration, relabelings: { type: 'array', items: relabeling } }, ['port']),
};
const rule = strict({ alert: { type: 'string', pattern: '^[A-Z]\\w+$' }, expr: { type: 'string' }, for: duration, labels: texts, annotations: texts }, ['alert', 'expr']);
const group = strict({ name: { type: 'string', minLength: 1 }, interval: duration, rules: { type: 'array', minItems: 1, items: rule } }, ['name', 'rules']);

const monitoringSpecs: Readonly<Record<string, AnySchema>> = {
  ServiceMonitor: strict({ jobLabel: { type: 'string' }, selector, endpoints }, ['selector', 'endpoints']),
  PodMonitor: strict({ jobLabel: { type: 'string' }, selector, podMetricsEndpoints: endpoints }, ['selector', 'podMetricsEndpoints']),
  PrometheusRule: strict({ groups: { type: 'array', minItems: 1, items: group } }, ['groups']),
};

/** Annotations of OpenAPI (formats, x-kubernetes-*) are no rules of JSON Schema: they are passed over. */
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });

/** Whether an object fits; what does not is in `errors` until the next call. */
interface Judge {
  (object: Manifest): boolean;
  readonly errors?: readonly ErrorObject[] | null;
}

/** The judges of one kind, by release. */
const judges = new Map<string, readonly (readonly [release: string, judge: Judge])[]>();

const releases = deployTools.schemas.map((file) => {
  const definitions = JSON.parse(readFileSync(file, 'utf8')) as Definitions;
  const release = basename(file, '.json');
  // Without its `$schema`: that names a draft by an address that this library does not know by heart.
  ajv.addSchema({ $defs: definitions.$defs, $id: release }, release);
  return { release, definitions };
});

/** What is wrong with an object, in every release: empty when nothing is. */
export function schemaProblems(object: Manifest): string[] {
  const key = `${object.apiVersion} ${object.kind}`;
  let found = judges.get(key);
  if (found === undefined) judges.set(key, (found = judgesOf(object)));
  if (found.length === 0) return [`${key} is in no schema`];
  return found.flatMap(([release, judge]) => {
    const fits: boolean = judge(object);
    const where = `${release}: ${key} ${object.metadata.name}`;
    return fits ? [] : (judge.errors ?? []).map(({ instancePath, message, params }) => `${where}${instancePath} ${message} ${JSON.stringify(params)}`);
  });
}

function judgesOf({ apiVersion, kind }: Manifest): (readonly [string, Judge])[] {
  if (apiVersion === 'monitoring.coreos.com/v1') return monitoringJudge(kind);
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return releases.flatMap(({ release, definitions }) => {
    const name = Object.entries(definitions.$defs).find(([, { 'x-kubernetes-group-version-kind': kinds = [] }]) => kinds.some((one) => one.group === group && one.version === version && one.kind === kind))?.[0];
    return name === undefined ? [] : [[release, compile({ $ref: `${release}#/$defs/${name}` })] as const];
  });
}

function monitoringJudge(kind: string): (readonly [string, Judge])[] {
  const spec = monitoringSpecs[kind];
  if (spec === undefined) return [];
  const metadata = strict({ name: { type: 'string' }, namespace: { type: 'string' }, labels: texts }, ['name', 'labels']);
  return [['prometheus-operator', compile(strict({ apiVersion: {}, kind: {}, metadata, spec }, ['apiVersion', 'kind', 'metadata', 'spec']))]];
}

function compile(schema: AnySchema): Judge {
  return ajv.compile(schema);
}
