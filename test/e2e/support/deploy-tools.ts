// The real engines for what stands below deploy/, as scripts/deploy-tools.mjs brought them: Helm renders the chart, kubectl the overlays. A suite
// asks for what it needs and is skipped, visibly, where that is missing.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export interface DeployTools {
  readonly helm?: 'binary' | 'library';
  /** Commands, the oldest kubectl first. */
  readonly kubectl: readonly string[];
  /** Files of OpenAPI definitions, one per release of Kubernetes. */
  readonly schemas: readonly string[];
}

/** An object as an engine gives it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export type Values = Readonly<Record<string, unknown>>;

/** What Helm makes of values: objects and notes, or why it refuses. */
export type Rendering = { readonly objects: readonly Manifest[] } | { readonly refusal: string };

export const root = join(import.meta.dirname, '..', '..', '..');
export const chartFolder = join(root, 'deploy', 'helm', 'tributary');
const folder = join(root, '.cache', 'deploy-tools');

export const deployTools: DeployTools = readTools();

function readTools(): DeployTools {
  const file = join(folder, 'tools.json');
  if (!existsSync(file)) return { kubectl: [], schemas: [] };
  const { helm, kubectl, schemas } = JSON.parse(readFileSync(file, 'utf8')) as DeployTools;
  const place = (name: string) => (name.includes('/') ? join(folder, name) : name);
  return { ...(helm !== undefined && { helm }), kubectl: kubectl.map(place), schemas: schemas.map((name) => join(folder, name)) };
}

/** Reads {chart, cases} and writes one {"manifests": [...]} or {"refusal": ...} per case: all in one process, since the library is large. */
const librarySource = `
import json, sys
from helm_python.chart import Chart
from helm_python.errors import HelmError
task = json.load(sys.stdin)
chart = Chart.load(task["chart"])
answers = []
for values in task["cases"]:
    try:
        chart.validate_schema(values)
        rendered = chart.render(values, name="tributary", namespace="monitoring")
        answers.append({"manifests": [text for name, text in rendered.items() if name.endswith(".yaml")]})
    except HelmError as error:
        answers.append({"refusal": str(error)})
json.dump(answers, sys.stdout)
`;

/** Renders the chart as release `tributary` in namespace `monitoring`, once per set of values. */
export function renderChart(...cases: readonly Values[]): Rendering[] {
  return deployTools.helm === 'binary' ? cases.map(renderByBinary) : renderByLibrary(cases);
}

function renderByLibrary(cases: readonly Values[]): Rendering[] {
  const env = { ...process.env, PYTHONPATH: join(folder, 'helm') };
  const output = succeed('python3', ['-c', librarySource], { input: JSON.stringify({ chart: chartFolder, cases }), env });
  const answers = JSON.parse(output) as ({ readonly manifests: readonly string[] } | { readonly refusal: string })[];
  return answers.map((answer) => ('refusal' in answer ? answer : { objects: answer.manifests.flatMap(parseObjects) }));
}

function renderByBinary(values: Values): Rendering {
  const place = mkdtempSync(join(tmpdir(), 'tributary-helm-'));
  try {
    writeFileSync(join(place, 'values.json'), JSON.stringify(values));
    const { status, stdout, stderr } = spawnSync('helm', ['template', 'tributary', chartFolder, '--namespace=monitoring', `--values=${join(place, 'values.json')}`], { encoding: 'utf8' });
    return status === 0 ? { objects: parseObjects(stdout) } : { refusal: stderr };
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** What `kubectl kustomize` makes of a folder below deploy/kustomize/overlays. */
export function renderOverlay(kubectl: string, overlay: string): Manifest[] {
  return parseObjects(succeed(kubectl, ['kustomize', join(root, 'deploy', 'kustomize', 'overlays', overlay)]));
}

function parseObjects(text: string): Manifest[] {
  return parseAllDocuments(text).map((document): unknown => document.toJS()).filter((object): object is Manifest => object !== null);
}

function succeed(command: string, args: readonly string[], options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${error?.message ?? stderr}`);
  return stdout;
}

/** The value at a path such as `spec.template.spec.containers.0.args`; undefined where there is none. */
export function at(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key], object);
}

/** The only object of a kind. */
export function only(objects: readonly Manifest[], kind: string): Manifest {
  const found = objects.filter((object) => object.kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind} among ${objects.map((object) => object.kind).join(', ')}`);
  return found[0]!;
}
