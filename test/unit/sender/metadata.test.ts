import { describe, expect, it } from 'vitest';
import type { WireMetadata } from '../../../src/wire/write-request.ts';
import type { Message } from '../../../src/destinations/profile.ts';
import { MetadataSender } from '../../../src/sender/metadata.ts';
import { createTestClock } from '../../support/clock.ts';
import { createWorld } from './world.ts';

const INTERVAL_MS = 60_000;
const entry = (family: string, help = 'h'): WireMetadata => ({ family, type: 'counter', help, unit: '' });
const settings = (send = true) => ({ metadata: { send, sendIntervalMs: INTERVAL_MS, maxSamplesPerSend: 2 } });

function world(entries: () => WireMetadata[], send = true) {
  const made = createWorld(settings(send), { metadata: entries });
  made.sender.start();
  return { ...made, families: () => made.sent.map((one) => one.content.metadata.map((found) => found.family).join('+')) };
}

describe('metadata', () => {
  it('goes out every send_interval in batches of max_samples_per_send, without samples', async () => {
    const w = world(() => [entry('a'), entry('b'), entry('c')]);
    await w.clock.advance(INTERVAL_MS - 1);
    expect(w.sent).toHaveLength(0);
    await w.clock.advance(1);
    await w.clock.advance(INTERVAL_MS);
    expect(w.families()).toEqual(['a+b', 'c', 'a+b', 'c']);
    expect(w.sent.every((one) => one.content.series.length === 0)).toBe(true);
  });

  it('sends equal entries of several targets once and different ones each', async () => {
    const w = world(() => [entry('a'), entry('a'), entry('a', 'other help')]);
    await w.clock.advance(INTERVAL_MS);
    expect(w.families()).toEqual(['a+a']);
  });

  it('sends nothing when there is nothing', async () => {
    const w = world(() => []);
    await w.clock.advance(3 * INTERVAL_MS);
    expect(w.sent).toEqual([]);
  });

  it('sends nothing when it is switched off', async () => {
    const w = world(() => [entry('a')], false);
    await w.clock.advance(3 * INTERVAL_MS);
    expect([w.sent, w.clock.pending()]).toEqual([[], 0]);
  });

  it('can be switched on and off while running', async () => {
    const w = world(() => [entry('a')], false);
    w.sender.update({ ...w.settings, ...settings(true) });
    await w.clock.advance(INTERVAL_MS);
    w.sender.update({ ...w.settings, ...settings(false) });
    await w.clock.advance(2 * INTERVAL_MS);
    expect(w.families()).toEqual(['a']);
  });

  it('what could not be sent within its interval is replaced by the next set', async () => {
    let round = 0;
    const made = createWorld(settings(), { metadata: () => [entry(`round${++round}`)] });
    made.answer = () => 503;
    made.sender.start();
    await made.clock.advance(2 * INTERVAL_MS - 1);
    made.answer = () => 204;
    await made.clock.advance(INTERVAL_MS);
    const accepted = made.sent.at(-1)!.content.metadata.map((found) => found.family);
    expect(accepted).toEqual(['round2']);
  });

  it('counts entries and their bytes apart from samples', async () => {
    const w = world(() => [entry('a'), entry('b')]);
    await w.clock.advance(INTERVAL_MS);
    const peer = '{remote_name="a",url="http://user:xxxxx@storage.example/insert/0/prometheus/api/v1/write"}';
    expect(await w.metric(`prometheus_remote_storage_metadata_total${peer}`)).toBe('2');
    expect(await w.metric(`prometheus_remote_storage_bytes_total${peer}`)).toBe('0');
  });

  it('a set that cannot be made costs nothing but itself', async () => {
    let fails = true;
    const w = world(() => {
      if (fails) throw new Error('no memory');
      return [entry('a')];
    });
    await w.clock.advance(INTERVAL_MS);
    fails = false;
    await w.clock.advance(INTERVAL_MS);
    expect(w.families()).toEqual(['a']);
  });

  it('is not sent apart in remote write 2.0, where every series carries its own', async () => {
    const clock = createTestClock();
    const delivered: string[] = [];
    let message: Message = '2.0';
    const delivery: ConstructorParameters<typeof MetadataSender>[0]['delivery'] = {
      message: () => message,
      codec: () => 'snappy',
      async deliver(body, { lane }) {
        delivered.push(`${body.message} ${body.metadata} ${lane}`);
        return { isComplete: true, settled: { deduplicated: 0, rejected: 0, quarantined: 0, expired: 0 } };
      },
    };
    new MetadataSender({ clock, delivery, collect: () => [entry('a')], settings: settings().metadata }).start();
    await clock.advance(2 * INTERVAL_MS);
    expect(delivered).toEqual([]);
    message = '1.0';
    await clock.advance(INTERVAL_MS);
    expect(delivered).toEqual(['1.0 1 live']);
  });

  it('ends with the sender', async () => {
    const w = world(() => [entry('a')]);
    await w.sender.stop(1000);
    await w.clock.advance(2 * INTERVAL_MS);
    expect([w.sent, w.clock.pending()]).toEqual([[], 0]);
  });
});
