// How bodies are repeated, cut and given up, seen from the requests that go out.

import { describe, expect, it } from 'vitest';
import { createWorld, type Sent, type World } from './world.ts';

const SHARED = 'http://storage.example/api/v1/write';
const MINUTE_MS = 60_000;

async function send(world: World, ...names: string[]): Promise<void> {
  world.sender.start();
  await more(world, ...names);
}

async function more(world: World, ...names: string[]): Promise<void> {
  world.stream.add(names, world.clock.nowMs());
  await world.clock.advance(1000);
}

const codecs = (world: World) => world.sent.map((one) => one.codec).join(' ');
const has = (one: Sent, name: string) => one.names.includes(name);

describe('retries', () => {
  for (const answer of [429, 500, 503, 408, { error: 'refused' }, { error: 'timeout' }, { error: 'dns' }] as const) {
    it(`sends the same samples again after ${JSON.stringify(answer)}`, async () => {
      const world = createWorld();
      world.script.push(answer, answer);
      await send(world, 'm1');
      await world.clock.advance(1000);
      expect([world.names(), world.stream.settled]).toEqual([['m1', 'm1', 'm1'], [{ first: 1, last: 1, rejected: 0, expired: 0 }]]);
    });
  }

  it('waits as long as Retry-After says', async () => {
    const world = createWorld();
    world.script.push({ status: 429, headers: { 'retry-after': '60' } });
    await send(world, 'm1');
    await world.clock.advance(58_999);
    expect(world.sent).toHaveLength(1);
    await world.clock.advance(1100);
    expect(world.sent).toHaveLength(2);
  });

  it('backs off up to max_backoff and goes on for ever', async () => {
    const world = createWorld();
    world.answer = () => 503;
    await send(world, 'm1');
    await world.clock.advance(60 * MINUTE_MS);
    const gaps = world.sent.slice(1).map((one, i) => one.atMs - world.sent[i]!.atMs);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5000);
    expect(world.sent.length).toBeGreaterThan(700);
    expect(world.stream.settled).toEqual([]);
  });

  for (const status of [401, 403, 404, 405, 410, 501]) {
    it(`keeps the samples on ${status} and asks slowly, at most twice in eight seconds`, async () => {
      const world = createWorld({ profile: 'generic' });
      world.answer = () => status;
      await send(world, 'm1');
      await world.clock.advance(7000);
      expect([world.sent.length, world.sender.destinationState().state]).toEqual([1, 'parked']);
      world.answer = () => 204;
      await world.clock.advance(20_000);
      expect(world.stream.settled).toEqual([{ first: 1, last: 1, rejected: 0, expired: 0 }]);
    });
  }
});

describe('zstd to snappy', () => {
  for (const status of [400, 415]) {
    it(`${status}: the same samples at once in snappy, and snappy from then on`, async () => {
      const world = createWorld({ url: SHARED });
      world.answer = (one) => (one.codec === 'zstd' ? status : 204);
      await send(world, 'm1');
      await more(world, 'm2');
      expect([codecs(world), world.names()]).toEqual(['zstd snappy snappy', ['m1', 'm1', 'm2']]);
      expect(world.sender.destinationState()).toMatchObject({ codec: 'snappy', profile: 'prometheus' });
      expect(await world.metric('tributary_remote_write_codec_fallbacks_total{destination="a"}')).toBe('1');
    });
  }

  it('refused in both is no proof: the next body is zstd again', async () => {
    const world = createWorld();
    world.answer = (one) => (has(one, 'bad') ? 400 : 204);
    await send(world, 'bad');
    await more(world, 'm2');
    expect([codecs(world), world.stream.settled.map((one) => one.rejected)]).toEqual(['zstd snappy zstd', [1, 0]]);
  });

  it('the proof holds over a retry of the snappy body', async () => {
    const world = createWorld();
    world.script.push(400, 503, { error: 'connection' }, 204);
    await send(world, 'm1');
    await world.clock.advance(1000);
    await more(world, 'm2');
    expect(codecs(world)).toBe('zstd snappy snappy snappy snappy');
  });

  it('zstd is tried again after a minute, then after twice as long, up to a day', async () => {
    const world = createWorld();
    world.answer = (one) => (one.codec === 'zstd' ? 415 : 204);
    world.sender.start();
    const probes: number[] = [];
    for (let minute = 0; minute < 4 * 1440; minute += 2) {
      const before = world.sent.length;
      world.stream.add(['m1'], 1);
      await world.clock.advance(2 * MINUTE_MS);
      if (world.sent.slice(before).some((one) => one.codec === 'zstd')) probes.push(minute);
    }
    const gaps = probes.slice(1).map((minute, i) => minute - probes[i]!);
    expect([gaps.slice(0, 6), Math.max(...gaps), probes.length]).toEqual([[2, 2, 4, 8, 16, 32], 1440, 14]);
  }, 120_000);

  it('a probe that is accepted brings zstd back', async () => {
    const world = createWorld({ url: SHARED });
    world.script.push(400);
    await send(world, 'm1');
    await more(world, 'm2');
    await world.clock.advance(MINUTE_MS);
    await more(world, 'm3');
    await more(world, 'm4');
    expect([codecs(world), world.sender.destinationState().profile]).toEqual(['zstd snappy snappy zstd zstd', 'victoriametrics']);
  });

  it('a broken connection makes the next body a probe', async () => {
    const world = createWorld();
    world.answer = (one) => (one.codec === 'zstd' ? 415 : 204);
    await send(world, 'm1');
    await world.clock.advance(90 * 1000);
    await more(world, 'm2');
    world.sent.length = 0;
    await world.clock.advance(MINUTE_MS);
    world.script.push({ error: 'refused' });
    await more(world, 'm3');
    await world.clock.advance(1000);
    expect(codecs(world)).toBe('snappy zstd snappy');
  });

  it('a generic receiver never gets zstd', async () => {
    const world = createWorld({ profile: 'generic' });
    await send(world, 'm1');
    expect(codecs(world)).toBe('snappy');
  });

  it('a late answer of the former address teaches nothing about the new one', async () => {
    const world = createWorld();
    let release = (): void => undefined;
    world.pause = () => new Promise((resolve) => (release = resolve));
    await send(world, 'm1');
    world.sender.update({ ...world.settings, url: SHARED });
    release();
    await world.clock.settle();
    expect([world.stream.settled.length, world.sender.destinationState().profile]).toEqual([1, 'prometheus']);
  });

  it('a new address is asked anew', async () => {
    const world = createWorld();
    world.script.push(415);
    await send(world, 'm1');
    world.sender.update({ ...world.settings, url: 'http://other.example/insert/0/prometheus/api/v1/write' });
    await more(world, 'm2');
    expect(codecs(world)).toBe('zstd snappy zstd');
  });
});

describe('refused samples', () => {
  it('generic: 400 drops the body, counts it and keeps a specimen', async () => {
    const world = createWorld({ profile: 'generic' });
    world.script.push({ status: 400, body: 'out of order sample' });
    await send(world, 'm1', 'm2');
    expect([world.names(), world.stream.settled]).toEqual([['m1+m2'], [{ first: 1, last: 1, rejected: 2, expired: 0 }]]);
    expect(world.sender.destinationState().specimen).toEqual({ status: 400, reason: 'bad_request', samples: 2, atMs: world.clock.nowMs(), body: 'out of order sample' });
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="bad_request"}')).toBe('2');
  });

  it('409 drops the body and never sends it again', async () => {
    const world = createWorld();
    world.script.push(409);
    await send(world, 'm1');
    await world.clock.advance(MINUTE_MS);
    expect([world.sent.length, world.stream.settled[0]!.rejected]).toEqual([1, 1]);
  });

  it('a receiver that rolls back: 400 is followed down to the bad series, the rest arrives once', async () => {
    const world = createWorld({ url: SHARED });
    const stored: string[] = [];
    world.answer = (one) => {
      if (one.codec === 'zstd' || has(one, 'm5')) return 400;
      stored.push(...one.names);
      return 204;
    };
    await send(world, 'm0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7');
    expect([stored, world.stream.settled]).toEqual([['m0', 'm1', 'm2', 'm3', 'm4', 'm6', 'm7'], [{ first: 1, last: 1, rejected: 1, expired: 0 }]]);
  });

  it('a receiver that refuses everything is not asked about every series', async () => {
    const world = createWorld();
    world.answer = () => 400;
    await send(world, ...Array.from({ length: 1000 }, (_, i) => `m${i}`));
    expect(world.sent.length).toBeLessThan(80);
    expect(world.stream.settled).toEqual([{ first: 1, last: 1, rejected: 1000, expired: 0 }]);
  });

  it('413: halves until it fits, and later bodies fit at once', async () => {
    const world = createWorld();
    const names = Array.from({ length: 8 }, (_, i) => `m${i}`);
    world.answer = (one) => (one.names.length > 2 ? 413 : 204);
    await send(world, ...names);
    const firstRound = world.sent.length;
    await more(world, ...names);
    const secondRound = world.sent.slice(firstRound);
    expect([world.stream.settled.map((one) => one.rejected), secondRound.map((one) => one.names.length)]).toEqual([[0, 0], [2, 2, 2, 2]]);
  });

  it('413: the learned size grows back after hours', async () => {
    const world = createWorld();
    const names = Array.from({ length: 8 }, (_, i) => `m${i}`);
    world.script.push(413);
    await send(world, ...names);
    await world.clock.advance(2 * 3_600_000);
    await more(world, ...names);
    expect(world.sent.at(-1)!.names).toHaveLength(8);
  });

  it('413 on a single series drops it, counted', async () => {
    const world = createWorld();
    world.answer = (one) => (has(one, 'huge') ? 413 : 204);
    await send(world, 'm1', 'huge', 'm3');
    expect(world.stream.settled).toEqual([{ first: 1, last: 1, rejected: 1, expired: 0 }]);
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="too_large"}')).toBe('1');
  });

  it('413 for every size, from a receiver that never accepted anything, loses nothing and waits', async () => {
    const world = createWorld();
    world.answer = () => 413;
    await send(world, ...Array.from({ length: 1000 }, (_, i) => `m${i}`));
    expect([world.stream.settled, world.sender.destinationState().state, world.sent.length < 30]).toEqual([[], 'parked', true]);
    expect(await world.metrics.text()).not.toContain('too_large');
    world.answer = () => 204;
    await world.clock.advance(60_000);
    expect(world.stream.settled).toEqual([{ first: 1, last: 1, rejected: 0, expired: 0 }]);
  });
});
