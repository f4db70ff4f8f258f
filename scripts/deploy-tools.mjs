// Brings the engines that render what stands below deploy/, and the schemas that judge the result, into .cache/deploy-tools:
// - Helm: `helm` on the PATH, else Helm's own Go library as the wheel `helm-python-sdk`;
// - kustomize: `kubectl` of Debian's package `kubernetes-client` (the oldest we support) and the one on the PATH (mostly the newest);
// - the OpenAPI schemas of Kubernetes, strict, as the wheel `kubernetes-validate` ships them. Only the files are taken.
// Nothing is installed. What cannot be had is named with its reason, for `npm test` to say.
//
// `tools.json` holds {"helm"?: "binary" | "library", "kubectl": [commands], "schemas": [files], "reasons": {name: text}}. The library is the
// folder `helm` beside it; commands with a slash and files are paths below that folder.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lastLine, unpackDebian } from './debian.mjs';
import { root } from './ensure.mjs';

/** Kept in step with the tests: other versions may word their refusals differently. */
const wheels = { helm: 'helm-python-sdk==0.2.2', schemas: 'kubernetes-validate==1.37.0' };

/** The oldest and the newest release that the wheel has schemas of. */
const schemaVersions = ['v1.25.0', 'v1.37.0'];

/** A download of 75 MB over a slow line. */
const downloadTimeoutMs = 300_000;

const folder = join(root, '.cache', 'deploy-tools');

/** Fetches what is missing and says what there is, as in tools.json. Never throws. */
export function fetchDeployTools() {
  const present = readDeployTools();
  if (present !== undefined && Object.keys(present.reasons).length === 0) return present;
  const work = join(root, '.cache', `deploy-tools-${process.pid}`);
  try {
    mkdirSync(work, { recursive: true });
    const tools = fetchInto(work);
    writeFileSync(join(work, 'tools.json'), `${JSON.stringify(tools, undefined, 2)}\n`);
    rmSync(join(work, 'pip'), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    // Built beside its place and renamed, so that two runs at once never see half a folder.
    renameSync(work, folder);
    return tools;
  } catch (error) {
    const reason = `the tools could not be unpacked: ${error instanceof Error ? error.message : String(error)}`;
    return { kubectl: [], schemas: [], reasons: { helm: reason, kubectl: reason, schemas: reason } };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function readDeployTools() {
  const file = join(folder, 'tools.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** The reasons to say out loud, one line per tool that is missing. */
export function missingDeployTools({ reasons }) {
  return Object.entries(reasons).map(([name, reason]) => `${name}: ${reason}`);
}

function fetchInto(work) {
  const python = findPip(work);
  const [helm, kubectl, schemas] = [findHelm(work, python), findKubectl(work), fetchSchemas(work, python)];
  const reasons = Object.entries({ helm, kubectl, schemas }).filter(([, { reason }]) => reason !== undefined).map(([name, { reason }]) => [name, reason]);
  return { ...(helm.found && { helm: helm.found }), kubectl: kubectl.found ?? [], schemas: schemas.found ?? [], reasons: Object.fromEntries(reasons) };
}

/** How pip is called: with the system's own, else with the one that Debian keeps for virtual environments. */
function findPip(work) {
  if (!succeeds('python3', ['--version'])) return { reason: 'no python3 on this system' };
  if (succeeds('python3', ['-m', 'pip', '--version'])) return { env: process.env };
  const failure = unpackDebian(join(work, 'pip'), ['python3-pip-whl']);
  if (failure !== undefined) return { reason: `python3 has no pip, and ${failure}` };
  const place = join(work, 'pip', 'root', 'usr', 'share', 'python-wheels');
  const wheel = readdirSync(place).find((name) => name.startsWith('pip-'));
  return { env: { ...process.env, PYTHONPATH: join(place, wheel) } };
}

/** Unpacks a wheel into `into`; undefined when that went well, else why not. */
function unpackWheel(python, requirement, into) {
  if (python.reason !== undefined) return python.reason;
  const archives = `${into}.archives`;
  const download = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:', '--dest', archives, requirement];
  const { status, stderr } = spawnSync('python3', download, { encoding: 'utf8', env: python.env, timeout: downloadTimeoutMs });
  if (status !== 0) return `pip download ${requirement} failed: ${lastLine(stderr) || 'no answer in time'}`;
  const unpacked = spawnSync('python3', ['-m', 'zipfile', '-e', join(archives, readdirSync(archives)[0]), into], { encoding: 'utf8' });
  rmSync(archives, { recursive: true });
  return unpacked.status === 0 ? undefined : `${requirement} could not be unpacked: ${lastLine(unpacked.stderr)}`;
}

function findHelm(work, python) {
  if (succeeds('helm', ['version', '--short'])) return { found: 'binary' };
  const reason = unpackWheel(python, wheels.helm, join(work, 'helm'));
  if (reason !== undefined) return { reason: `no helm on the PATH, and ${reason}` };
  // The wheel holds the library three times, because it cannot hold links.
  const place = join(work, 'helm', 'helm_python', 'lib');
  for (const name of readdirSync(place).filter((other) => other !== 'libhelm_c.so')) rmSync(join(place, name));
  const env = { ...process.env, PYTHONPATH: join(work, 'helm') };
  const { status, stderr } = spawnSync('python3', ['-c', 'import helm_python'], { encoding: 'utf8', env });
  return status === 0 ? { found: 'library' } : { reason: `helm-python-sdk does not load: ${lastLine(stderr)}` };
}

function findKubectl(work) {
  const failure = unpackDebian(join(work, 'kubectl'), ['kubernetes-client']);
  const path = join('kubectl', 'root', 'usr', 'bin', 'kubectl');
  const debian = failure === undefined && succeeds(join(work, path), ['version', '--client']) ? [path] : [];
  const found = [...debian, ...(succeeds('kubectl', ['version', '--client']) ? ['kubectl'] : [])];
  return found.length > 0 ? { found } : { reason: `no kubectl on the PATH, and ${failure ?? 'the one of kubernetes-client does not start'}` };
}

function fetchSchemas(work, python) {
  const reason = unpackWheel(python, wheels.schemas, join(work, 'schemas'));
  if (reason !== undefined) return { reason };
  const found = schemaVersions.map((version) => {
    const file = `kubernetes-${version}.json`;
    renameSync(join(work, 'schemas', 'kubernetes_validate', 'kubernetes-json-schema', `${version}-local-strict`, '_definitions.json'), join(work, file));
    return file;
  });
  rmSync(join(work, 'schemas'), { recursive: true });
  return { found };
}

function succeeds(command, args) {
  return spawnSync(command, args, { timeout: 60_000 }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tools = fetchDeployTools();
  console.log(JSON.stringify(tools, undefined, 2));
}
