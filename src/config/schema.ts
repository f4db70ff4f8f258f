// The schema: each key is declared once, with name, type, unit, default, limit and one sentence, and this declaration yields the parser, the
// checks, docs/config.md and the JSON Schema. A `Type` reads a node and prints a value; a `Key` places a type under a name; a `block` is a
// type made of keys. What is wrong is collected in the `Context`, never thrown: one load reports every problem.
//
// null follows Go: it is the zero value of the type, not the default (`honor_timestamps:` without a value is false, as in Prometheus).

import { nearest } from '../model/nearest.ts';
import { isNull } from './node.ts';
import type { MapEntry, MapNode, Node, Position } from './node.ts';
import type { Problem, Remark } from './problem.ts';

/** Where a file stands and what was found in it. */
export interface Context {
  readonly file: string;
  /** Relative paths in the file begin here. */
  readonly folder: string;
  readonly problems: Problem[];
  readonly remarks: Remark[];
}

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface Type<T> {
  /** For people: `duration`, `list of string`. */
  readonly name: string;
  /** What null gives. */
  readonly zero: T;
  readonly json: JsonSchema;
  /** The keys of a block, of a list's items or of a map's values: the documents print them as a section of their own. */
  readonly keys?: Keys;
  /** Reads a node that is not null; undefined after it reported a problem. */
  read(node: Node, path: string, context: Context): T | undefined;
  /** The value as plain data for YAML; undefined to leave the key out. Secrets are masked. */
  print(value: T): unknown;
}

export interface Key<T> {
  readonly type: Type<T>;
  readonly default: T;
  readonly nullValue: T;
  readonly doc: string;
  readonly unit?: string;
  readonly limit?: string;
  /** The default in words, where it is not a plain value. */
  readonly defaultText?: string;
  /** Why the key changes nothing here: written with a value that is not the default, it becomes a remark. */
  readonly noEffect?: string;
}

export type Keys = Readonly<Record<string, Key<unknown>>>;
export type ValueOf<K> = K extends Key<infer T> ? T : never;
export type Values<K extends Keys> = { readonly [P in keyof K]: ValueOf<K[P]> };

/** A block as it was read. `values` holds defaults for what is absent, and for what was refused (`bad`). */
export interface Block<K extends Keys> {
  readonly values: Values<K>;
  /** The keys that are written in the file. */
  readonly explicit: ReadonlySet<string>;
  readonly bad: ReadonlySet<string>;
  readonly path: string;
  readonly at: Position;
  readonly places: ReadonlyMap<string, Position>;
  readonly context: Context;
}

/** A block of any keys, for helpers that only need its place. */
export type AnyBlock = Omit<Block<Keys>, 'values'> & { readonly values: object };

export interface KeyExtras {
  readonly unit?: string;
  readonly limit?: string;
  readonly defaultText?: string;
  readonly noEffect?: string;
}

export function key<T>(type: Type<T>, defaultValue: NoInfer<T>, doc: string, extras: KeyExtras = {}): Key<T> {
  return { type, default: defaultValue, nullValue: type.zero, doc, ...extras };
}

/** A key whose absence means something of its own: `undefined`. */
export function optional<T>(type: Type<T>, doc: string, extras: KeyExtras = {}): Key<T | undefined> {
  return { type, default: undefined, nullValue: undefined, doc, ...extras };
}

export interface BlockOptions<K extends Keys> {
  /** Checks that need more than one key. Runs after all keys were read, also when some were refused. */
  readonly check?: (block: Block<K>) => void;
  /** Print only what is written, for blocks in which writing a default means something. */
  readonly printExplicitOnly?: boolean;
  /** Names that get an explanation of their own instead of "not found". */
  readonly refused?: (name: string) => string | undefined;
  /** A null block has all defaults instead of zero values. */
  readonly nullIsDefault?: boolean;
}

export function block<K extends Keys>(keys: K, options: BlockOptions<K> = {}): Type<Block<K>> {
  const zeroEntry = (name: string): unknown => (options.nullIsDefault === true ? keys[name]?.default : keys[name]?.nullValue);
  return {
    name: 'block',
    zero: emptyBlock(keys, zeroEntry),
    keys,
    json: blockJson(keys),
    read: (node, path, context) => readBlock(node, path, context, keys, options),
    print: (value) => printBlock(value, keys, options.printExplicitOnly === true),
  };
}

const nowhere: Position = { line: 0, column: 0 };
const noContext: Context = { file: '', folder: '', problems: [], remarks: [] };

function emptyBlock<K extends Keys>(keys: K, valueOf: (name: string) => unknown): Block<K> {
  const values = Object.fromEntries(Object.keys(keys).map((name) => [name, valueOf(name)])) as Values<K>;
  return { values, explicit: new Set(), bad: new Set(), path: '', at: nowhere, places: new Map(), context: noContext };
}

/** A block in which nothing is written. */
export function defaultBlock<K extends Keys>(keys: K, path = '', context: Context = noContext): Block<K> {
  return { ...emptyBlock(keys, (name) => keys[name]?.default), path, context };
}

function readBlock<K extends Keys>(node: Node, path: string, context: Context, keys: K, options: BlockOptions<K>): Block<K> | undefined {
  if (node.kind !== 'map') return wrongType(node, path, context, 'a mapping of keys');
  const values: Record<string, unknown> = { ...defaultBlock(keys).values };
  const places = new Map<string, Position>();
  const bad = new Set<string>();
  for (const entry of knownEntries(node, path, context, keys, options)) {
    places.set(entry.key, entry.at);
    const value = readKey(entry, path, context, keys[entry.key] as Key<unknown>);
    if (value === failed) bad.add(entry.key);
    else values[entry.key] = value;
  }
  const built: Block<K> = { values: values as Values<K>, explicit: new Set(places.keys()), bad, path, at: node.at, places, context };
  options.check?.(built);
  return built;
}

const failed = Symbol('failed');

function readKey(entry: MapEntry, parent: string, context: Context, declared: Key<unknown>): unknown {
  const path = joinPath(parent, entry.key);
  const value = isNull(entry.value) ? nullValue(declared, entry, path, context) : declared.type.read(entry.value, path, context);
  if (value === undefined && !isNull(entry.value)) return failed;
  const changes = declared.noEffect !== undefined && !sameValue(declared, value);
  if (changes) context.remarks.push({ kind: 'no_effect', file: context.file, ...entry.at, path, text: declared.noEffect ?? '' });
  return value;
}

/** A null block keeps its place, so that a check that fails on zero values can name it. */
function nullValue(declared: Key<unknown>, entry: MapEntry, path: string, context: Context): unknown {
  const value = declared.nullValue;
  if (declared.type.keys === undefined || declared.type.name !== 'block' || value === undefined) return value;
  return { ...(value as Block<Keys>), path, at: entry.at, context };
}

/** Whether the value is the default; for an optional key that is the zero value. */
function sameValue(declared: Key<unknown>, value: unknown): boolean {
  const print = (v: unknown) => (v === undefined ? undefined : JSON.stringify(declared.type.print(v)));
  return print(value) === print(declared.default ?? declared.type.zero);
}

function* knownEntries<K extends Keys>(node: MapNode, path: string, context: Context, keys: K, options: BlockOptions<K>): Generator<MapEntry> {
  const seen = new Set<string>();
  for (const entry of node.entries) {
    const at = joinPath(path, entry.key);
    if (!Object.hasOwn(keys, entry.key)) report(context, entry.at, at, options.refused?.(entry.key) ?? unknownKeyText(entry.key, Object.keys(keys)));
    else if (seen.has(entry.key)) report(context, entry.at, at, `field ${entry.key} already set, expected each key once`);
    else {
      seen.add(entry.key);
      yield entry;
    }
  }
}

function unknownKeyText(name: string, known: readonly string[]): string {
  const close = nearest(name, known);
  if (close !== undefined) return `field ${name} not found, the nearest known key is ${close}`;
  return `field ${name} not found, expected one of ${known.join(', ')}`;
}

function printBlock<K extends Keys>(value: Block<K>, keys: K, explicitOnly: boolean): Record<string, unknown> {
  const printed: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(keys)) {
    if (explicitOnly && !value.explicit.has(name)) continue;
    const own = (value.values as Record<string, unknown>)[name];
    if (own === undefined) continue;
    const plain = declared.type.print(own);
    if (plain !== undefined && !(isEmpty(plain) && emptyByDefault(declared))) printed[name] = plain;
  }
  return printed;
}

/** Empty values are left out, unless the key's default is something else. */
function isEmpty(plain: unknown): boolean {
  return plain === '' || (typeof plain === 'object' && plain !== null && Object.keys(plain).length === 0);
}

/** An optional block that is written but empty (`basic_auth: {}`) stays: its presence means something. */
function emptyByDefault(declared: Key<unknown>): boolean {
  if (declared.default === undefined) return declared.type.name !== 'block';
  return isEmpty(declared.type.print(declared.default));
}

function blockJson(keys: Keys): JsonSchema {
  const properties: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(keys)) {
    properties[name] = { ...declared.type.json, description: declared.doc };
  }
  return { type: ['object', 'null'], properties, additionalProperties: false };
}

export function joinPath(path: string, name: string): string {
  const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : JSON.stringify(name);
  return path === '' ? plain : `${path}.${plain}`;
}

export function report(context: Context, at: Position, path: string, text: string): undefined {
  context.problems.push({ file: context.file, line: at.line, column: at.column, path, text });
}

/** Reports a problem of a block: at the key where that is written, else at the block itself. */
export function fail(at: AnyBlock, name: string | undefined, text: string): void {
  const place = name === undefined ? undefined : at.places.get(name);
  report(at.context, place ?? at.at, name === undefined ? at.path : joinPath(at.path, name), text);
}

export function remark(at: AnyBlock, name: string | undefined, kind: Remark['kind'], text: string): void {
  const place = (name === undefined ? undefined : at.places.get(name)) ?? at.at;
  const path = name === undefined ? at.path : joinPath(at.path, name);
  at.context.remarks.push({ kind, file: at.context.file, line: place.line, column: place.column, path, text });
}

/**
 * Reports a node of the wrong kind. The text of a scalar is quoted only where a number or a bool is due: what stands in the place of a
 * mapping or a list may be a secret that slipped a level up.
 */
export function wrongType(node: Node, path: string, context: Context, expected: string, quote = false): undefined {
  const text = node.kind === 'scalar' && quote ? ` ${JSON.stringify(shorten(node.text))}` : '';
  const found = node.kind === 'scalar' ? `${node.tag}${text}` : node.kind === 'list' ? '!!seq' : '!!map';
  return report(context, node.at, path, `cannot unmarshal ${found}, expected ${expected}`);
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
