import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { untilDrained } from '../../../src/io/drain.ts';

const full = () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  stream.write('ab');
  return stream;
};

test('waiting again and again leaves no listeners behind', async () => {
  const stream = full();
  const before = stream.eventNames().map((name) => [name, stream.listenerCount(name)]);
  for (let i = 0; i < 20; i++) {
    const waiting = untilDrained(stream);
    stream.read();
    await waiting;
    stream.write('ab');
  }
  expect(stream.eventNames().map((name) => [name, stream.listenerCount(name)])).toEqual(before);
});

test('a stream that closes, or has been destroyed before, ends the wait', async () => {
  const stream = full();
  const waiting = untilDrained(stream);
  stream.destroy();
  await waiting;
  await untilDrained(stream);
  expect(stream.destroyed).toBe(true);
});
