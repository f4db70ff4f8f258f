// From a Kubernetes object as JSON has it to the bytes the API server sends as protobuf, and the envelopes around them. The other side of what the
// collector reads: written with protobufjs' reflection over full schemas, so that nothing is shared with the decoder under test.
//
// As Go's generated code does, a field that is no pointer is always written, empty or not (`required` in the schemas).

import protobuf, { type Field, type Type } from 'protobufjs';
import { groupsSchema } from './schema-groups.ts';
import { metaSchema } from './schema-meta.ts';
import { podSchema } from './schema-pod.ts';

type Json = Readonly<Record<string, unknown>>;

const { root } = protobuf.parse(`syntax = "proto2";${metaSchema}${podSchema}${groupsSchema}`, { keepCase: true });
root.resolveAll();

/** What a field of a message becomes from its value in JSON; undefined leaves it out. */
type Conversion = (value: unknown, path: string) => unknown;

interface FieldPlan {
  readonly name: string;
  /** Its value is the parent itself. */
  readonly isInline: boolean;
  readonly convert: Conversion;
}

interface MessagePlan {
  readonly fields: readonly FieldPlan[];
  /** Names that JSON may use here, those of inlined messages included. */
  readonly names: ReadonlySet<string>;
}

const plans = new Map<Type, MessagePlan>();

/** Bytes of the message `typeName` (a name of the schemas). Fails on a field that the schemas do not know, naming its path. */
export function encodeMessage(typeName: string, value: Json): Buffer {
  const type = root.lookupType(typeName);
  return Buffer.from(type.encode(toMessage(type, value, typeName) as Record<string, unknown>).finish());
}

/** A message as an object of its fields; what is not on the wire is absent. 64-bit numbers become numbers. */
export function decodeMessage(typeName: string, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(typeName);
  return type.toObject(type.decode(bytes), { longs: Number });
}

/** Fails on a field that the schemas do not know, naming its path. */
export function checkFields(typeName: string, value: Json): void {
  toMessage(root.lookupType(typeName), value, typeName);
}

function planOf(type: Type): MessagePlan {
  const known = plans.get(type);
  if (known !== undefined) return known;
  const fields = type.fieldsArray.map((field) => ({ name: field.name, isInline: isInline(field), convert: conversionOf(field) }));
  const inlined = type.fieldsArray.filter(isInline).flatMap((field) => [...planOf(field.resolvedType as Type).names]);
  const plan = { fields, names: new Set([...fields.filter((field) => !field.isInline).map(({ name }) => name), ...inlined]) };
  plans.set(type, plan);
  return plan;
}

function isInline(field: Field): boolean {
  return field.options?.['(inline)'] === true;
}

function toMessage(type: Type, value: unknown, path: string): unknown {
  const special = specials[type.name];
  if (special !== undefined) return special(value);
  const { fields, names } = planOf(type);
  const object = (value ?? {}) as Json;
  for (const name of Object.keys(object)) if (!names.has(name)) throw new Error(`the fake API server has no field ${path}.${name}`);
  return fill(fields, object, path);
}

function fill(fields: readonly FieldPlan[], object: Json, path: string): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const { name, isInline: fromParent, convert } of fields) {
    const converted = convert(fromParent ? object : object[name], `${path}.${name}`);
    if (converted !== undefined) message[name] = converted;
  }
  return message;
}

/** An inlined message takes the names it knows from the parent. */
function inlineMessage(type: Type, parent: unknown, path: string): unknown {
  return fill(planOf(type).fields, (parent ?? {}) as Json, path);
}

function conversionOf(field: Field): Conversion {
  const one = valueConversion(field);
  if (field.map) return (value, path) => mapValues((value ?? {}) as Json, (entry, key) => one(entry, `${path}.${key}`));
  if (field.repeated) return (value, path) => ((value ?? []) as unknown[]).map((entry, i) => one(entry, `${path}[${i}]`));
  if (field.required) return one;
  return (value, path) => (value === undefined || value === null ? undefined : one(value, path));
}

function mapValues(object: Json, convert: (value: unknown, key: string) => unknown): Record<string, unknown> {
  // Go's generated code writes maps in the order of their keys.
  return Object.fromEntries(Object.keys(object).sort().map((key) => [key, convert(object[key], key)]));
}

function valueConversion(field: Field): Conversion {
  const type = field.resolvedType as Type | null;
  if (type !== null) return isInline(field) ? (value, path) => inlineMessage(type, value, path) : (value, path) => toMessage(type, value, path);
  if (field.type === 'string') return (value) => value ?? '';
  if (field.type === 'bool') return (value) => value ?? false;
  if (field.type === 'bytes') return (value) => Buffer.from((value as string | undefined) ?? '', 'base64');
  return (value) => value ?? 0;
}

/** Messages whose JSON is not an object of their fields. */
const specials: Readonly<Record<string, (value: unknown) => unknown>> = {
  Time: timeMessage,
  MicroTime: timeMessage,
  Quantity: (value) => ({ string: typeof value === 'number' ? value.toString() : value ?? '' }),
  FieldsV1: (value) => ({ Raw: Buffer.from(JSON.stringify(value)) }),
  IntOrString: (value) => (typeof value === 'string' ? { type: 1, intVal: 0, strVal: value } : { type: 0, intVal: value ?? 0, strVal: '' }),
};

/** The zero time has no fields. */
function timeMessage(value: unknown): unknown {
  if (value === undefined || value === null) return {};
  const ms = Date.parse(value as string);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round(ms - seconds * 1000) * 1_000_000 };
}

const MAGIC = Buffer.from('k8s\0');

/** Magic and envelope around the bytes of a message, as every protobuf body begins. */
export function envelope({ apiVersion, kind, raw }: { readonly apiVersion: string; readonly kind: string; readonly raw: Uint8Array }): Buffer {
  const unknown = root.lookupType('Unknown');
  return Buffer.concat([MAGIC, unknown.encode({ typeMeta: { apiVersion, kind }, raw, contentEncoding: '', contentType: '' }).finish()]);
}

/** The other way round. Fails when the bytes do not begin with the magic. */
export function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw new Error('a protobuf body begins with k8s and a zero byte');
  const { typeMeta, raw } = decodeMessage('Unknown', bytes.subarray(MAGIC.length)) as { typeMeta: { apiVersion: string; kind: string }; raw: Uint8Array };
  return { ...typeMeta, raw };
}

/** One event of a watch: four bytes of length, then the event, whose object has magic and envelope again. */
export function watchFrame(type: string, object: Uint8Array): Buffer {
  const event = root.lookupType('WatchEvent').encode({ type, object: { raw: object } }).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

export interface ListMetadata {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** The bytes of a list: its metadata and its items, which are messages already. */
export function encodeList(metadata: ListMetadata, items: readonly Uint8Array[]): Buffer {
  const head = encodeMessage('ListMeta', metadata as Json);
  return Buffer.concat([...delimited(0x0a, head), ...items.flatMap((item) => delimited(0x12, item))]);
}

function delimited(tag: number, bytes: Uint8Array): Uint8Array[] {
  const prefix = [tag];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) prefix.push((rest & 127) | 128);
  prefix.push(rest);
  return [Uint8Array.from(prefix), bytes];
}
