// The image without a container engine: the stages of the Containerfile are built as folders by its own commands, and what comes out is started by its
// own entry point, as the image's user where the test may change users, in a folder that this user cannot write to.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasCompiler } from '../../scripts/native.mjs';
import { buildStages, environmentOf, parseContainerfile, textOf, type Stage } from './support/containerfile.ts';
import { endAll, run, temporaryFolder, until } from './support/process.ts';

const root = join(import.meta.dirname, '..', '..');
const file = parseContainerfile(readFileSync(join(root, 'deploy', 'Containerfile'), 'utf8'));
const [build, native, dependencies, image] = file.stages as [Stage, Stage, Stage, Stage];
const commandsOf = ({ instructions }: Stage) => instructions.filter(({ name }) => name === 'RUN').map(({ text }) => text);
const uid = 65_532;
/** Only root may, and only where this Node does not lie in a folder of root's. */
const mayChangeUser = process.getuid?.() === 0 && spawnSync(process.execPath, ['--version'], { uid, gid: uid }).status === 0;

let folder: string;

/** What a stage's command is done by here. The build shares the packages of the repository, which `npm ci` made from the same lock file. */
function runCommand(command: string, place: string, stage: string): void {
  if (stage === '') return;
  // Where this machine has no compiler the image is without the sampler.
  if (stage === 'native' && !hasCompiler()) return void mkdirSync(join(place, 'dist', 'native'), { recursive: true });
  if (command === 'npm ci') return symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  const [name = '', ...args] = command.split(' ');
  const { status, stderr } = spawnSync(name, args, { cwd: place, encoding: 'utf8', env: { ...process.env, npm_config_prefer_offline: 'true' } });
  if (status !== 0) throw new Error(`${command} in stage ${stage} ended with ${status}: ${stderr}`);
}

/** Runs the entry point with arguments, as the image's user where possible. */
function entryPoint(...args: readonly string[]) {
  const [name, program, ...more] = JSON.parse(textOf(image, 'ENTRYPOINT')) as string[];
  expect(name).toBe('node');
  return { command: process.execPath, args: [join(folder, program!), ...more, ...args] };
}

/** NODE_OPTIONS are those of the image's Node, which this one may be too old for. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], ...environmentOf(image), NODE_OPTIONS: '' });

function finish(...args: readonly string[]): string {
  const entry = entryPoint(...args);
  const { status, stdout, stderr } = spawnSync(entry.command, entry.args, { cwd: join(folder, 'app'), encoding: 'utf8', env: environment(), ...(mayChangeUser && { uid, gid: uid }) });
  expect(`${status} ${stderr}`).toBe('0 ');
  return stdout;
}

describe('the Containerfile', () => {
  test('has four stages on the long-term release of Node.js', () => {
    expect(file.stages.map(({ name }) => name)).toEqual(['build', 'native', 'dependencies', '']);
    expect(file.args).toEqual({ NODE_IMAGE: 'docker.io/library/node:24-trixie-slim', COMPILER_IMAGE: 'docker.io/library/node:24-trixie' });
    expect(file.stages.map((stage) => textOf(stage, 'FROM'))).toEqual(['--platform=$BUILDPLATFORM ${NODE_IMAGE} AS build', '${COMPILER_IMAGE} AS native', '${NODE_IMAGE} AS dependencies', '${NODE_IMAGE}']);
  });
  test('builds by the commands of the README', () => {
    expect(commandsOf(build)).toEqual(['npm ci', 'npm run build']);
    expect(commandsOf(native)).toEqual(['node scripts/native.mjs --required']);
    expect(commandsOf(dependencies)).toEqual(['npm ci --omit=dev --ignore-scripts']);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
    expect(scripts['build']).toBe('node scripts/build.mjs');
    for (const command of ['npm ci', 'npm run build']) expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(command);
  });
  test('what is copied is in the build context', () => {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const copied = file.stages.flatMap(({ instructions }) => instructions).filter(({ name, text }) => name === 'COPY' && !text.startsWith('--from=')).flatMap(({ text }) => text.split(' ').slice(0, -1));
    expect(copied.filter((path) => !allowed.includes(path))).toEqual([]);
  });
  test('runs one process, not as root, with a heap that follows the memory limit', () => {
    expect(textOf(image, 'USER')).toBe(`${uid}:${uid}`);
    expect(JSON.parse(textOf(image, 'ENTRYPOINT'))).toEqual(['node', '/app/dist/main.js']);
    expect(environmentOf(image)).toEqual({ NODE_ENV: 'production', NODE_OPTIONS: '--max-old-space-size-percentage=70', UV_THREADPOOL_SIZE: '8' });
  });
});

describe('the image', () => {
  beforeAll(() => {
    folder = buildStages(file, { context: root, root: temporaryFolder(), run: runCommand });
    if (mayChangeUser) chmodSync(join(folder, '..'), 0o755);
  });
  afterAll(endAll);

  test('holds the program, what it needs, and nothing else', () => {
    expect(readdirSync(join(folder, 'app')).toSorted()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    const { dependencies: wanted, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Readonly<Record<string, Readonly<Record<string, string>>>>;
    const installed = (name: string) => existsSync(join(folder, 'app', 'node_modules', name));
    expect(Object.keys(wanted!).filter((name) => !installed(name))).toEqual([]);
    expect(['vitest', 'typescript', 'esbuild', 'oxlint', 'ajv'].filter((name) => devDependencies![name] === undefined || installed(name))).toEqual([]);
  });

  test('packages that bring a binary bring one for x86-64 and arm64', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: Readonly<Record<string, { readonly dev?: boolean }>> };
    const names = Object.entries(packages).filter(([, { dev }]) => dev !== true).map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    const forX64 = names.filter((name) => name.endsWith('linux-x64-gnu'));
    expect(forX64.length).toBeGreaterThanOrEqual(2);
    expect(forX64.map((name) => name.replace('x64', 'arm64')).filter((name) => !names.includes(name))).toEqual([]);
    const prebuilt = readdirSync(join(folder, 'app', 'node_modules', 'classic-level', 'prebuilds'));
    for (const platform of ['linux-x64', 'linux-arm64']) expect(prebuilt).toContain(platform);
  });

  test.runIf(hasCompiler())('holds the native sampler, which loads, and no source of it', () => {
    expect(readdirSync(join(folder, 'app', 'dist', 'native'))).toEqual(['sampler.node']);
    const loads = `console.log(Object.keys(require(${JSON.stringify(join(folder, 'app', 'dist', 'native', 'sampler.node'))})).length > 0)`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', loads], { encoding: 'utf8', ...(mayChangeUser && { uid, gid: uid }) });
    expect(`${stdout}${stderr}`).toBe('true\n');
  });

  test('tells its version', () => expect(finish('--version')).toContain('tributary, version 0.1.0'));

  test('checks a configuration', () => {
    const place = temporaryFolder();
    if (mayChangeUser) chmodSync(place, 0o755);
    writeFileSync(join(place, 'tributary.yml'), 'scrape_configs: [{job_name: a, static_configs: [{targets: ["a:1"]}]}]\n');
    expect(finish('check', 'config', join(place, 'tributary.yml'))).toContain('"ok":true');
  });

  test('runs with its default arguments as a user that may write to the queue alone, and ends at SIGTERM', async () => {
    const place = temporaryFolder();
    const queue = join(place, 'queue');
    mkdirSync(queue);
    if (mayChangeUser) chownSync(queue, uid, uid);
    if (mayChangeUser) chmodSync(place, 0o755);
    writeFileSync(join(place, 'tributary.yml'), 'scrape_configs: []\n');
    const places: Readonly<Record<string, string>> = { '--config.file': join(place, 'tributary.yml'), '--storage.agent.path': queue };
    const args = (JSON.parse(textOf(image, 'CMD')) as string[]).map((arg) => arg.replace(/=.*/, (value) => `=${places[arg.slice(0, -value.length)]}`));
    const entry = entryPoint(...args, '--web.listen-address=127.0.0.1:0');
    const running = run(entry.command, entry.args, { env: environment(), ...(mayChangeUser && { uid, gid: uid }) });
    const address = await running.waitFor(/address=(127\.0\.0\.1:\d+) msg=listening/);
    await until(async () => (await fetch(`http://${address}/-/ready`)).ok, { what: () => running.output() });
    expect(await running.stop()).toBe(0);
    expect(readdirSync(queue)).toContain('FORMAT');
  });
});
