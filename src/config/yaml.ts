// From text to nodes and back. This is the only file that knows the `yaml` package. The document is read with the failsafe schema, in
// which every scalar stays text; what a text means is decided in node.ts. Merge keys and aliases are resolved here.

import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments, stringify, visit } from 'yaml';
import type { Alias, Document, Pair, Scalar, YAMLMap } from 'yaml';
import { plainTag } from './node.ts';
import type { ListNode, MapEntry, MapNode, Node, Position, ScalarNode, ScalarTag } from './node.ts';

export interface YamlProblem {
  readonly at: Position;
  readonly text: string;
}

export interface YamlDocument {
  /** Absent when the text is empty or not YAML at all. */
  readonly root?: Node;
  readonly problems: readonly YamlProblem[];
}

/** Nodes that aliases and merge keys may add to a document: enough for any real file, far below what a bomb needs to hurt. */
const aliasNodesMax = 100_000;
/** Nesting that a document may have; real configurations stay below 15, and the walk over it is recursive. */
const depthMax = 100;

/** Puts something else in the place of a scalar's text; `refuse` reports a problem at its place. */
export type ExpandText = (text: string, refuse: (problem: string) => void) => string;

/**
 * Reads the first document of a text; further ones are not looked at, as in Prometheus. Never throws for bad YAML. `expand` sees the text of every
 * scalar and key before its kind is decided, so that `modulus: $(SHARDS)` is a number.
 */
export function parseYaml(text: string, expand: ExpandText = (value) => value): YamlDocument {
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control !== null) {
    return { problems: [{ at: positionIn(text, control.index), text: 'control characters are not allowed, expected printable text' }] };
  }
  const { document, padded, lines } = parseFirst(text);
  if (document === undefined) return { problems: [] };
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col - (padded.has(line) ? flowPad.length : 0), 1) };
  };
  const first = document.errors[0];
  if (first !== undefined) return { problems: [{ at: position(first.pos[0]), text: syntaxText(first.code) }] };
  const walk: Walk = { aliases: findAliases(document), position, expand, problems: [], open: new Set(), aliasNodes: 0, aliasDepth: 0, depth: 0 };
  const root = document.contents === null ? undefined : toNode(document.contents, walk);
  return root === undefined || walk.problems.length > 0 ? { problems: walk.problems } : { root, problems: [] };
}

interface Parsed {
  readonly document: Document.Parsed | undefined;
  readonly lines: LineCounter;
  /** Numbers of the lines that got blanks in front. */
  readonly padded: ReadonlySet<number>;
}

/**
 * Prometheus' parser does not look at indentation inside brackets, the package does: it ends a list at a line that is not indented deeper
 * than its key. Such a line gets blanks in front and the text is read again; when that leads nowhere, the first answer counts.
 */
function parseFirst(text: string): Parsed {
  const asWritten = parseOnce(text, new Set());
  const lines = text.split('\n');
  const padded = new Set<number>();
  let parsed = asWritten;
  for (let line = flowIndentLine(parsed); line !== undefined; line = flowIndentLine(parsed)) {
    if (padded.has(line) || padded.size === flowPadsMax) return asWritten;
    padded.add(line);
    lines[line - 1] = flowPad + (lines[line - 1] ?? '');
    parsed = parseOnce(lines.join('\n'), padded);
  }
  return parsed.document?.errors.length === 0 ? parsed : asWritten;
}

/** Deeper than any key stands. */
const flowPad = ' '.repeat(2 * depthMax);
/** Lines that are repaired: each costs reading the whole text once more. */
const flowPadsMax = 200;

function parseOnce(text: string, padded: ReadonlySet<number>): Parsed {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: false, prettyErrors: false, lineCounter: lines, logLevel: 'silent' });
  const document = Array.isArray(documents) ? (documents as Document.Parsed[])[0] : undefined;
  return { document, lines, padded: new Set(padded) };
}

/** The line at which a bracket was ended for want of indentation. */
function flowIndentLine({ document, lines }: Parsed): number | undefined {
  const error = document?.errors[0];
  const isFlow = error?.code === 'BAD_INDENT' && error.message.startsWith('Flow');
  return isFlow ? lines.linePos(error.pos[0]).line : undefined;
}

/** Plain values as YAML text, one key per line, long strings unfolded. */
export function printYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, version: '1.1', schema: 'yaml-1.1' });
}

/** Our words per error code: the package's own may quote the line, and the line may hold a secret. */
const syntaxTexts: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'bad alias or anchor name',
  BAD_COLLECTION_TYPE: 'the tag does not fit this kind of value',
  BAD_DIRECTIVE: 'unknown %-directive',
  BAD_DQ_ESCAPE: 'unknown escape sequence in a double-quoted string',
  BAD_INDENT: 'wrong indentation, or a bracket without its partner',
  BAD_PROP_ORDER: 'anchor or tag at the wrong place',
  BAD_SCALAR_START: 'a plain value cannot start with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin inside a line of another mapping (a quote or line break may be missing)',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside brackets',
  IMPOSSIBLE: 'not YAML',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a closing quote, bracket, comma, colon or space is missing',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line (is a colon missing?)',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_TAGS: 'a value can have one tag only',
  TAB_AS_INDENT: 'found a tab where indentation is due, expected blanks',
  TAG_RESOLVE_FAILED: 'the tag is unknown or does not fit its value',
  UNEXPECTED_TOKEN: 'unexpected text at this place',
};

function syntaxText(code: string): string {
  return `not valid YAML: ${syntaxTexts[code] ?? 'syntax error'}`;
}

interface Walk {
  readonly aliases: ReadonlyMap<Alias, unknown>;
  readonly position: (offset: number) => Position;
  readonly expand: ExpandText;
  readonly problems: YamlProblem[];
  /** Anchored nodes whose aliases are being resolved: an alias to one of them is a loop. */
  readonly open: Set<unknown>;
  aliasNodes: number;
  aliasDepth: number;
  depth: number;
}

function toNode(node: unknown, walk: Walk): Node {
  const at = place(node, walk);
  if (isAlias(node)) return aliasNode(node, walk);
  if (walk.aliasDepth > 0 && ++walk.aliasNodes > aliasNodesMax) return refuse(walk, at, `document contains excessive aliasing, expected at most ${aliasNodesMax} repeated nodes`);
  if (walk.depth > depthMax) return refuse(walk, at, `nested too deeply, expected at most ${depthMax} levels`);
  if (isScalar(node)) return scalarNode(node, at, walk);
  if (!isMap(node) && !isSeq(node)) return nullNode(at);
  if (walk.open.has(node)) return refuse(walk, at, 'the value contains itself through an alias');
  walk.open.add(node);
  walk.depth++;
  const built = isMap(node) ? mapNode(node, at, walk) : listNode(node.items, at, walk);
  walk.depth--;
  walk.open.delete(node);
  return built;
}

function place(node: unknown, walk: Walk): Position {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return walk.position(range?.[0] ?? 0);
}

function nullNode(at: Position): ScalarNode {
  return { kind: 'scalar', at, text: '', tag: '!!null' };
}

function refuse(walk: Walk, at: Position, text: string): ScalarNode {
  if (!walk.problems.some((known) => known.text === text)) walk.problems.push({ at, text });
  return nullNode(at);
}

/** The anchor's name is not quoted in the problem: `password: *abc` without quotes is a password. */
function aliasNode(node: Alias, walk: Walk): Node {
  const target = walk.aliases.get(node);
  if (target === undefined) return refuse(walk, place(node, walk), 'unknown anchor (a value that begins with * needs quotes)');
  walk.aliasDepth++;
  const resolved = toNode(target, walk);
  walk.aliasDepth--;
  return resolved;
}

/** Every alias with the node it stands for: the last one before it that carries its anchor. */
function findAliases(document: Document.Parsed): Map<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) targets.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function scalarNode(node: Scalar, at: Position, walk: Walk): ScalarNode {
  const text = walk.expand(typeof node.value === 'string' ? node.value : (node.source ?? ''), (problem) => void walk.problems.push({ at, text: problem }));
  const tag = scalarTag(node, text);
  if (tag !== '!!binary') return { kind: 'scalar', at, text, tag };
  const compact = text.replaceAll(/\s/g, '');
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact)) {
    return refuse(walk, at, '!!binary value contains invalid base64 data');
  }
  return { kind: 'scalar', at, text: Buffer.from(compact, 'base64').toString('utf8'), tag };
}

const coreTags: Readonly<Record<string, ScalarTag>> = {
  'tag:yaml.org,2002:null': '!!null',
  'tag:yaml.org,2002:bool': '!!bool',
  'tag:yaml.org,2002:int': '!!int',
  'tag:yaml.org,2002:float': '!!float',
  'tag:yaml.org,2002:str': '!!str',
  'tag:yaml.org,2002:binary': '!!binary',
};

function scalarTag(node: Scalar, text: string): ScalarTag {
  if (node.tag !== undefined && node.tag !== '!') return coreTags[node.tag] ?? '!!str';
  const plain = node.type === 'PLAIN' || node.type === undefined;
  return plain && node.tag === undefined ? plainTag(text) : '!!str';
}

function listNode(items: readonly unknown[], at: Position, walk: Walk): ListNode {
  return { kind: 'list', at, items: items.map((item) => toNode(isPair(item) ? item.value : item, walk)) };
}

function mapNode(node: YAMLMap, at: Position, walk: Walk): MapNode {
  const entries: MapEntry[] = [];
  const merged: MapEntry[] = [];
  for (const pair of node.items) {
    const entry = mapEntry(pair, walk);
    if (isMergeKey(pair)) merged.push(...mergedEntries(entry.value, walk));
    else entries.push(entry);
  }
  const own = new Set(entries.map((entry) => entry.key));
  for (const entry of merged) {
    if (own.has(entry.key)) continue;
    own.add(entry.key);
    entries.push(entry);
  }
  return { kind: 'map', at, entries };
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === '<<' && (pair.key.type ?? 'PLAIN') === 'PLAIN';
}

function mapEntry(pair: Pair, walk: Walk): MapEntry {
  const at = place(pair.key, walk);
  const key = toNode(pair.key, walk);
  if (key.kind !== 'scalar') walk.problems.push({ at, text: 'a key must be plain text' });
  const value = pair.value === null || pair.value === undefined ? nullNode(at) : toNode(pair.value, walk);
  return { key: key.kind === 'scalar' ? key.text : '', at, value };
}

/** The entries of one map, or of a list of maps of which earlier ones win. */
function mergedEntries(value: Node, walk: Walk): MapEntry[] {
  if (value.kind === 'map') return [...value.entries];
  if (value.kind === 'list' && value.items.every((item) => item.kind === 'map')) return value.items.flatMap((item) => mergedEntries(item, walk));
  refuse(walk, value.at, 'map merge requires map or sequence of maps as the value');
  return [];
}

function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
