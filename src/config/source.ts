// Reading the files of a configuration: bytes, gzip, UTF-8, YAML, and the block of the schema that the file is read as.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { errorText } from '../model/error.ts';
import { isNull } from './node.ts';
import type { Problem, Remark } from './problem.ts';
import type { Context, Type } from './schema.ts';
import { parseYaml } from './yaml.ts';

/** The most text of one file after decompression: a thousand times a usual configuration, and a bound for a bad gzip file. */
const fileBytesMax = 64 * 1024 ** 2;

/** What one load reads and finds. */
export interface Sources {
  readonly readFile: (file: string) => Uint8Array;
  /** Content by file, in the order of reading. */
  readonly contents: Map<string, Uint8Array>;
  readonly problems: Problem[];
  readonly remarks: Remark[];
}

export function createSources(readFile: (file: string) => Uint8Array = (file) => readFileSync(file)): Sources {
  return { readFile, contents: new Map(), problems: [], remarks: [] };
}

/** Reads a file as a block; undefined after a problem was reported. An empty file has nothing but defaults. */
export function readAs<T>(sources: Sources, file: string, type: Type<T>): T | undefined {
  const context: Context = { file, folder: path.dirname(path.resolve(file)), problems: sources.problems, remarks: sources.remarks };
  const text = readText(sources, context);
  if (text === undefined) return undefined;
  const document = parseYaml(text);
  for (const problem of document.problems) sources.problems.push({ file, line: problem.at.line, column: problem.at.column, path: '', text: problem.text });
  if (document.problems.length > 0) return undefined;
  return document.root === undefined || isNull(document.root) ? type.zero : type.read(document.root, '', context);
}

function readText(sources: Sources, context: Context): string | undefined {
  const { file } = context;
  try {
    const bytes = sources.readFile(file);
    sources.contents.set(file, bytes);
    const plain = file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: fileBytesMax }) : bytes;
    if (plain.length > fileBytesMax) throw new Error(`the file has ${plain.length} bytes, expected at most ${fileBytesMax}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (error) {
    sources.problems.push({ file, line: 0, column: 0, path: '', text: `cannot read the file: ${errorText(error)}, expected YAML in UTF-8${file.endsWith('.gz') ? ', compressed with gzip' : ''}` });
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
