import { describe, expect, test } from 'vitest';
import { globFiles } from '../../../src/config/glob.ts';
import { joinPath } from '../../../src/config/schema.ts';
import { nearest } from '../../../src/model/nearest.ts';
import { checkUrl, urlParts } from '../../../src/config/url.ts';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';

test.each([
  ['lables', ['labels', 'targets'], 'labels'], ['job_nam', ['job_name', 'params'], 'job_name'], ['foo', ['labels', 'targets'], undefined],
  ['scrape_classic_histograms', ['scrape_native_histograms', 'always_scrape_classic_histograms'], 'always_scrape_classic_histograms'],
])('the key nearest to %s of %j is %s', (name, known, expected) => expect(nearest(name, known)).toBe(expected));

test.each([['a', 'b', 'a.b'], ['', 'b', 'b'], ['a', 'X-Y z', 'a."X-Y z"'], ['a', 'X-Y', 'a.X-Y']])('%j and %j make the path %s', (at, name, expected) => expect(joinPath(at, name)).toBe(expected));

describe("a URL follows Go's parser", () => {
  test.each(['', 'x', '/w', 'http://', 'http://x/w', 'https://u:p@x:1/w?a=b#c', 'ftp://x', 'http://[::1]:80/', '//x', 'mailto:x', 'http://x:/'])('%j is one', (text) => expect(checkUrl(text)).toBeUndefined());
  test.each([
    [':', 'missing protocol scheme'], ['http://x:a/', 'invalid port after host'], ['http://x y/', 'invalid character'], ['http://[::1', "missing ']' in host"], ['http://x/%zz', 'invalid URL escape'],
    ['1:2', 'first path segment in URL cannot contain colon'], ['http://x/\u0001', 'invalid control character in URL'],
  ])('%j is none: %s', (text, problem) => expect(checkUrl(text)).toContain(problem));
  test.each([['HTTP://u@x:1/w', 'http', 'x:1'], ['x', '', ''], ['http://', 'http', '']])('%s has scheme %j and host %j', (text, scheme, host) => expect(urlParts(text)).toEqual({ scheme, host }));
});

describe('a file pattern', () => {
  test.each([
    ['*.yml', ['a.yml', 'b.yml']], ['?.yml', ['a.yml', 'b.yml']], ['[b-z].yml', ['b.yml']], ['[^b].yml', ['a.yml']], ['a.yml', ['a.yml']], ['none.yml', []], ['none/*.yml', []], ['*/c.yml', ['d/c.yml']], ['\\*.yml', []],
  ])('%s matches %j', (pattern, expected) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'glob-'));
    mkdirSync(path.join(folder, 'd'));
    for (const name of ['b.yml', 'a.yml', 'd/c.yml', 'x.yaml']) writeFileSync(path.join(folder, name), '');
    expect(globFiles(path.join(folder, pattern)).map((file) => path.relative(folder, file))).toEqual(expected);
    rmSync(folder, { recursive: true, force: true });
  });
});
