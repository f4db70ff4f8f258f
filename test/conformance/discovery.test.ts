// What every discovery provider has to do. A new one adds itself to the list below: how to make it, how to change what it watches, how to break
// it, and what it should report.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Provider } from '../../discovery/discovery.ts';
import { createProvider } from '../../discovery/provider.ts';
import type { ProviderDependencies } from '../../discovery/provider.ts';
import { defaultHttpClientSettings } from '../../src/io/http/config.ts';
import type { Kubernetes } from '../../src/kubernetes/kubernetes.ts';
import { settingsOf } from '../support/kubernetes/discovered.ts';
import { startFakeCluster } from '../support/kubernetes/fake-cluster.ts';
import { calls, countingClock, dependencies, shown, until } from '../unit/discovery/helpers.ts';
import { closeAll, onClose, serve } from '../unit/io/http/servers.ts';

interface Content {
  /** Addresses per group. */
  readonly groups: readonly (readonly string[])[];
}

interface Bench {
  readonly make: (deps: ProviderDependencies) => Provider;
  /** Source of group `index`. */
  readonly source: (index: number) => string;
}

/** A provider whose content can change and break. */
interface ChangingBench extends Bench {
  readonly change: (content: Content | 'broken') => void;
  /** Failed attempts so far. */
  readonly failures: () => number;
}

const json = ({ groups }: Content) => JSON.stringify(groups.map((targets) => ({ targets, labels: { a: 'b' } })));

const fixed: Record<string, (content: Content) => Promise<Bench>> = {
  static: ({ groups }) => Promise.resolve({
    make: (deps) => createProvider({ kind: 'static', groups: groups.map((targets) => ({ targets, labels: new Map() })) }, deps),
    source: String,
  }),
};

const changing: Record<string, (content: Content) => Promise<ChangingBench>> = {
  file: (content) => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-sd-'));
    onClose(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'targets.json');
    const write = (text: string) => {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    };
    write(json(content));
    let failures = 0;
    return Promise.resolve({
      make: (deps) => createProvider({ kind: 'file', files: [join(folder, '*.json')], refreshIntervalMs: 300_000 }, {
        ...deps, metrics: { ...deps.metrics, fileReadErrors: { inc: () => failures++ } },
      }),
      source: (index) => `${path}:${index}`,
      change: (next) => write(next === 'broken' ? '[{"targets":' : json(next)),
      failures: () => failures,
    });
  },

  http: async (content) => {
    let body = json(content);
    let status = 200;
    let failures = 0;
    const port = await serve((_request, response) => {
      if (status !== 200) failures++;
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    const url = `http://127.0.0.1:${port}/sd`;
    return {
      make: (deps) => createProvider({ kind: 'http', url, refreshIntervalMs: 40, http: defaultHttpClientSettings }, deps),
      source: (index) => `${url}:${index}`,
      change: (next) => {
        status = next === 'broken' ? 500 : 200;
        if (next !== 'broken') body = json(next);
      },
      failures: () => failures,
    };
  },

  kubernetes: async (content) => {
    const { server, client, close } = await startFakeCluster('own-ns');
    onClose(close);
    const put = ({ groups }: Content) => {
      for (const [index, hosts] of groups.entries()) {
        server.put({ kind: 'Ingress', metadata: { name: `g${index}`, namespace: 'shop' }, spec: { rules: hosts.map((host) => ({ host })) } });
      }
      for (let index = groups.length; server.remove('ingresses', 'shop', `g${index}`); index++);
    };
    put(content);
    let kubernetes: Kubernetes | undefined;
    return {
      make: (deps) => createProvider(settingsOf({ role: 'ingress' }), { ...deps, kubernetes: (kubernetes = client(deps.clock)) }),
      source: (index) => `ingress/shop/g${index}`,
      change(next) {
        if (next === 'broken') return server.down();
        server.up();
        put(next);
      },
      failures: () => kubernetes?.state().filter(({ error }) => error !== '').length ?? 0,
    };
  },
};

afterEach(closeAll);

const two: Content = { groups: [['a:1', 'b:1'], ['c:1']] };

async function start<B extends Bench>(make: (content: Content) => Promise<B>, content: Content = two) {
  const bench = await make(content);
  const clock = countingClock();
  const provider = bench.make(dependencies(clock));
  const seen = calls();
  provider.start(seen.sink);
  return { bench, clock, seen, stop: () => provider.stop() };
}

describe.each(Object.entries({ ...fixed, ...changing }))('%s', (_name, make) => {
  test('start gives all groups, each with a source of its own', async () => {
    const { bench, seen, stop } = await start(make);
    expect(shown(await seen.next())).toEqual([`${bench.source(0)}: a:1, b:1`, `${bench.source(1)}: c:1`]);
    await stop();
  });

  test('start without any group is told as well', async () => {
    const { seen, stop } = await start(make, { groups: [] });
    expect(await seen.next()).toEqual([]);
    await stop();
  });

  test('stop ends all timers and watches', async () => {
    const watches = () => process.getActiveResourcesInfo().filter((resource) => resource === 'FSEventWrap').length;
    const before = watches();
    const { clock, seen, stop } = await start(make);
    await seen.next();
    await stop();
    expect([clock.timers(), watches()]).toEqual([0, before]);
  });

  test('stop during the first look ends it without a word', async () => {
    const { clock, seen, stop } = await start(make);
    if (seen.waiting.length > 0) await seen.next();
    await stop();
    expect([clock.timers(), seen.waiting]).toEqual([0, []]);
  });
});

describe.each(Object.entries(changing))('%s, when its content changes', (_name, make) => {
  test('the changed groups are told, and only those', async () => {
    const { bench, seen, stop } = await start(make);
    await seen.next();
    bench.change({ groups: [['a:1', 'b:1'], ['d:1']] });
    expect(shown(await seen.next())).toEqual([`${bench.source(1)}: d:1`]);
    await stop();
  });

  test('a group that is gone is told as empty', async () => {
    const { bench, seen, stop } = await start(make);
    await seen.next();
    bench.change({ groups: [['a:1', 'b:1']] });
    expect(shown(await seen.next())).toEqual([`${bench.source(1)}: `]);
    await stop();
  });

  test('a failure keeps the last groups, and what comes after it counts again', async () => {
    const { bench, seen, stop } = await start(make);
    await seen.next();
    bench.change('broken');
    await until(() => bench.failures() > 0);
    expect(seen.waiting).toEqual([]);
    bench.change({ groups: [['e:1'], ['c:1']] });
    expect(shown(await seen.next())).toEqual([`${bench.source(0)}: e:1`]);
    await stop();
  });
});
