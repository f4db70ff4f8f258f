// `node scripts/lock.mjs`, after every `npm install`: completes package-lock.json. npm leaves out the packages of other platforms that the
// registry in use does not have, and `npm ci` then refuses the lock file as out of step, also on machines that never want them. An entry with
// name, version and platform is enough: it is passed over where the platform differs. Touches no other entry.

import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './ensure.mjs';

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];
const file = join(root, 'package-lock.json');

/** Optional dependencies that no entry of the lock describes: [name, version, whether only development wants it]. */
export function missingEntries(lock) {
  const has = (path, name) => `node_modules/${name}` in lock.packages || `${path}/node_modules/${name}` in lock.packages;
  return Object.entries(lock.packages).flatMap(([path, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !has(path, name))
      .map(([name, version]) => [name, version, entry.dev === true]),
  );
}

/** `@x/binding-linux-arm64-musl` is for Linux, arm64, musl. */
function platformOf(name) {
  const words = name.slice(name.indexOf('/') + 1).split('-');
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name}: no platform can be read from the name; add its entry by hand`);
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined;
  return { cpu, ...(libc !== undefined && os[0] === 'linux' && { libc }), os };
}

function complete() {
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingEntries(lock);
  for (const [name, version, isDev] of missing) {
    const { os, ...rest } = platformOf(name);
    lock.packages[`node_modules/${name}`] = { version, ...rest, ...(isDev && { dev: true }), optional: true, os };
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, undefined, 2)}\n`);
  // What is installed stays right: other platforms' packages are not part of it, so no command needs to install again.
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(marker)) utimesSync(marker, new Date(), new Date());
  console.log(`package-lock.json: ${missing.length} entries added`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) complete();
