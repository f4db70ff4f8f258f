// The types that keys are declared with. Each reads one kind of node and prints the value so that it reads back equal. Messages keep
// Prometheus' words where it has some, followed by what is expected.

import * as path from 'node:path';
import { redactUrl } from '../io/http/redact.ts';
import { Secret } from '../model/secret.ts';
import { parseDuration, printDuration } from './duration.ts';
import { boolValue, floatValue, intValue, isNull } from './node.ts';
import type { Node } from './node.ts';
import { joinPath, report, wrongType } from './schema.ts';
import type { Context, JsonSchema, Type } from './schema.ts';
import { parseSize, printSize } from './size.ts';
import { checkUrl } from './url.ts';

type Reader<T> = (text: string, at: { readonly node: Node; readonly path: string; readonly context: Context }) => T | undefined;

/** A type of which the text of any scalar is the value, whatever it looks like: `1`, `yes` and `1.0` are strings here. */
function scalar<T>(name: string, zero: T, read: Reader<T>, print: (value: T) => unknown, json: JsonSchema): Type<T> {
  return {
    name,
    zero,
    json,
    print,
    read(node, at, context) {
      if (node.kind !== 'scalar') return wrongType(node, at, context, `a ${name}`);
      return read(node.text, { node, path: at, context });
    },
  };
}

const stringJson: JsonSchema = { type: ['string', 'number', 'boolean', 'null'] };

export const text: Type<string> = scalar('string', '', (value) => value, (value) => value, stringJson);

export const secret: Type<Secret> = scalar('secret', new Secret(''), (value) => new Secret(value), (value) => String(value), stringJson);

/** A path; a relative one begins at the folder of the file it is written in. */
export const filePath: Type<string> = scalar('path', '', (value, { context }) => resolvePath(value, context), (value) => value, stringJson);

export function resolvePath(value: string, context: Context): string {
  return value === '' || path.isAbsolute(value) ? value : path.join(context.folder, value);
}

/** A path that may hold `*`; the syntax is checked as written, before the folder comes in front of it. */
export function pathPattern(syntax: RegExp, refuse: (quoted: string) => string): Type<string> {
  const read: Reader<string> = (value, at) => (syntax.test(value) ? resolvePath(value, at.context) : report(at.context, at.node.at, at.path, refuse(JSON.stringify(value))));
  return scalar('path pattern', '', read, (value) => value, stringJson);
}

/** Milliseconds. */
export const duration: Type<number> = scalar(
  'duration',
  0,
  (value, at) => {
    const parsed = parseDuration(value);
    return parsed.ok ? parsed.ms : report(at.context, at.node.at, at.path, `${parsed.text}, expected a duration such as 15s or 1h30m`);
  },
  printDuration,
  { ...stringJson, pattern: '^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$' },
);

/** Bytes; may be negative, as in Prometheus. */
export const size: Type<number> = scalar(
  'size',
  0,
  (value, at) => {
    const parsed = parseSize(value);
    return parsed.ok ? parsed.bytes : report(at.context, at.node.at, at.path, `${parsed.text}, expected a size with a unit such as 512KB or 10MiB`);
  },
  printSize,
  stringJson,
);

/** A URL in the syntax that Go's parser accepts; its password is masked when printed. */
export const url: Type<string> = scalar(
  'URL',
  '',
  (value, at) => {
    const problem = checkUrl(value);
    return problem === undefined ? value : report(at.context, at.node.at, at.path, `${problem}, expected a URL`);
  },
  redactUrl,
  stringJson,
);

export const bool: Type<boolean> = {
  name: 'bool',
  zero: false,
  json: { type: ['boolean', 'null'] },
  print: (value) => value,
  read(node, at, context) {
    const value = node.kind === 'scalar' && node.tag === '!!bool' ? boolValue(node.text) : undefined;
    return value ?? wrongType(node, at, context, 'true or false', true);
  },
};

/** The number of an int or float scalar; Go cuts the fraction off where an integer is due. */
function numberOf(node: Node): bigint | undefined {
  if (node.kind !== 'scalar') return undefined;
  if (node.tag === '!!int') return intValue(node.text);
  if (node.tag !== '!!float') return undefined;
  const value = floatValue(node.text);
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined;
}

function integer<T extends number | bigint>(name: string, range: readonly [bigint, bigint], convert: (value: bigint) => T): Type<T> {
  return {
    name,
    zero: convert(0n),
    json: { type: ['number', 'null'], ...(range[0] === 0n ? { minimum: 0 } : {}) },
    print: (value) => value,
    read(node, at, context) {
      const value = numberOf(node);
      if (value !== undefined && value >= range[0] && value <= range[1]) return convert(value);
      return wrongType(node, at, context, range[0] === 0n ? 'a whole number, 0 or more (uint)' : 'a whole number (int)', true);
    },
  };
}

const int64Max = 2n ** 63n - 1n;
export const uint = integer('count', [0n, 2n ** 64n - 1n], Number);
export const uint64 = integer('count', [0n, 2n ** 64n - 1n], (value) => value);
export const int = integer('integer', [-int64Max - 1n, int64Max], Number);

export const float: Type<number> = {
  name: 'number',
  zero: 0,
  json: { type: ['number', 'null'] },
  print: (value) => value,
  read(node, at, context) {
    if (node.kind === 'scalar' && node.tag === '!!float') return floatValue(node.text);
    const whole = numberOf(node);
    return whole === undefined ? wrongType(node, at, context, 'a number', true) : Number(whole);
  },
};

/** One of a few words. `refuse` gives Prometheus' message. The empty word is kept where `words` holds it. */
export function choice<T extends string>(words: readonly T[], refuse: (value: string) => string): Type<T> {
  const first = words.includes('' as T) ? ('' as T) : (words[0] as T);
  const shown = words.filter((word) => word !== '');
  return scalar(
    `one of ${shown.map((word) => `\`${word}\``).join(', ')}`,
    first,
    (value, at) => {
      const found = words.find((word) => word === value);
      return found ?? report(at.context, at.node.at, at.path, `${refuse(value)}, expected one of ${shown.join(', ')}`);
    },
    (value) => value,
    { enum: [...words, null] },
  );
}

/** Items in order. A null item is refused with `nullItem`, or is the zero value of the item's type. */
export function listOf<T>(item: Type<T>, nullItem?: string): Type<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    zero: [],
    json: { type: ['array', 'null'], items: item.json },
    ...(item.keys === undefined ? {} : { keys: item.keys }),
    print: (value) => value.map((one) => item.print(one)),
    read: (node, at, context) => (node.kind === 'list' ? readItems(node.items, item, nullItem, at, context) : wrongType(node, at, context, `a list of ${item.name}`)),
  };
}

function readItems<T>(nodes: readonly Node[], item: Type<T>, nullItem: string | undefined, at: string, context: Context): T[] | undefined {
  const values: T[] = [];
  let complete = true;
  for (const [index, node] of nodes.entries()) {
    const place = `${at}[${index}]`;
    const value = isNull(node) ? (nullItem === undefined ? item.zero : report(context, node.at, place, `${nullItem}, expected ${item.name}`)) : item.read(node, place, context);
    if (value === undefined) complete = false;
    else values.push(value);
  }
  return complete ? values : undefined;
}

/** Values under free names. `checkName` refuses a name with the text it returns. */
export function mapOf<T>(value: Type<T>, checkName?: (name: string) => string | undefined): Type<ReadonlyMap<string, T>> {
  return {
    name: `map of string to ${value.name}`,
    zero: new Map(),
    json: { type: ['object', 'null'], additionalProperties: value.json },
    ...(value.keys === undefined ? {} : { keys: value.keys }),
    print: (map) => Object.fromEntries([...map].map(([name, one]) => [name, value.print(one)])),
    read: (node, at, context) => readMap(node, value, checkName, at, context),
  };
}

function readMap<T>(node: Node, type: Type<T>, checkName: ((name: string) => string | undefined) | undefined, at: string, context: Context): Map<string, T> | undefined {
  if (node.kind !== 'map') return wrongType(node, at, context, `a map of string to ${type.name}`);
  const values = new Map<string, T>();
  let complete = true;
  for (const entry of node.entries) {
    const place = joinPath(at, entry.key);
    const refused = values.has(entry.key) ? `key ${JSON.stringify(entry.key)} already set in map, expected each key once` : checkName?.(entry.key);
    if (refused !== undefined) report(context, entry.at, place, refused);
    const value = isNull(entry.value) ? type.zero : type.read(entry.value, place, context);
    if (value === undefined || refused !== undefined) complete = false;
    else values.set(entry.key, value);
  }
  return complete ? values : undefined;
}

/** Whatever stands there, as plain data: for keys whose content is passed on, or is not looked at. */
export const anything: Type<unknown> = {
  name: 'anything',
  zero: null,
  json: {},
  print: (value) => value,
  read: (node) => plainData(node),
};

function plainData(node: Node): unknown {
  if (node.kind === 'list') return node.items.map(plainData);
  if (node.kind === 'map') return Object.fromEntries(node.entries.map((entry) => [entry.key, plainData(entry.value)]));
  if (node.tag === '!!null') return null;
  if (node.tag === '!!bool') return boolValue(node.text);
  return node.tag === '!!int' || node.tag === '!!float' ? Number(node.tag === '!!int' ? intValue(node.text) : floatValue(node.text)) : node.text;
}
