import { describe, expect, it } from 'vitest';
import { FakeStream, createWorld, memory, type World } from './world.ts';

/** Starts, adds one record per name at the clock's time and lets `max_delay` pass. */
async function send(world: World, ...names: string[]): Promise<void> {
  world.sender.start();
  for (const name of names) world.stream.add([name], world.clock.nowMs());
  await world.clock.advance(1000);
}

const settledTo = (world: World) => world.stream.settled.at(-1)?.last ?? 0;

describe('batches', () => {
  it('collects for max_delay after the first record and settles once the answer is good', async () => {
    const world = createWorld();
    world.sender.start();
    world.stream.add(['m1'], world.clock.nowMs());
    await world.clock.advance(600);
    world.stream.add(['m2'], world.clock.nowMs());
    await world.clock.advance(399);
    expect(world.sent).toHaveLength(0);
    await world.clock.advance(1);
    expect([world.names(), world.stream.settled]).toEqual([['m1+m2'], [{ first: 1, last: 2, rejected: 0, expired: 0 }]]);
  });

  it('what earlier processes left goes out at once', async () => {
    const world = createWorld();
    world.stream.add(['m1'], 1);
    world.sender.start();
    await world.clock.settle();
    expect(world.names()).toEqual(['m1']);
  });

  it('a backlog follows batch by batch without waiting', async () => {
    const world = createWorld();
    world.stream.recordsPerRead = 2;
    for (let i = 0; i < 8; i++) world.stream.add([`m${i}`], 1);
    world.sender.start();
    await world.clock.settle();
    await world.clock.settle();
    expect(world.names()).toEqual(['m0+m1', 'm2+m3', 'm4+m5', 'm6+m7']);
  });

  it('records that arrived while the destination was down are a backlog', async () => {
    const world = createWorld();
    world.answer = () => 503;
    await send(world, 'm1');
    world.stream.add(['m2'], 1);
    await world.clock.advance(2000);
    world.answer = () => 204;
    await world.clock.advance(5000);
    const at = world.sent.slice(-2).map((one) => one.atMs);
    expect([world.names().slice(-2), at[1]! - at[0]!]).toEqual([['m1', 'm2'], 0]);
  });

  it('an explicit batch_send_deadline bounds the delay', async () => {
    const world = createWorld({ maxDelayMs: 60_000, queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0, batchSendDeadlineMs: 500 } });
    await send(world, 'm1');
    expect(world.sent[0]?.atMs).toBe(500);
  });

  it('a batch that is full does not wait for its delay', async () => {
    const world = createWorld({ maxDelayMs: 600_000 });
    world.sender.start();
    world.stream.append([{ payload: new Uint8Array(0), samples: 4_000_000, timestampMs: 1, type: 'samples' }]);
    await world.clock.advance(1000);
    expect(world.sent).toHaveLength(1);
  });

  it('several bodies: one request at a time, settled together at the end', async () => {
    const world = createWorld({}, { recordsPerBody: 1 });
    await send(world, 'm1', 'm2', 'm3');
    expect([world.names(), world.mostInFlight, world.stream.settled]).toEqual([['m1', 'm2', 'm3'], 1, [{ first: 1, last: 3, rejected: 0, expired: 0 }]]);
  });

  it('an explicit max_samples_per_send bounds every request', async () => {
    const world = createWorld({ queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 0, maxSamplesPerSend: 2 } });
    await send(world, 'm1', 'm2', 'm3');
    expect(world.names()).toEqual(['m1+m2', 'm3']);
  });

  it('a queue that cannot be read is tried again', async () => {
    const world = createWorld();
    world.stream.failReads = 2;
    await send(world, 'm1');
    await world.clock.advance(5000);
    expect([world.names(), settledTo(world)]).toEqual([['m1'], 1]);
  });

  it('a record that cannot be assembled is given up alone, and counted', async () => {
    const world = createWorld();
    world.sender.start();
    world.stream.add(['m1'], 1);
    world.stream.append([{ payload: Uint8Array.of(0xff), samples: 7, timestampMs: 1, type: 'samples' }]);
    world.stream.add(['m3'], 1);
    await world.clock.advance(1000);
    expect([world.names().toSorted(), world.stream.settled]).toEqual([['m1', 'm3'], [{ first: 1, last: 3, rejected: 7, expired: 0 }]]);
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="unreadable"}')).toBe('7');
  });
});

describe('memory', () => {
  it('records wait while there is no room to assemble them; none is given up', async () => {
    const world = createWorld();
    memory.failures = 2;
    await send(world, 'm1');
    await world.clock.advance(10_000);
    expect([world.names(), world.stream.settled]).toEqual([['m1'], [{ first: 1, last: 1, rejected: 0, expired: 0 }]]);
  });
});

describe('headers', () => {
  it('of a zstd request', async () => {
    const world = createWorld();
    await send(world, 'm1');
    expect(world.sent[0]!.headers).toEqual({
      'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'zstd', 'User-Agent': 'tributary/0.1.0',
      'X-Prometheus-Remote-Write-Version': '0.1.0', 'X-VictoriaMetrics-Remote-Write-Version': '1',
    });
  });

  it('of a snappy request, and Retry-Attempt from the second try on', async () => {
    const world = createWorld({ profile: 'generic' });
    world.script.push(503, 503);
    await send(world, 'm1');
    await world.clock.advance(1000);
    const base = { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'User-Agent': 'tributary/0.1.0', 'X-Prometheus-Remote-Write-Version': '0.1.0' };
    expect(world.sent.map((one) => one.headers)).toEqual([base, { ...base, 'Retry-Attempt': '1' }, { ...base, 'Retry-Attempt': '2' }]);
  });
});

describe('sample_age_limit', () => {
  const limited = { queue: { minBackoffMs: 30, maxBackoffMs: 5000, sampleAgeLimitMs: 60_000 } };

  it('drops and counts records that are older before they are sent', async () => {
    const world = createWorld(limited);
    world.sender.start();
    world.stream.add(['old1', 'old2'], world.clock.nowMs() - 61_000);
    world.stream.add(['new'], world.clock.nowMs());
    await world.clock.advance(1000);
    expect(world.names()).toEqual(['new']);
    expect(world.stream.settled.toSorted((a, b) => a.first - b.first)).toEqual([{ first: 1, last: 1, rejected: 0, expired: 2 }, { first: 2, last: 2, rejected: 0, expired: 0 }]);
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="expired"}')).toBe('2');
  });

  it('drops and counts a body that became older while it was retried', async () => {
    const world = createWorld(limited);
    world.answer = () => 503;
    await send(world, 'm1');
    await world.clock.advance(70_000);
    expect(world.stream.settled).toEqual([{ first: 1, last: 1, rejected: 0, expired: 1 }]);
    expect(await world.metric('prometheus_remote_storage_samples_dropped_total{remote_name="a",url="http://user:xxxxx@storage.example/insert/0/prometheus/api/v1/write",reason="too_old"}')).toBe('1');
  });
});

describe('stop', () => {
  it('sends what is there without waiting for max_delay, and resolves', async () => {
    const world = createWorld({ maxDelayMs: 60_000 });
    world.sender.start();
    world.stream.add(['m1'], 1);
    await world.clock.settle();
    const stopped = world.sender.stop(10_000);
    await world.clock.settle();
    await stopped;
    expect([world.names(), settledTo(world), world.sender.destinationState().state, world.closed, world.clock.pending()]).toEqual([['m1'], 1, 'stopped', 1, 0]);
  });

  it('leaves the rest on disk when the destination is down, without sitting out the backoff', async () => {
    const world = createWorld();
    world.answer = () => ({ error: 'refused' });
    await send(world, 'm1');
    const stopped = world.sender.stop(10_000);
    await world.clock.settle();
    await stopped;
    expect([world.stream.settled, world.clock.pending()]).toEqual([[], 0]);
  });

  it('aborts a request that hangs at its deadline', async () => {
    const world = createWorld();
    world.answer = () => 'hang';
    await send(world, 'm1');
    let isStopped = false;
    const stopped = world.sender.stop(3000).then(() => (isStopped = true));
    await world.clock.advance(2999);
    expect(isStopped).toBe(false);
    await world.clock.advance(1);
    await stopped;
    expect(world.stream.settled).toEqual([]);
  });

  it('ends at once with an empty queue', async () => {
    const world = createWorld();
    world.sender.start();
    await world.clock.settle();
    await world.sender.stop(10_000);
    expect(world.sent).toEqual([]);
  });

  it('may come before start', async () => {
    const world = createWorld();
    await world.sender.stop(10_000);
    expect(world.sender.destinationState().state).toBe('stopped');
  });
});

describe('update', () => {
  it('a new address takes over the batch that is being retried, at once', async () => {
    const world = createWorld();
    world.answer = (one) => (one.url.includes('storage.example') ? 401 : 204);
    await send(world, 'm1');
    expect(world.sender.destinationState().state).toBe('parked');
    world.sender.update({ ...world.settings, url: 'http://other.example/api/v1/push' });
    await world.clock.settle();
    expect([world.sent.at(-1)!.url, world.sent.at(-1)!.codec, settledTo(world)]).toEqual(['http://other.example/api/v1/push', 'snappy', 1]);
  });

  it('keeps the position in the stream and closes the former client', async () => {
    const world = createWorld();
    await send(world, 'm1');
    world.sender.update({ ...world.settings, remoteTimeoutMs: 5000 });
    world.stream.add(['m2'], 1);
    await world.clock.advance(1000);
    expect([world.names(), world.clients, world.closed]).toEqual([['m1', 'm2'], 2, 1]);
  });

  it('a changed URL leaves no series of the former one on the metrics page', async () => {
    const world = createWorld();
    await send(world, 'm1');
    world.sender.update({ ...world.settings, url: 'http://other.example/api/v1/push' });
    expect(await world.metrics.text()).not.toContain('storage.example');
    world.sender.removeMetrics();
    expect(await world.metrics.text()).not.toContain('other.example');
  });
});

describe('state', () => {
  it('tells what a page shows, without the password', async () => {
    const world = createWorld();
    expect(world.sender.destinationState().state).toBe('idle');
    await send(world, 'm1');
    expect(world.sender.destinationState()).toMatchObject({
      name: 'a', url: 'http://user:xxxxx@storage.example/insert/0/prometheus/api/v1/write', state: 'idle', codec: 'zstd', profile: 'victoriametrics',
      tenant: { by: 'path', id: '0:0' }, lastError: '', lastSuccessMs: world.clock.nowMs(), requests: 1, retryAtMs: undefined, specimens: [], laneOrder: 'live_first', backfill: undefined,
    });
  });

  it('is sending while a request is in flight', async () => {
    const world = createWorld();
    world.answer = () => 'hang';
    await send(world, 'm1');
    expect(world.sender.destinationState().state).toBe('sending');
  });

  it('is retrying with the error and the time of the next try', async () => {
    const world = createWorld();
    world.answer = () => ({ status: 503, headers: { 'retry-after': '100' }, body: 'too many inserts\n' });
    await send(world, 'm1');
    const state = world.sender.destinationState();
    expect([state.state, state.lastError]).toEqual(['retrying', 'server returned HTTP status 503 Service Unavailable: too many inserts']);
    expect(state.retryAtMs! - world.clock.nowMs()).toBeGreaterThanOrEqual(100_000 - 1000);
  });
});

describe('independence', () => {
  it('a destination that hangs does not keep another from sending', async () => {
    const stuck = createWorld();
    const well = createWorld();
    stuck.answer = () => 'hang';
    await send(stuck, 'm1');
    await send(well, 'm1');
    expect([stuck.stream.settled.length, well.stream.settled.length]).toEqual([0, 1]);
  });

  it('the test stream keeps its promise: onRecord calls back once', () => {
    const stream = new FakeStream();
    let calls = 0;
    stream.onRecord(0, () => calls++);
    stream.add(['m1'], 1);
    stream.add(['m2'], 1);
    expect(calls).toBe(1);
  });
});

describe('metrics', () => {
  it('count requests, bytes and samples under both names', async () => {
    const world = createWorld();
    world.script.push(503, { error: 'refused' });
    await send(world, 'm1', 'm2');
    await world.clock.advance(1000);
    world.sender.observeMetrics();
    const peer = '{remote_name="a",url="http://user:xxxxx@storage.example/insert/0/prometheus/api/v1/write"}';
    for (const [line, value] of [
      ['tributary_remote_write_requests_total{destination="a",code="503"}', '1'],
      ['tributary_remote_write_requests_total{destination="a",code="refused"}', '1'],
      ['tributary_remote_write_requests_total{destination="a",code="204"}', '1'],
      ['tributary_remote_write_sent_samples_total{destination="a"}', '2'],
      ['tributary_remote_write_retries_total{destination="a",reason="server_error"}', '1'],
      ['tributary_remote_write_retries_total{destination="a",reason="network"}', '1'],
      ['tributary_remote_write_request_duration_seconds_count{destination="a"}', '3'],
      [`prometheus_remote_storage_samples_total${peer}`, '6'],
      [`prometheus_remote_storage_samples_retried_total${peer}`, '4'],
      [`prometheus_remote_storage_samples_failed_total${peer}`, '0'],
      [`prometheus_remote_storage_samples_pending${peer}`, '0'],
      [`prometheus_remote_storage_shards${peer}`, '1'],
    ] as const) {
      expect([line, await world.metric(line)]).toEqual([line, value]);
    }
  });

  it('of a body that a receiver took in part, at least one sample is lost', async () => {
    const world = createWorld({ profile: 'generic' });
    world.stream.add(['m'], 1);
    world.stream.add(['e'], 1, 'raw', 3);
    world.script.push(400);
    world.sender.start();
    await world.clock.advance(1000);
    expect(world.stream.settled).toEqual([{ first: 1, last: 2, rejected: 1, expired: 0 }]);
  });

  it('count exemplars as items, not as samples', async () => {
    const world = createWorld();
    world.sender.start();
    world.stream.add(['m1'], world.clock.nowMs(), 'raw', 3);
    await world.clock.advance(1000);
    const peer = '{remote_name="a",url="http://user:xxxxx@storage.example/insert/0/prometheus/api/v1/write"}';
    expect(await world.metric(`prometheus_remote_storage_exemplars_total${peer}`)).toBe('3');
    expect(await world.metric('tributary_remote_write_sent_samples_total{destination="a"}')).toBe('0');
  });
});
