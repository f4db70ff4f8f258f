// How bodies are repeated, cut and given up, seen from the requests that go out.

import { describe, expect, it } from 'vitest';
import { createDeliveryWorld, many, series, type DeliveryWorld, type SentBody } from './delivery-world.ts';

const SHARED = 'http://storage.example/api/v1/write';
const MINUTE_MS = 60_000;
const NOTHING = { deduplicated: 0, rejected: 0, quarantined: 0, expired: 0 };
const all = (settled: Partial<typeof NOTHING> = {}) => ({ isComplete: true, settled: { ...NOTHING, ...settled } });
const has = (one: SentBody, name: string) => one.names.includes(name);
const send = (world: DeliveryWorld, ...names: string[]) => world.deliver(names.map((name) => series(name)));

describe('retries', () => {
  for (const answer of [429, 500, 503, 408, { error: 'refused' }, { error: 'timeout' }, { error: 'dns' }] as const) {
    it(`sends the same samples again after ${JSON.stringify(answer)}`, async () => {
      const world = createDeliveryWorld();
      world.script.push(answer, answer);
      expect([await send(world, 'm1'), world.names(), world.sent.map((one) => one.retries)]).toEqual([all(), ['m1', 'm1', 'm1'], [0, 1, 2]]);
    });
  }

  for (const status of [401, 403, 404, 405, 410, 501]) {
    it(`parks on ${status} and keeps the samples`, async () => {
      const world = createDeliveryWorld({ profile: 'generic' });
      world.script.push(status);
      expect([await send(world, 'm1'), world.actions(), world.names()]).toEqual([all(), ['park refused', 'done'], ['m1', 'm1']]);
    });
  }

  for (const status of [302, 418, 599, 999]) {
    it(`${status} is retried and counted, never dropped`, async () => {
      const world = createDeliveryWorld({ profile: 'generic' });
      world.answer = () => status;
      world.requestsMax = 500;
      expect([(await send(world, 'm1')).isComplete, world.sent.length]).toEqual([false, 500]);
      const reason = world.actions()[0]!.split(' ')[1]!;
      expect(await world.metric(`tributary_remote_write_retries_total{destination="a",reason="${reason}"}`)).toBe('500');
    });
  }

  it('ends where it is when the sender stops, and settles nothing', async () => {
    const world = createDeliveryWorld();
    world.script.push(503);
    world.isStopping = true;
    expect([(await send(world, 'm1')).isComplete, world.sent.length, world.underWay]).toEqual([false, 1, 0]);
  });

  it('a request that is aborted is given back to the gate', async () => {
    const world = createDeliveryWorld();
    world.abort.abort();
    expect([(await send(world, 'm1')).isComplete, world.underWay, world.verdicts]).toEqual([false, 0, []]);
  });

  it('several bodies may be on their way at once', async () => {
    const world = createDeliveryWorld();
    world.answer = (one) => (one.retries === 0 ? 503 : 204);
    expect(await Promise.all(['a', 'b', 'c'].map((name) => send(world, name)))).toEqual([all(), all(), all()]);
    expect(world.names().toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });
});

describe('the gate', () => {
  it('is told what a request weighs: items, bytes and lane', async () => {
    const world = createDeliveryWorld();
    await world.deliver([series('a', [1, 2], 3)], { lane: 'backfill' });
    expect(world.weights).toEqual([{ lane: 'backfill', items: 5, bytes: expect.any(Number) as number, rawBytes: world.sent[0]!.rawBytes }]);
  });

  it('bodies are cut to its items before they go out', async () => {
    const world = createDeliveryWorld();
    world.itemsMax = 3;
    expect([await world.deliver(many(8)), world.sent.map((one) => one.samples)]).toEqual([all(), [3, 3, 2]]);
  });

  it('bodies of more than twice its bytes are cut before they go out', async () => {
    const world = createDeliveryWorld();
    world.rawBytesMax = 50;
    expect(await world.deliver(many(8))).toEqual(all());
    expect(world.sent.every((one) => one.rawBytes <= 100)).toBe(true);
    expect(world.sent.flatMap((one) => one.names)).toEqual(many(8).map((one) => one.labels[0]![1]));
  });

  it('a probe is a small first piece of a large body; the rest follows in order', async () => {
    const world = createDeliveryWorld();
    const admissions = ['probe', 'go'] as const;
    world.admission = () => admissions[Math.min(world.weights.length, 1)]!;
    const names = many(2000).map((one) => one.labels[0]![1]);
    expect(await send(world, ...names)).toEqual(all());
    expect([world.sent.length, world.sent[0]!.rawBytes <= 16 * 1024, world.sent.flatMap((one) => one.names)]).toEqual([2, true, names]);
  });

  it('a probe that fails stays the first', async () => {
    const world = createDeliveryWorld();
    world.admission = () => (world.weights.length < 3 ? 'probe' : 'go');
    world.script.push(503, 503);
    const names = many(2000).map((one) => one.labels[0]![1]);
    expect(await send(world, ...names)).toEqual(all());
    const [a, b, c] = world.names();
    expect([a === b && b === c, world.sent.slice(2).flatMap((one) => one.names)]).toEqual([true, names]);
  });

  it('a small body is its own probe', async () => {
    const world = createDeliveryWorld();
    world.admission = () => 'probe';
    await send(world, 'a', 'b');
    expect(world.names()).toEqual(['a+b']);
  });
});

describe('age', () => {
  for (const [name, overrides] of [
    ['max_age', { maxAgeMs: MINUTE_MS }],
    ['sample_age_limit', { queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: MINUTE_MS } }],
  ] as const) {
    it(`a body beyond ${name} expires instead of being sent`, async () => {
      const world = createDeliveryWorld(overrides);
      const now = world.nowMs;
      expect(await world.deliver([series('old', [now - MINUTE_MS - 1])])).toEqual(all({ expired: 1 }));
      expect(await world.deliver([series('young', [now - MINUTE_MS])])).toEqual(all());
      expect(world.names()).toEqual(['young']);
      expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="expired"}')).toBe('1');
    });
  }

  it('a body that became too old while it was retried expires', async () => {
    const world = createDeliveryWorld({ maxAgeMs: MINUTE_MS });
    world.answer = () => 503;
    expect(await send(world, 'a')).toEqual(all({ expired: 1 }));
    expect(world.sent.length).toBe(61);
  });
});

describe('the codec', () => {
  for (const status of [400, 415]) {
    it(`${status} to zstd: the same samples at once in snappy, and snappy from then on`, async () => {
      const world = createDeliveryWorld({ url: SHARED });
      world.answer = (one) => (one.protocol === '1.0 zstd' ? status : 204);
      await send(world, 'm1');
      await send(world, 'm2');
      expect([world.protocols(), world.names()]).toEqual([['1.0 zstd', '1.0 snappy', '1.0 snappy'], ['m1', 'm1', 'm2']]);
      expect([world.delivery.codec(), world.delivery.profile().name]).toEqual(['snappy', 'prometheus']);
      expect(await world.metric('tributary_remote_write_codec_fallbacks_total{destination="a"}')).toBe('1');
    });
  }

  it('refused in both is no proof: the next body is zstd again', async () => {
    const world = createDeliveryWorld();
    world.answer = (one) => (has(one, 'bad') ? 400 : 204);
    const settled = [await send(world, 'good', 'bad', 'better'), await send(world, 'm2')];
    expect([settled, world.protocols().at(-1)]).toEqual([[all({ quarantined: 1 }), all()], '1.0 zstd']);
  });

  it('the proof holds over a retry of the snappy body', async () => {
    const world = createDeliveryWorld();
    world.script.push(400, 503, { error: 'connection' }, 204);
    await send(world, 'm1');
    await send(world, 'm2');
    expect(world.protocols().slice(1).every((protocol) => protocol === '1.0 snappy')).toBe(true);
  });

  it('a generic receiver never gets zstd', async () => {
    const world = createDeliveryWorld({ profile: 'generic' });
    await send(world, 'm1');
    expect(world.protocols()).toEqual(['1.0 snappy']);
  });

  it('zstd proves that a shared path is VictoriaMetrics', async () => {
    const world = createDeliveryWorld({ url: SHARED });
    expect(world.delivery.profile().anyOrder).toBe(false);
    await send(world, 'm1');
    expect(world.delivery.profile().name).toBe('victoriametrics');
  });

  it('a new address is asked anew, and late answers of the former one teach it nothing', async () => {
    const world = createDeliveryWorld();
    world.script.push(415);
    await send(world, 'm1');
    world.update({ url: SHARED });
    expect(world.delivery.codec()).toBe('zstd');
  });
});

describe('refused samples', () => {
  it('generic: 400 drops the body, counts it and keeps a specimen', async () => {
    const world = createDeliveryWorld({ profile: 'generic' });
    world.script.push({ status: 400, body: 'out of order sample' });
    expect([await send(world, 'm1', 'm2'), world.names()]).toEqual([all({ rejected: 2 }), ['m1+m2']]);
    expect(world.delivery.state().specimens).toEqual([
      { status: 400, reason: 'bad_request', samples: 2, atMs: world.nowMs, body: 'out of order sample', series: undefined },
    ]);
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="bad_request"}')).toBe('2');
  });

  for (const [profile, status, reason] of [['mimir', 400, 'bad_request'], ['cortex', 400, 'bad_request'], ['m3', 400, 'bad_request'], ['influxdb1', 400, 'bad_request'], ['thanos', 409, 'conflict']] as const) {
    it(`${profile}: ${status} means that the rest is stored: nothing is sent again, one sample is known to be refused`, async () => {
      const world = createDeliveryWorld({ profile, protobufMessage: 'prometheus.WriteRequest' });
      world.script.push(status);
      expect([await send(world, 'm1', 'm2', 'm3'), world.sent.length]).toEqual([all({ rejected: 1 }), 1]);
      expect(await world.metric(`tributary_remote_write_partly_refused_samples_total{destination="a",reason="${reason}"}`)).toBe('3');
      expect(await world.metric('tributary_remote_write_sent_samples_total{destination="a"}')).toBe('2');
      expect(world.delivery.state().specimens[0]).toMatchObject({ status, reason });
    });
  }

  it('202 counts as deduplicated, apart from what was stored', async () => {
    const world = createDeliveryWorld({ profile: 'cortex' });
    world.script.push(202);
    expect(await send(world, 'm1', 'm2')).toEqual(all({ deduplicated: 2 }));
    expect(await world.metric('tributary_remote_write_deduplicated_samples_total{destination="a"}')).toBe('2');
    expect(await world.metric('tributary_remote_write_sent_samples_total{destination="a"}')).toBe('0');
  });

  it('one specimen of each reason is kept, the latest first', async () => {
    const world = createDeliveryWorld({ profile: 'generic' });
    world.script.push({ status: 503, body: 'busy' }, { status: 400, body: 'first' });
    await send(world, 'a');
    world.nowMs += 5;
    world.script.push({ status: 400, body: 'second' });
    await send(world, 'b');
    expect(world.delivery.state().specimens.map((one) => [one.reason, one.body, one.series])).toEqual([['bad_request', 'second', 'b'], ['server_error', 'busy', undefined]]);
  });
});

describe('bisecting', () => {
  it('a receiver that rolls back: 400 is followed down to the bad series, the rest arrives once', async () => {
    const world = createDeliveryWorld({ url: SHARED });
    const stored: string[] = [];
    world.answer = (one) => {
      if (one.protocol === '1.0 zstd' || has(one, 'm5')) return { status: 400, body: 'out of order' };
      stored.push(...one.names);
      return 204;
    };
    expect(await world.deliver(many(8))).toEqual(all({ quarantined: 1 }));
    expect(stored).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm6', 'm7']);
    expect(world.quarantined).toMatchObject([{ reason: 'bad_request', status: 400, answer: 'out of order', series: 'm5', samples: 1, content: { series: [series('m5')] } }]);
    expect(world.delivery.state().specimens[0]).toMatchObject({ series: 'm5', samples: 1 });
    expect(await world.metric('tributary_remote_write_quarantined_samples_total{destination="a",reason="bad_request"}')).toBe('1');
  });

  it('a series is kept aside whole, with its labels in the specimen', async () => {
    const world = createDeliveryWorld({ profile: 'prometheus', protobufMessage: 'prometheus.WriteRequest' });
    world.answer = (one) => (has(one, 'bad') ? 422 : 204);
    expect(await world.deliver([series('good', [1, 2]), series('bad', [1, 2, 3], 0, { job: 'x' })])).toEqual(all({ quarantined: 3 }));
    expect(world.quarantined[0]).toMatchObject({ series: 'bad{job="x"}', samples: 3, reason: 'unprocessable' });
  });

  it('without room in quarantine it is dropped and counted', async () => {
    const world = createDeliveryWorld();
    world.isQuarantineFull = true;
    world.answer = (one) => (has(one, 'bad') ? 400 : 204);
    expect(await send(world, 'a', 'bad', 'c')).toEqual(all({ rejected: 1 }));
  });

  it('a receiver that refuses everything is not asked about every series, and gets all of it once it takes something again', async () => {
    const world = createDeliveryWorld();
    world.answer = () => (world.sent.length <= 60 ? 400 : 204);
    expect(await world.deliver(many(1000))).toEqual(all());
    expect([world.quarantined.length, world.sent.length < 120]).toEqual([0, true]);
    expect(new Set(world.sent.slice(60).flatMap((one) => one.names)).size).toBe(1000);
  });

  it('where a receiver took other bodies a moment ago, a body of which it refuses every part is kept aside', async () => {
    const world = createDeliveryWorld();
    expect(await send(world, 'good')).toEqual(all());
    world.answer = () => 400;
    expect(await world.deliver(many(1000))).toEqual(all({ quarantined: 1000 }));
    expect(world.sent.length).toBeLessThan(80);
  });

  it('beyond its budget what is refused is kept aside whole', async () => {
    const world = createDeliveryWorld();
    world.answer = (one) => (one.names.some((name) => Number(name.slice(1)) % 7 === 0) ? 400 : 204);
    const { isComplete, settled } = await world.deliver(many(1000));
    const stored = new Set(world.sent.filter((one) => one.names.every((name) => Number(name.slice(1)) % 7 !== 0)).flatMap((one) => one.names));
    expect([isComplete, stored.size + settled.quarantined, world.sent.length < 200]).toEqual([true, 1000, true]);
  });
});

describe('size', () => {
  it('413: halves until it fits, and later bodies fit at once', async () => {
    const world = createDeliveryWorld();
    world.answer = (one) => (one.names.length > 2 ? 413 : 204);
    expect(await world.deliver(many(8))).toEqual(all());
    const before = world.sent.length;
    expect([await world.deliver(many(8)), world.sent.slice(before).map((one) => one.names.length)]).toEqual([all(), [2, 2, 2, 2]]);
  });

  it('413: the learned size grows back after hours', async () => {
    const world = createDeliveryWorld();
    world.script.push(413);
    await world.deliver(many(8));
    world.nowMs += 2 * 60 * MINUTE_MS;
    await world.deliver(many(8));
    expect(world.sent.at(-1)!.names).toHaveLength(8);
  });

  it('400 to a size, where both halves are accepted, teaches the size, too', async () => {
    const world = createDeliveryWorld({ profile: 'victoriametrics' });
    world.answer = (one) => (one.rawBytes > 300_000 ? 400 : 204);
    await world.deliver(many(16_000));
    const before = world.sent.length;
    await world.deliver(many(16_000));
    expect(world.sent.slice(before).every((one) => one.rawBytes <= 300_000)).toBe(true);
  });

  it('400 to a small body that is accepted in halves teaches nothing: a gateway that was ill for a moment sets no limit', async () => {
    const world = createDeliveryWorld({ profile: 'victoriametrics' });
    world.script.push(400);
    await world.deliver(many(8));
    const before = world.sent.length;
    await world.deliver(many(8));
    expect(world.sent.slice(before).map((one) => one.names.length)).toEqual([8]);
  });

  it('400 to a body near the limit of the receiver is about its size', async () => {
    const world = createDeliveryWorld({ profile: 'cortex' });
    world.script.push(400);
    const large = [series('a', [1], 0, { text: 'x'.repeat(60 * 1024 ** 2) }), series('b')];
    expect(await world.deliver(large)).toEqual(all());
    expect(world.actions()).toEqual(['halve', 'done', 'done']);
  });

  it('413 on a single sample keeps it aside', async () => {
    const world = createDeliveryWorld();
    world.answer = (one) => (has(one, 'huge') ? 413 : 204);
    expect(await send(world, 'm1', 'huge', 'm3')).toEqual(all({ quarantined: 1 }));
    expect(world.quarantined[0]).toMatchObject({ reason: 'too_large', series: 'huge' });
  });

  it('413 for every size, from a receiver that never accepted anything, loses nothing and waits', async () => {
    const world = createDeliveryWorld();
    world.answer = () => 413;
    world.requestsMax = 30;
    expect((await world.deliver(many(1000))).isComplete).toBe(false);
    expect([world.quarantined, world.actions().at(-1)]).toEqual([[], 'park refused']);
  });
});

describe('after a try without an answer', () => {
  const window0 = { profile: 'prometheus', protobufMessage: 'prometheus.WriteRequest' } as const;

  for (const first of [{ error: 'timeout' }, { error: 'connection' }, 502, 504] as const) {
    it(`${JSON.stringify(first)}, then 409 where repetition is refused: deduplicated, never lost`, async () => {
      const world = createDeliveryWorld({ profile: 'thanos', protobufMessage: 'prometheus.WriteRequest' });
      world.script.push(first, 409);
      expect([await send(world, 'a', 'b'), world.sent.length]).toEqual([all({ deduplicated: 2 }), 2]);
    });
  }

  for (const first of [{ error: 'refused' }, { error: 'timeout', sentBody: false }, 503] as const) {
    it(`${JSON.stringify(first)} cannot have stored it: 409 is a refusal`, async () => {
      const world = createDeliveryWorld({ profile: 'thanos', protobufMessage: 'prometheus.WriteRequest' });
      world.script.push(first, 409);
      expect(await send(world, 'a', 'b')).toEqual(all({ rejected: 1 }));
    });
  }

  it('with a window for old samples 400 is a refusal', async () => {
    const world = createDeliveryWorld({ ...window0, outOfOrderWindowMs: MINUTE_MS });
    world.answer = (one) => (has(one, 'bad') ? 400 : 204);
    world.script.push({ error: 'timeout' });
    expect(await send(world, 'a', 'bad')).toEqual(all({ quarantined: 1 }));
  });

  it('a stored body of a receiver that rolls back costs two small requests more', async () => {
    const world = createDeliveryWorld(window0);
    const stored = new Map<string, number>();
    world.answer = (one) => windowZero(stored, one);
    world.script.push({ error: 'connection' });
    const backlog = many(100, [1, 2, 3]);
    for (const { labels, samples } of backlog) stored.set(labels[0]![1], samples.at(-1)!.timestampMs);
    expect(await world.deliver(backlog)).toEqual(all({ deduplicated: 300 }));
    expect(world.sent.map((one) => one.samples)).toEqual([300, 300, 6, 3]);
  });

  for (const bad of ['m0', 'm77', 'm99']) {
    it(`a body that was not stored arrives, all but its bad series ${bad}`, async () => {
      const world = createDeliveryWorld(window0);
      const stored = new Map<string, number>([[bad, 100]]);
      world.answer = (one) => windowZero(stored, one);
      world.script.push({ error: 'timeout' });
      expect(await world.deliver(many(100, [1, 2, 3]))).toEqual(all({ quarantined: 3 }));
      expect([...stored.values()].filter((newest) => newest === 3)).toHaveLength(99);
      expect(world.quarantined.map((one) => one.series)).toEqual([bad]);
    });
  }
});

/** A TSDB without a window: one sample older than the newest of its series rolls the request back. */
function windowZero(stored: Map<string, number>, one: SentBody): number {
  const isRefused = one.content.series.some(({ labels, samples }) => samples.some((sample) => sample.timestampMs < (stored.get(labels[0]![1]) ?? 0)));
  if (isRefused) return 400;
  for (const { labels, samples } of one.content.series) stored.set(labels[0]![1], samples.at(-1)!.timestampMs);
  return 204;
}

describe('a body that alone keeps being refused', () => {
  const seriesLimit = (world: DeliveryWorld, bad: ReadonlySet<string>, status: number, stored: string[]) => {
    world.answer = (one) => {
      if (one.names.some((name) => bad.has(name))) return { status, body: 'too many series' };
      stored.push(...one.names);
      return 204;
    };
  };

  it('429 to some series, for ever: known series arrive, the others are kept aside with the cause', async () => {
    const world = createDeliveryWorld({ profile: 'generic' });
    const stored: string[] = [];
    seriesLimit(world, new Set(['m3']), 429, stored);
    expect(await world.deliver(many(16))).toEqual(all({ quarantined: 1 }));
    expect([stored.length, new Set(stored).size, world.quarantined[0]!.series, world.quarantined[0]!.reason]).toEqual([15, 15, 'm3', 'rate_limit']);
  });

  it('500 to one body while others pass: the same', async () => {
    const world = createDeliveryWorld({ profile: 'victoriametrics' });
    const stored: string[] = [];
    seriesLimit(world, new Set(['m3']), 500, stored);
    const poisoned = world.deliver(many(16));
    const others = (async () => {
      for (let i = 0; i < 3000; i++) await send(world, `other${i}`);
    })();
    expect(await poisoned).toEqual(all({ quarantined: 1 }));
    await others;
    expect(stored.filter((name) => name.startsWith('m'))).toHaveLength(15);
  });

  it('503 to everything is an outage: nothing is cut or kept aside', async () => {
    const world = createDeliveryWorld();
    world.answer = () => 503;
    world.requestsMax = 2000;
    expect((await world.deliver(many(16))).isComplete).toBe(false);
    expect([world.quarantined, world.sent.every((one) => one.names.length === 16)]).toEqual([[], true]);
  });

  it('429 to everything keeps everything', async () => {
    const world = createDeliveryWorld();
    world.answer = () => 429;
    world.requestsMax = 3000;
    expect((await world.deliver(many(16))).isComplete).toBe(false);
    expect(world.quarantined).toEqual([]);
    world.answer = () => 204;
    world.requestsMax = Number.POSITIVE_INFINITY;
    world.sent.length = 0;
    expect(await world.deliver(many(16))).toEqual(all());
  });
});
