// The types of values that only `tributary.roce` has: durations below a millisecond, a word or a number, a word or a list.

import { printDuration } from '../config/duration.ts';
import { report, wrongType, type Type } from '../config/schema.ts';
import { duration, listOf, uint } from '../config/types.ts';

/** Nanoseconds; `100us` beside the durations that all keys take. */
export const fineDuration: Type<number> = {
  ...duration,
  name: 'duration',
  json: { type: ['string', 'number', 'null'] },
  print: (ns) => (ns % 1e6 === 0 ? printDuration(ns / 1e6) : `${ns / 1000}us`),
  read(node, path, context) {
    const micros = node.kind === 'scalar' ? /^([0-9]{1,9})us$/.exec(node.text)?.[1] : undefined;
    if (micros !== undefined) return Number(micros) * 1000;
    const ms = duration.read(node, path, context);
    return ms === undefined ? undefined : ms * 1e6;
  },
};

/** Milliseconds, or `keep`. */
export const lifespan: Type<number | 'keep'> = {
  ...duration,
  name: 'duration or `keep`',
  zero: 'keep',
  json: { type: ['string', 'number', 'null'] },
  print: (value) => (value === 'keep' ? value : printDuration(value)),
  read: (node, path, context) => (node.kind === 'scalar' && node.text === 'keep' ? 'keep' : duration.read(node, path, context)),
};

const numbers = listOf(uint);

/** Priorities of the link, or `lossless`. */
export const priorities: Type<readonly number[] | 'lossless'> = {
  name: '`lossless` or list of priorities',
  zero: 'lossless',
  json: { type: ['array', 'string', 'null'], items: { type: 'number', minimum: 0, maximum: 7 } },
  print: (value) => (value === 'lossless' ? value : numbers.print(value)),
  read(node, path, context) {
    if (node.kind === 'scalar') return node.text === 'lossless' ? 'lossless' : wrongType(node, path, context, 'lossless or a list of priorities, 0 to 7', true);
    const values = numbers.read(node, path, context);
    const wrong = values?.find((value, i) => value > 7 || values.indexOf(value) < i);
    return wrong === undefined ? values : report(context, node.at, path, `${wrong} is no priority or stands there twice, expected 0 to 7, each once`);
  },
};
