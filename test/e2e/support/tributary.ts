// The built program as a test sees it: a folder with its configuration and queue, a process, its HTTP API.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, temporaryFolder, type Running } from './process.ts';

export const program = join(import.meta.dirname, '..', '..', '..', 'dist', 'main.js');

export interface Workplace {
  readonly folder: string;
  readonly configFile: string;
  readonly queueFolder: string;
  /** Writes the configuration anew, in place. */
  configure(yaml: string): void;
}

export interface Tributary extends Running {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** The `data` of an API answer. */
  api<T>(path: string): Promise<T>;
  /** Values of the own metrics page by series as written there. */
  metrics(): Promise<Map<string, number>>;
  destinations(): Promise<readonly DestinationStatus[]>;
}

/** The parts of `/api/v1/status/destinations` that tests look at. */
export interface DestinationStatus {
  readonly name: string;
  readonly state: string;
  readonly encoding: string;
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  readonly oldestUnsentAgeSeconds: number;
  readonly queueMode: string;
  readonly lastError: string;
  readonly identityHolds: boolean;
  readonly scrapeIdentityHolds: boolean;
  readonly quarantinedEntries: number;
  readonly outageHours?: number;
  readonly alarms: readonly { readonly kind: string; readonly text: string }[];
  readonly counters: { readonly appended: number; readonly acknowledged: number; readonly pending: number; readonly lost: Readonly<Record<string, number>> };
}

export function workplace(yaml: string): Workplace {
  const folder = temporaryFolder();
  const configFile = join(folder, 'tributary.yml');
  const configure = (text: string) => writeFileSync(configFile, text);
  configure(yaml);
  return { folder, configFile, queueFolder: join(folder, 'queue'), configure };
}

/** Runs the program with any arguments, without waiting for anything. */
export function runProgram(...args: readonly string[]): Running {
  if (!existsSync(program)) throw new Error(`${program} is missing: node scripts/build.mjs`);
  return run(process.execPath, [program, ...args]);
}

/** Arguments of an agent that works at `place` and listens on a free port. */
export function agentArguments(place: Workplace, ...more: readonly string[]): string[] {
  return [`--config.file=${place.configFile}`, `--storage.agent.path=${place.queueFolder}`, '--web.listen-address=127.0.0.1:0', ...more];
}

/** Starts the agent and waits until it is ready. */
export async function startTributary(place: Workplace, ...more: readonly string[]): Promise<Tributary> {
  const running = runProgram(...agentArguments(place, ...more));
  const address = await running.waitFor(/address=(127\.0\.0\.1:\d+) msg=listening/);
  const url = `http://${address}`;
  await running.waitFor(/msg=started/);
  const api = async <T>(path: string): Promise<T> => {
    const response = await fetch(url + path);
    const { data } = (await response.json()) as { data: T };
    return data;
  };
  return {
    ...running,
    url,
    api,
    metrics: async () => parsePage(await (await fetch(`${url}/metrics`)).text()),
    destinations: async () => (await api<{ destinations: readonly DestinationStatus[] }>('/api/v1/status/destinations')).destinations,
  };
}

/** Series as written to value; enough for our own page, which has no timestamps. */
export function parsePage(page: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of page.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const blank = line.lastIndexOf(' ');
    values.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return values;
}
