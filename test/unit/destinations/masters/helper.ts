// What the tests of announced destinations share: settings as a configuration gives them, documents, and a set of masters on a clock, a disk and an API
// server of the test.

import { Masters } from '../../../../src/destinations/masters/masters.ts';
import type { Surroundings } from '../../../../src/destinations/masters/masters.ts';
import type { MastersSettings } from '../../../../src/destinations/masters/config.ts';
import { createMastersMetrics } from '../../../../src/destinations/masters/masters-metrics.ts';
import type { Kubernetes } from '../../../../src/kubernetes/kubernetes.ts';
import { silentLogger } from '../../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../../src/telemetry/metrics.ts';
import { createTestClock } from '../../../support/clock.ts';
import { MemoryCluster } from '../../../support/kubernetes/memory-cluster.ts';
import { createSimulatedDisk } from '../../../support/sim/disk.ts';
import { indent, loaded, problems } from '../../config/helper.ts';

export const HOUR_MS = 3_600_000;

/** A configuration whose tributary.masters has these lines. */
export function configText(lines: string, head = ''): string {
  return `${head}tributary:\n  routing: {owner: {namespace: 'hero-user-(.+)'}, routes: [{to: [owner]}]}\n  masters:\n${indent(lines, 4)}\n`;
}

export function settingsOf(lines: string, env: NodeJS.ProcessEnv = {}): MastersSettings {
  return loaded(configText(lines), env).settings.masters!;
}

export const problemsOf = (lines: string): string[] => problems(configText(lines));

export const secret = (namespace: string, document: string, { name = 'tributary-route', key = 'route.yml' } = {}) =>
  ({ kind: 'Secret', metadata: { name, namespace }, data: { [key]: Buffer.from(document).toString('base64') } });

export const endpoint = (host: string): string => `endpoints: ['https://${host}/api/v1/write']`;

/** One process: its masters, and how often it was told to put others in force. */
export interface Life {
  readonly masters: Masters;
  readonly changes: () => number;
  apply(lines: string | undefined, change?: Partial<Surroundings>): void;
  /** `name host state`, in order. */
  shown(): string[];
  /** Lets news arrive and be judged. */
  settle(): Promise<void>;
  metrics(): Promise<string>;
}

export function world(options: { readonly kubernetes?: Kubernetes } = {}) {
  const clock = createTestClock();
  const disk = createSimulatedDisk();
  const cluster = new MemoryCluster([], { ownNamespace: 'monitoring' });
  const folderEvents: ((error?: unknown) => void)[] = [];

  function start(): Life {
    let changed = 0;
    const registry = createMetrics();
    const metrics = createMastersMetrics(registry);
    const masters = new Masters({
      folder: '/data/masters', disk, clock, logger: silentLogger, metrics, kubernetes: options.kubernetes ?? cluster, onChange: () => changed++,
      lookup: (_name, _options, callback) => callback(null, []),
      watchFolder(_folder, onEvent) {
        folderEvents.push(onEvent);
        return { close: () => void folderEvents.splice(folderEvents.indexOf(onEvent), 1) };
      },
    });
    return {
      masters,
      changes: () => changed,
      apply: (lines, change = {}) => masters.apply(lines === undefined ? undefined : settingsOf(lines), { server: { kind: 'in_cluster' }, namespacePattern: 'hero-user-(.+)', configured: new Set(), ...change }),
      shown: () => masters.state().map(({ destination, state, endpoints }) => [destination, ...endpoints.map((url) => new URL(url).host), state].join(' ')),
      settle: async () => {
        await clock.settle();
        await clock.advance(300);
      },
      metrics: () => {
        metrics.show(masters.state(), masters.sources(), clock.nowMs());
        return registry.text();
      },
    };
  }
  return { clock, disk, cluster, start, folderEvents };
}
