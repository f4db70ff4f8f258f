import { describe, expect, test } from 'vitest';
import { buildUrl } from '../../../src/targets/url.ts';

const url = (path: string, params: Record<string, string[]> = {}, address = 'host:80') =>
  buildUrl({ scheme: 'http', address, path, params: new Map(Object.entries(params)) });

describe('buildUrl', () => {
  test.each([
    ['the address is used as it stands', url('/metrics', {}, '[::1]'), 'http://[::1]/metrics'],
    ['a path gets its slash', url('metrics'), 'http://host:80/metrics'],
    ['an empty path stays empty', url(''), 'http://host:80'],
    ['a question mark in the path is part of the path', url('/a?b=c'), 'http://host:80/a%3Fb=c'],
    ['a percent sign in the path is escaped', url('/a%2fb'), 'http://host:80/a%252fb'],
    ['sub-delimiters that Go keeps stay in the path', url("/$&+,/:;=@!*'()"), 'http://host:80/$&+,/:;=@%21%2A%27%28%29'],
    ['text beyond ASCII is UTF-8 in percent signs', url('/ü', { ü: ['→'] }), 'http://host:80/%C3%BC?%C3%BC=%E2%86%92'],
    ['parameters are sorted by key, values keep their order', url('/', { b: ['3'], a: ['2', '1'] }), 'http://host:80/?a=2&a=1&b=3'],
    ['a blank in a parameter is a plus, a plus is escaped', url('/', { 'b c': ['ü& +'] }), 'http://host:80/?b+c=%C3%BC%26+%2B'],
  ])('%s', (_rule, actual, expected) => expect(actual).toBe(expected));
});
