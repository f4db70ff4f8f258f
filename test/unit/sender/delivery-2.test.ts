// Remote write 2.0: what goes out, what counts as a success, and how a destination falls back to 1.0.

import { describe, expect, it } from 'vitest';
import { createDeliveryWorld, many, series, written, type SentBody } from './delivery-world.ts';
import type { PlainSeries2 } from '../../support/write-request-2.ts';

const NOTHING = { deduplicated: 0, rejected: 0, quarantined: 0, expired: 0 };
const all = (settled: Partial<typeof NOTHING> = {}) => ({ isComplete: true, settled: { ...NOTHING, ...settled } });
const V2 = '2.0 snappy';
const V1 = '1.0 snappy';
const HOUR_MS = 3_600_000;

describe('remote write 2.0', () => {
  it('is tried first where the profile has it, and stays when the answer counts what was written', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = written;
    expect([await world.deliver(many(3)), await world.deliver(many(3)), world.protocols(), world.delivery.message()]).toEqual([all(), all(), [V2, V2], '2.0']);
  });

  for (const [profile, protobufMessage, expected] of [
    ['mimir', 'prometheus.WriteRequest', V1], ['cortex', 'io.prometheus.write.v2.Request', V2], ['victoriametrics', 'io.prometheus.write.v2.Request', V2],
    ['cortex', undefined, V1], ['greptimedb', undefined, '2.0 zstd'], ['victoriametrics', undefined, '1.0 zstd'],
  ] as const) {
    it(`${profile} with protobuf_message ${protobufMessage ?? 'not written'} begins with ${expected}`, async () => {
      const world = createDeliveryWorld({ profile, ...(protobufMessage === undefined ? {} : { protobufMessage }) });
      world.answer = written;
      await world.deliver(many(1));
      expect(world.protocols()[0]).toBe(expected);
    });
  }

  it('204 without counts is no success: the same samples in 1.0, and 1.0 from then on, asked again after a day', async () => {
    const world = createDeliveryWorld({ profile: 'thanos' });
    expect([await world.deliver([series('a')]), await world.deliver([series('b')])]).toEqual([all(), all()]);
    expect([world.protocols(), world.names(), world.delivery.message()]).toEqual([[V2, V1, V1], ['a', 'a', 'b'], '1.0']);
    world.nowMs += 23 * HOUR_MS;
    await world.deliver([series('c', [world.nowMs])]);
    world.nowMs += 2 * HOUR_MS;
    world.answer = written;
    await world.deliver([series('d', [world.nowMs])]);
    expect([world.protocols().slice(3), world.delivery.message()]).toEqual([[V1, V2], '2.0']);
  });

  it('415 is the same', async () => {
    const world = createDeliveryWorld({ profile: 'prometheus' });
    world.answer = (one) => (one.protocol === V2 ? 415 : 204);
    await world.deliver([series('a')]);
    await world.deliver([series('b')]);
    expect(world.protocols()).toEqual([V2, V1, V1]);
    expect(await world.metric('tributary_remote_write_codec_fallbacks_total{destination="a"}')).toBe('1');
  });

  it('400 without counts asks in 1.0, and refused there, too, proves nothing', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = (one) => (one.names.includes('bad') ? 400 : written(one));
    expect([await world.deliver([series('bad')]), await world.deliver([series('good')]), world.protocols()]).toEqual([all({ rejected: 1 }), all(), [V2, V1, V2]]);
  });

  it('falls through every message and codec to the one that is accepted', async () => {
    const world = createDeliveryWorld({ profile: 'greptimedb' });
    world.answer = (one) => (one.protocol === V1 ? 204 : 415);
    await world.deliver([series('a')]);
    await world.deliver([series('b')]);
    expect(world.protocols()).toEqual(['2.0 zstd', '1.0 zstd', V1, V1]);
  });

  it('fewer written than sent on a success: the difference is rejected, with a specimen', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = (one) => ({ status: 204, written: { samples: one.samples - 2, histograms: 0, exemplars: 0 } });
    expect(await world.deliver(many(5))).toEqual(all({ rejected: 2 }));
    expect(world.delivery.state().specimens[0]).toMatchObject({ status: 204, reason: 'not_written', samples: 2 });
    expect(await world.metric('tributary_remote_write_rejected_samples_total{destination="a",reason="not_written"}')).toBe('2');
    expect(await world.metric('tributary_remote_write_sent_samples_total{destination="a"}')).toBe('3');
  });

  it('400 with counts: exactly what was not written is rejected, nothing is sent again', async () => {
    const world = createDeliveryWorld({ profile: 'prometheus' });
    world.answer = (one) => ({ status: 400, body: 'out of order', written: { samples: one.samples - 1, histograms: undefined, exemplars: undefined } });
    expect([await world.deliver(many(5)), world.sent.length]).toEqual([all({ rejected: 1 }), 1]);
    expect(world.delivery.state().specimens[0]).toMatchObject({ status: 400, reason: 'bad_request', samples: 1, body: 'out of order' });
  });

  it('what an earlier try without an answer may have stored is not lost when it is not written again', async () => {
    for (const status of [204, 400]) {
      const world = createDeliveryWorld({ profile: 'mimir' });
      world.script.push({ error: 'timeout' });
      world.answer = (one) => ({ status, written: { samples: one.samples - 2, histograms: 0, exemplars: 0 } });
      expect(await world.deliver(many(5))).toEqual(all({ deduplicated: 2 }));
    }
  });

  it('is cut like 1.0', async () => {
    const world = createDeliveryWorld({ profile: 'thanos' });
    world.answer = (one) => (one.samples > 2 ? 413 : written(one));
    expect([await world.deliver(many(8)), world.sent.filter((one) => one.samples <= 2).map((one) => one.samples)]).toEqual([all(), [2, 2, 2, 2]]);
    expect(new Set(world.protocols())).toEqual(new Set([V2]));
  });

  it('a series refused alone goes to quarantine as 1.0', async () => {
    const world = createDeliveryWorld({ profile: 'thanos' });
    world.answer = (one) => (one.names.includes('huge') ? 413 : written(one));
    expect(await world.deliver([series('a'), series('huge', [1], 0, { job: 'x' })])).toEqual(all({ quarantined: 1 }));
    expect(world.quarantined[0]!.content.series).toEqual([series('huge', [1], 0, { job: 'x' })]);
  });

  it('carries metadata of families and created timestamps', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' }, { metadata: () => [{ family: 'requests', type: 'counter', help: 'Requests.', unit: '' }] });
    world.answer = written;
    const seconds = 1_700_000_000;
    const created = { ...series('requests_created', [(seconds + 5) * 1000]), samples: [{ value: '41d954fc40000000', timestampMs: (seconds + 5) * 1000 }] };
    await world.deliver([series('requests_total', [(seconds + 5) * 1000]), created]);
    const [total] = world.sent[0]!.content.series as readonly PlainSeries2[];
    expect([total!.metadata, total!.createdMs]).toEqual([{ type: 1, help: 'Requests.', unit: '' }, seconds * 1000]);
  });
});

describe('exemplars in remote write 2.0', () => {
  const sentExemplars = (sent: readonly SentBody[]) => sent.map((one) => [one.protocol, one.samples, one.exemplars]);

  it('stand beside the samples of their series', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = written;
    expect(await world.deliver([series('a'), series('b'), series('a', [], 2)])).toEqual(all());
    expect([sentExemplars(world.sent), world.sent[0]!.content.series.map((one) => one.exemplars.length)]).toEqual([[[V2, 2, 2]], [2, 0]]);
  });

  it('go in 1.0 when their samples are not in the body, and 2.0 stays', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = written;
    expect(await world.deliver([series('a'), series('c', [], 2)])).toEqual(all());
    expect([sentExemplars(world.sent), world.delivery.message()]).toEqual([[[V2, 1, 0], [V1, 0, 2]], '2.0']);
  });

  it('where nothing but 2.0 is taken those are counted, and hold nothing up', async () => {
    const world = createDeliveryWorld({ profile: 'prometheus' });
    world.answer = (one) => (one.protocol === V2 ? written(one) : 415);
    expect(await world.deliver([series('a'), series('c', [], 2)])).toEqual(all({ rejected: 2 }));
  });

  it('that are not written count as rejected', async () => {
    const world = createDeliveryWorld({ profile: 'mimir' });
    world.answer = (one) => ({ status: 204, written: { samples: one.samples, histograms: 0, exemplars: 0 } });
    expect(await world.deliver([series('a', [1], 2)])).toEqual(all({ rejected: 2 }));
  });
});
