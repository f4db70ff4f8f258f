// The rules of the house, held by a test: who may import whom, which file may know a third-party package, how long a file may be, and that
// the documents name what the code has. A new edge is a new row here, with its reason in the commit.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { flagTable } from '../src/cli/flag-table.ts';
import { renderConfigDocs } from '../src/config/docs.ts';
import { loadConfig } from '../src/config/load.ts';
import { renderDocumentSchema } from '../src/destinations/masters/document-keys.ts';
import { recordFamilies, renderFamilies } from './support/metric-families.ts';

const root = join(import.meta.dirname, '..');
const linesMax = 450;

/** Folder to the folders it may import. Everybody may import `model`, itself, and any `config.ts`: settings are plain data. */
const imports: Readonly<Record<string, readonly string[]>> = {
  model: [],
  io: ['telemetry'],
  // The build's facts become a metric.
  telemetry: ['cli'],
  // Pure parts.
  relabel: [],
  exposition: [],
  // A write request carries metadata types, which the exposition names.
  wire: ['exposition'],
  // Profiles know which addresses and encodings a receiver takes.
  // Quota and overflow are words of the queue.
  // Announced ones arrive as documents of an API server or of a folder, are read as the configuration is, and belong to the owners of their namespaces.
  destinations: ['config', 'io', 'kubernetes', 'owners', 'queue', 'relabel', 'telemetry'],
  // The rules of targets and relabelling are checked at load.
  config: ['discovery', 'io', 'kubernetes', 'relabel', 'targets', 'telemetry'],
  // A sub-command opens the queue itself when no collector runs.
  // `check route` decides as the line does.
  // `roce selfcheck` is a command.
  cli: ['config', 'io', 'owners', 'queue', 'roce', 'route', 'series', 'telemetry', 'wire'],
  // The line.
  // Objects of the API server are watched once, for discovery and for whoever else asks.
  kubernetes: ['io', 'telemetry'],
  discovery: ['config', 'io', 'kubernetes', 'telemetry'],
  targets: ['config', 'discovery', 'relabel', 'telemetry'],
  scrape: ['discovery', 'exposition', 'io', 'relabel', 'targets', 'telemetry'],
  // Who owns a series: the words that routing asks with.
  owners: ['io', 'kubernetes', 'relabel', 'telemetry'],
  // Rules over labels and provenance, and the owner of a series.
  route: ['owners', 'relabel', 'telemetry'],
  series: ['exposition', 'io', 'owners', 'queue', 'relabel', 'route', 'scrape', 'telemetry', 'wire'],
  // What others push is routed and written as scraped series are.
  receive: ['queue', 'route', 'series', 'telemetry', 'wire'],
  queue: ['io', 'telemetry', 'wire'],
  // Counters read at this machine: which ones, patterns say; what became of them, metrics. Native histograms are written as they go over the wire, edges of classic buckets
  // as a scrape normalises them.
  roce: ['exposition', 'io', 'relabel', 'telemetry', 'wire'],
  sender: ['destinations', 'io', 'queue', 'telemetry', 'wire'],
  // What people see: words of every stage as types, and no stage at work.
  web: ['cli', 'config', 'destinations', 'discovery', 'kubernetes', 'owners', 'queue', 'receive', 'relabel', 'roce', 'series', 'telemetry'],
};

/** The files that join everything. */
const joiners = new Set(['src/main.ts', 'src/agent.ts', 'src/agent-destinations.ts', 'src/agent-roce.ts', 'src/agent-view.ts']);

/** Third-party package to the one file that knows it. */
const packages: Readonly<Record<string, string>> = {
  '@bokuweb/zstd-wasm': 'src/wire/zstd.ts',
  '@kubernetes/client-node': 'src/kubernetes/kubeconfig.ts',
  bcryptjs: 'src/web/credentials.ts',
  level: 'src/queue/ledger-store.ts',
  pino: 'src/telemetry/logger.ts',
  'prom-client': 'src/telemetry/metrics.ts',
  '@toondepauw/node-zstd': 'src/wire/zstd.ts',
  re2js: 'src/relabel/regex.ts',
  snappy: 'src/wire/snappy.ts',
  snappyjs: 'src/wire/snappy.ts',
  undici: 'src/io/http/undici-lane.ts',
  yaml: 'src/config/yaml.ts',
};

interface SourceFile {
  /** Below the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function filesBelow(folder: string, pattern: RegExp): SourceFile[] {
  const absolute = join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
    .filter((path) => pattern.test(path) && !path.includes('/fixtures/'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

const source = [...filesBelow('src', /\.ts$/), ...filesBelow('discovery', /\.ts$/)];
const tests = filesBelow('test', /\.ts$/);
const scripts = filesBelow('scripts', /\.mjs$/);
const documents = filesBelow('docs', /\.md$/);

function readDocument(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** `src/queue/queue.ts` belongs to `queue`, everything below discovery/ to `discovery`. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'discovery' ? top : second;
}

function importsOf({ text }: SourceFile): string[] {
  const found = text.matchAll(/(?:from|import|import\(|require\(|require\.resolve\()\s*'([^']+)'/g);
  return [...found].map((match) => match[1] ?? '');
}

function forbiddenImports(file: SourceFile): string[] {
  if (joiners.has(file.path)) return [];
  const from = folderOf(file.path);
  const local = importsOf(file).filter((name) => name.startsWith('.')).map((name) => normalize(join(dirname(file.path), name)).split(sep).join('/'));
  return local.filter((to) => !mayImport(file.path, from, to)).map((to) => `${file.path} imports ${to}`);
}

function mayImport(path: string, from: string, to: string): boolean {
  const folder = folderOf(to);
  if (folder === from || folder === 'model' || to.endsWith('/config.ts')) return true;
  // A section declares its keys with the words of the schema.
  if (/[/-]config\.ts$/.test(path) && folder === 'config') return true;
  return imports[from]?.includes(folder) === true;
}

function packageOf(name: string): string {
  const [first = '', second = ''] = name.split('/');
  return name.startsWith('@') ? `${first}/${second}` : first;
}

function foreignImports(file: SourceFile): string[] {
  const names = importsOf(file).filter((name) => !name.startsWith('.') && !name.startsWith('node:')).map(packageOf);
  return names.filter((name) => packages[name] !== file.path).map((name) => `${file.path} imports ${name}`);
}

describe('imports', () => {
  test('every folder has a row', () => expect([...new Set(source.filter(({ path }) => !joiners.has(path)).map(({ path }) => folderOf(path)))].filter((name) => imports[name] === undefined)).toEqual([]));
  test('follow the table', () => expect(source.flatMap(forbiddenImports)).toEqual([]));
  test('a third-party package is known by one file', () => expect(source.flatMap(foreignImports)).toEqual([]));
  test('the packages of the table are dependencies', () => {
    const { dependencies, optionalDependencies } = JSON.parse(readDocument('package.json')) as Record<string, Record<string, string>>;
    const declared = { ...dependencies, ...optionalDependencies };
    expect(Object.keys(packages).filter((name) => declared[name] === undefined)).toEqual([]);
  });
  test('the lock file describes the packages of every platform (node scripts/lock.mjs)', () => {
    const { packages: entries } = JSON.parse(readDocument('package-lock.json')) as { packages: Record<string, { optionalDependencies?: object }> };
    const wanted = Object.values(entries).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(wanted.filter((name) => !Object.keys(entries).some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
  test('the lock file holds no download address', () => expect(readDocument('package-lock.json')).not.toContain('"resolved"'));
});

describe('files', () => {
  const all = [...source, ...tests, ...scripts];
  /** Words are put together here, so that this file does not hold what it looks for. */
  const joined = (...pieces: string[]) => pieces.join('');
  const unfinished = new RegExp(`\\b(${[joined('TO', 'DO'), joined('FIX', 'ME'), joined('X', 'XX')].join('|')})\\b`);
  const switchedOff = new RegExp(`\\b(test|it|describe)\\.(${[joined('sk', 'ip'), joined('on', 'ly'), joined('to', 'do')].join('|')})\\b(?!If)`);
  const machinePath = new RegExp(`["'\`(\\s](${[joined('/wo', 'rk/'), joined('/ho', 'me/[a-z]'), joined('/Us', 'ers/[a-z]'), joined('/ro', 'ot/')].join('|')})`);

  const pathsWith = (files: readonly SourceFile[], pattern: RegExp) => files.filter(({ text }) => pattern.test(text)).map(({ path }) => path);

  test(`none is longer than ${linesMax} lines`, () => expect(all.filter(({ text }) => text.split('\n').length > linesMax + 1).map(({ path }) => path)).toEqual([]));
  test('each opens with a comment', () => expect(all.filter(({ path, text }) => !path.endsWith('.test.ts') && !/^(#![^\n]*\n)?\/[/*]/.test(text)).map(({ path }) => path)).toEqual([]));
  test('nothing is left unfinished', () => expect(pathsWith([...all, ...documents], unfinished)).toEqual([]));
  test('no test is switched off', () => expect(pathsWith(tests, switchedOff)).toEqual([]));
  test('none names a place of one machine', () => expect(pathsWith([...all, ...documents], machinePath)).toEqual([]));
  test('imports of ours name the extension', () => expect(source.filter((file) => importsOf(file).some((name) => name.startsWith('.') && !name.endsWith('.ts'))).map(({ path }) => path)).toEqual([]));
});

/** Every match of the pattern's first group in the sources, once. */
function namesInSource(pattern: RegExp): string[] {
  return [...new Set(source.flatMap(({ text }) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')))].sort();
}

describe('documents', () => {
  test('docs/metrics.md holds the table of all families (npm run docs)', () => expect(readDocument('docs/metrics.md')).toContain(renderFamilies(recordFamilies())));
  test('docs/metrics.md names every metric in the sources', () => {
    const text = readDocument('docs/metrics.md');
    const names = namesInSource(/['`]((?:tributary|prometheus)_[a-z0-9_]+[a-z0-9])['`]/g);
    // Some literals are the beginning of names that are put together.
    const isPrefix = (name: string) => text.includes(`\`${name}_`);
    expect(names.filter((name) => !text.includes(`\`${name}\``) && !isPrefix(name))).toEqual([]);
  });
  test('docs/errors.md has an entry for every code', () => {
    const text = readDocument('docs/errors.md');
    const codes = namesInSource(/new TributaryError\(\s*'([A-Z0-9_]+)'/g);
    expect(codes.filter((code) => !text.includes(`## ${code}\n`))).toEqual([]);
  });
  test('docs/errors.md has no entry for what does not exist', () => {
    const entries = [...readDocument('docs/errors.md').matchAll(/^## ([A-Z0-9_]+)$/gm)].map((match) => match[1] ?? '');
    const literals = new Set(namesInSource(/'([A-Z][A-Z0-9_]+)'/g));
    expect(entries.filter((code) => !literals.has(code))).toEqual([]);
  });
  test('docs/config.md is what the declarations say (npm run docs)', () => expect(readDocument('docs/config.md') === renderConfigDocs()).toBe(true));
  test('docs/masters.schema.json is what the declarations say (npm run docs)', () => expect(readDocument('docs/masters.schema.json')).toBe(renderDocumentSchema()));
  test.each(filesBelow('deploy', /\.yml$/).map(({ path }) => path))('%s loads without a remark', (path) =>
    expect(loadConfig(join(root, path), { hostName: 'tributary-0', env: { NODE_NAME: 'node-0' } })).toMatchObject({ ok: true, config: { remarks: [] } }));
  test('links between documents lead somewhere', () => expect(brokenLinks()).toEqual([]));
  test('every flag that acts has a sentence', () => expect(flagTable.filter((flag) => 'use' in flag && !flag.use.endsWith('.')).map(({ name }) => name)).toEqual([]));
});

function brokenLinks(): string[] {
  const top = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'].map((path) => ({ path, text: readDocument(path) }));
  return [...top, ...documents].flatMap(({ path, text }) => {
    const targets = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '');
    return targets.filter((target) => !existsSync(join(root, dirname(path), target))).map((target) => `${path} links to ${relative('.', target)}`);
  });
}
