import { describe, expect, test } from 'vitest';
import { createJsonListSplitter } from '../../../src/kubernetes/list-json.ts';
import { createProtobufListSplitter } from '../../../src/kubernetes/list-protobuf.ts';
import { FRAME_BYTES_MAX } from '../../../src/kubernetes/pending.ts';
import { createLengthSplitter, createLineSplitter } from '../../../src/kubernetes/watch-frames.ts';
import type { Splitter } from '../../../src/kubernetes/watch-frames.ts';

const filler = Buffer.alloc(1024 * 1024, 'x');
const tooLarge = expect.objectContaining({ code: 'KUBERNETES_FRAME_TOO_LARGE' }) as Error;

function pushUntilTooLarge(splitter: Splitter, beginning: Buffer): number {
  splitter.push(beginning);
  for (let pushed = 0; pushed <= FRAME_BYTES_MAX; pushed += filler.length) {
    try {
      splitter.push(filler);
    } catch (error) {
      expect(error).toEqual(tooLarge);
      return pushed;
    }
  }
  throw new Error('nothing was refused');
}

describe('a frame of more than 16 MiB is refused', () => {
  test('as a line', () => expect(pushUntilTooLarge(createLineSplitter(() => undefined), Buffer.from('{'))).toBeGreaterThan(FRAME_BYTES_MAX - 2 * filler.length));
  test('as an item of a list in JSON', () =>
    expect(pushUntilTooLarge(createJsonListSplitter(() => undefined), Buffer.from('{"items":[{"a":"'))).toBeGreaterThan(FRAME_BYTES_MAX - 2 * filler.length));
  test('around the items of a list', () =>
    expect(pushUntilTooLarge(createJsonListSplitter(() => undefined), Buffer.from('{"a":"'))).toBeGreaterThan(FRAME_BYTES_MAX - 2 * filler.length));
  test('by its length, before any of it is kept', () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(FRAME_BYTES_MAX + 1);
    expect(() => createLengthSplitter(() => undefined).push(length)).toThrow(tooLarge);
  });
  test('as an item of a list in protobuf, before any of it is kept', () => {
    // Unknown with a list of 256 MiB, in it an item of 128 MiB.
    const beginning = Buffer.from([...Buffer.from('k8s\0'), 0x12, 0x80, 0x80, 0x80, 0x80, 0x01, 0x12, 0x80, 0x80, 0x80, 0x40]);
    expect(() => createProtobufListSplitter(() => undefined).push(beginning)).toThrow(tooLarge);
  });
});

describe('what is no list', () => {
  test.each([['other magic', Buffer.from('{"a":1}')], ['a varint without end', Buffer.from([...Buffer.from('k8s\0'), ...Array.from({ length: 12 }, () => 0xff)])], ['a wire type that has no length', Buffer.from([...Buffer.from('k8s\0'), 0x0b])]])(
    '%s is damaged', (_name, bytes) => expect(() => createProtobufListSplitter(() => undefined).push(bytes)).toThrow(expect.objectContaining({ code: 'KUBERNETES_DAMAGED' }) as Error));
});

test('an empty line is no event', () => {
  const lines: string[] = [];
  createLineSplitter((line) => void lines.push(line.toString())).push(Buffer.from('\n{}\n\n{"a":1}\n'));
  expect(lines).toEqual(['{}', '{"a":1}']);
});
