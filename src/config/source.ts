// Reading the files of a configuration: bytes, gzip, UTF-8, YAML, and the block of the schema that the file is read as.
//
// A gzipped file is one that the Prometheus operator wrote: beside a Prometheus stands a reloader that unpacks it and fills in `$(NAME)` from the
// environment of the pod (`$(POD_NAME)`, `$(SHARD)`). Here the collector does both itself. Taken literally, `regex: $(SHARD)` would match nothing and
// every target would be dropped without a word.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { errorText } from '../model/error.ts';
import { expandReferences } from './env.ts';
import { isNull } from './node.ts';
import type { Problem, Remark } from './problem.ts';
import type { Context, Type } from './schema.ts';
import { parseYaml } from './yaml.ts';

/** The most text of one file after decompression: a thousand times a usual configuration, and a bound for a bad gzip file. */
const fileBytesMax = 64 * 1024 ** 2;

/** What one load reads and finds. */
export interface Sources {
  readonly readFile: (file: string) => Uint8Array;
  /** For `$(NAME)` in gzipped files. */
  readonly env: NodeJS.ProcessEnv;
  /** Content by file, in the order of reading. */
  readonly contents: Map<string, Uint8Array>;
  readonly problems: Problem[];
  readonly remarks: Remark[];
}

export function createSources(readFile: (file: string) => Uint8Array = (file) => readFileSync(file), env: NodeJS.ProcessEnv = process.env): Sources {
  return { readFile, env, contents: new Map(), problems: [], remarks: [] };
}

/** Reads a file as a block; undefined after a problem was reported. An empty file has nothing but defaults. */
export function readAs<T>(sources: Sources, file: string, type: Type<T>): T | undefined {
  const context: Context = { file, folder: path.dirname(path.resolve(file)), problems: sources.problems, remarks: sources.remarks };
  const read = readText(sources, context);
  if (read === undefined) return undefined;
  const document = read.isGzip ? parseYaml(read.text, (text, refuse) => expandReferences(text, sources.env, refuse)) : parseYaml(read.text);
  for (const problem of document.problems) sources.problems.push({ file, line: problem.at.line, column: problem.at.column, path: '', text: problem.text });
  if (document.problems.length > 0) return undefined;
  return document.root === undefined || isNull(document.root) ? type.zero : type.read(document.root, '', context);
}

/** The two bytes that every gzip file begins with; no YAML does, because control characters are not allowed in it. */
function hasGzipMagic(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function readText(sources: Sources, { file }: Context): { readonly text: string; readonly isGzip: boolean } | undefined {
  const isNamedGzip = file.endsWith('.gz');
  try {
    const bytes = sources.readFile(file);
    sources.contents.set(file, bytes);
    const isGzip = isNamedGzip || hasGzipMagic(bytes);
    const plain = isGzip ? gunzipSync(bytes, { maxOutputLength: fileBytesMax }) : bytes;
    if (plain.length > fileBytesMax) throw new Error(`the file has ${plain.length} bytes, expected at most ${fileBytesMax}`);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(plain), isGzip };
  } catch (error) {
    sources.problems.push({ file, line: 0, column: 0, path: '', text: `cannot read the file: ${errorText(error)}, expected YAML in UTF-8${isNamedGzip ? ', compressed with gzip' : ''}` });
    return undefined;
  }
}

/** Changes when any file's content changes, or when files come or go. */
export function hashContents(contents: ReadonlyMap<string, Uint8Array>): string {
  const hash = createHash('sha256');
  for (const [file, bytes] of [...contents].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${file.length}:${file}:${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex');
}
