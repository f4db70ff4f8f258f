import { describe, expect, it } from 'vitest';
import { PROFILES, protocolsOf, type Protocol } from '../../../src/destinations/profile.ts';
import { ProtocolChoice } from '../../../src/sender/protocol-choice.ts';
import { requestHeaders } from '../../../src/sender/protocol.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe('headers of a request', () => {
  for (const [message, codec, expected] of [
    ['1.0', 'snappy', { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0' }],
    ['1.0', 'zstd', {
      'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'zstd', 'X-Prometheus-Remote-Write-Version': '0.1.0', 'X-VictoriaMetrics-Remote-Write-Version': '1',
    }],
    // Thanos compares both byte by byte.
    ['2.0', 'snappy', {
      'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '2.0.0',
    }],
    ['2.0', 'zstd', {
      'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'Content-Encoding': 'zstd', 'X-Prometheus-Remote-Write-Version': '2.0.0',
    }],
  ] as const) {
    it(`${message} in ${codec}`, () => expect(requestHeaders({ message, codec })).toEqual(expected));
  }
});

describe('the choice of message and codec', () => {
  const text = ({ message, codec }: Protocol) => `${message} ${codec}`;

  function choice(profile: keyof typeof PROFILES) {
    const clock = { ms: 0 };
    const order = protocolsOf(PROFILES[profile]);
    const made = new ProtocolChoice(order, { nowMs: () => clock.ms, monotonicMs: () => clock.ms, after: () => ({ cancel: () => undefined }) });
    return { clock, order, made, next: () => text(made.next()), inUse: () => text(made.inUse()) };
  }

  /** Minutes at which the first of the order is tried again during some days, when it is always refused. */
  function probes({ clock, order, made }: ReturnType<typeof choice>, { days, isPlain }: { days: number; isPlain: boolean }): number[] {
    const found: number[] = [];
    for (clock.ms = 0; clock.ms < days * DAY_MS; clock.ms += 2 * MINUTE_MS) {
      if (made.next() !== order[0]) continue;
      found.push(clock.ms / MINUTE_MS);
      made.proveRefused(order[0], order.at(-1)!, isPlain);
    }
    return found;
  }

  it('a question answered by no is asked again after a minute, then after twice as long, up to a day', () => {
    const at = probes(choice('victoriametrics'), { days: 4, isPlain: false });
    const gaps = at.slice(1).map((minute, i) => minute - at[i]!);
    expect([gaps.slice(0, 6), Math.max(...gaps), at.length]).toEqual([[2, 2, 4, 8, 16, 32], 1440, 14]);
  });

  it('a message that the receiver does not know is asked for again daily', () => {
    expect(probes(choice('mimir'), { days: 3, isPlain: true })).toEqual([0, 1440, 2880]);
  });

  it('one body probes, the others go on meanwhile', () => {
    const { clock, made, order, next } = choice('victoriametrics');
    made.proveRefused(order[0]!, order[1]!, false);
    clock.ms = MINUTE_MS;
    expect([next(), next(), next()]).toEqual(['1.0 zstd', '1.0 snappy', '1.0 snappy']);
  });

  it('what is in use does not change for a probe, and changes with its success', () => {
    const { clock, made, order, next, inUse } = choice('greptimedb');
    made.proveRefused(order[0]!, order[2]!, false);
    clock.ms = MINUTE_MS;
    expect([inUse(), next(), inUse()]).toEqual(['1.0 snappy', '2.0 zstd', '1.0 snappy']);
    made.accepted(order[0]!);
    expect([inUse(), made.isProven(order[0]!)]).toEqual(['2.0 zstd', true]);
  });

  it('a broken connection makes the next body a probe, but for a message that is not known', () => {
    const question = choice('victoriametrics');
    question.made.proveRefused(question.order[0]!, question.order[1]!, false);
    question.clock.ms = MINUTE_MS;
    question.next();
    question.made.proveRefused(question.order[0]!, question.order[1]!, false);
    question.clock.ms += MINUTE_MS;
    expect(question.next()).toBe('1.0 snappy');
    question.made.reconnected();
    expect(question.next()).toBe('1.0 zstd');
    const plain = choice('mimir');
    plain.made.proveRefused(plain.order[0]!, plain.order[1]!, true);
    plain.clock.ms = 10 * MINUTE_MS;
    plain.made.reconnected();
    expect(plain.next()).toBe('1.0 snappy');
  });

  it('what cannot be said in 2.0 goes in 1.0 and teaches nothing about 2.0', () => {
    const { made, order, inUse } = choice('greptimedb');
    expect(text(made.next(true))).toBe('1.0 zstd');
    made.accepted(order[1]!);
    made.proveRefused(order[1]!, order[2]!, false);
    expect(inUse()).toBe('2.0 zstd');
  });

  it('an answer to a body from before the fallback changes nothing', () => {
    const { made, order, inUse } = choice('greptimedb');
    made.proveRefused(order[0]!, order[1]!, true);
    made.proveRefused(order[0]!, order[2]!, true);
    made.accepted(order[1]!);
    expect(inUse()).toBe('1.0 zstd');
  });
});
