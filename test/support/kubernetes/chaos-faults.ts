// Faults at random, from a seed, each with what ends it. `calm` ends them all.

import type { Random } from '../../../src/io/random.ts';
import type { FakeApiServer } from './fake-api-server.ts';

export interface Fault {
  /** For the log of a run that fails. */
  readonly name: string;
  /** How long it takes before the next thing happens, in milliseconds of the clock. */
  readonly lastsMs: number;
  end(): void;
}

export const CHAOS_TOKEN = 'chaos';

type Begin = (server: FakeApiServer, random: Random) => Fault;

const between = (random: Random, from: number, to: number) => from + random.next() * (to - from);
const kinds = ['pods', 'services', 'endpoints', 'endpointslices', 'nodes', 'namespaces', 'replicasets', 'ingresses'];
const anyKind = (random: Random) => kinds[Math.floor(random.next() * kinds.length)]!;
const nothing = () => undefined;

const faults: readonly Begin[] = [
  (server, random) => {
    server.faults.cutStreams(random.next() < 0.5 ? undefined : anyKind(random));
    return { name: 'streams are cut', lastsMs: between(random, 0, 20_000), end: nothing };
  },
  (server, random) => {
    server.faults.cutAfter(Math.floor(between(random, 0, 3000)), 4);
    server.faults.cutStreams();
    return { name: 'answers are cut', lastsMs: between(random, 1000, 20_000), end: () => server.faults.cutAfter(0, 0) };
  },
  (server, random) => {
    const held = [anyKind(random), anyKind(random)];
    for (const kind of held) server.faults.hold(kind);
    return { name: `${held.join(' and ')} come late`, lastsMs: between(random, 1000, 60_000), end: () => held.forEach((kind) => server.faults.release(kind)) };
  },
  (server, random) => {
    server.compact();
    server.faults.cutStreams();
    return { name: 'old versions are gone', lastsMs: between(random, 0, 10_000), end: nothing };
  },
  (server, random) => {
    server.restart();
    return { name: 'restart with an empty watch cache', lastsMs: between(random, 0, 10_000), end: nothing };
  },
  (server, random) => {
    server.down();
    return { name: 'down', lastsMs: between(random, 500, 90_000), end: () => server.up() };
  },
  (server) => {
    server.faults.silence();
    return { name: 'five minutes of silence', lastsMs: 300_000, end: () => server.faults.speak() };
  },
  (server, random) => {
    server.faults.refuse({ status: 429, times: 6, retryAfterSeconds: Math.ceil(between(random, 0, 5)) });
    server.faults.cutStreams();
    return { name: 'too many requests', lastsMs: between(random, 1000, 30_000), end: nothing };
  },
  (server, random) => {
    server.faults.refuse({ status: random.next() < 0.5 ? 500 : 503, times: 6, resource: anyKind(random) });
    server.faults.cutStreams();
    return { name: 'errors', lastsMs: between(random, 1000, 30_000), end: nothing };
  },
  (server, random) => {
    allow(server, []);
    server.faults.cutStreams();
    return { name: 'denied', lastsMs: between(random, 1000, 60_000), end: () => allow(server, kinds) };
  },
  (server, random) => {
    server.access.revoke(CHAOS_TOKEN);
    server.faults.cutStreams();
    return { name: 'unknown token', lastsMs: between(random, 1000, 20_000), end: () => allow(server, kinds) };
  },
  (server, random) => {
    server.watchList = !server.watchList;
    server.restart();
    return { name: `watch-list is ${server.watchList ? 'on' : 'off'} after an upgrade`, lastsMs: between(random, 0, 10_000), end: nothing };
  },
  (server, random) => {
    server.faults.slow(2000);
    return { name: 'slow streams', lastsMs: between(random, 1000, 20_000), end: () => server.faults.slow(undefined) };
  },
];

/** The client may read these kinds. */
export function allow(server: FakeApiServer, resources: readonly string[] = kinds): void {
  server.access.setUser(CHAOS_TOKEN, { name: 'chaos', rules: [{ resources, verbs: ['list', 'watch'] }] });
}

export function beginFault(server: FakeApiServer, random: Random): Fault {
  return faults[Math.floor(random.next() * faults.length)]!(server, random);
}
