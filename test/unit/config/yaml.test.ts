import { describe, expect, test } from 'vitest';
import { parseYaml, printYaml } from '../../../src/config/yaml.ts';
import type { Node } from '../../../src/config/node.ts';

function plain(node: Node | undefined): unknown {
  if (node === undefined) return undefined;
  if (node.kind === 'list') return node.items.map(plain);
  if (node.kind === 'map') return Object.fromEntries(node.entries.map((entry) => [entry.key, plain(entry.value)]));
  return `${node.tag} ${node.text}`;
}

const read = (text: string) => plain(parseYaml(text).root);

describe('the tag of a plain scalar follows YAML 1.1', () => {
  test.each([
    ['1', '!!int'], ['-1', '!!int'], ['0x1f', '!!int'], ['0o17', '!!int'], ['017', '!!int'], ['1_000', '!!int'], ['1.5', '!!float'], ['1e3', '!!float'], ['.inf', '!!float'], ['.nan', '!!float'],
    ['yes', '!!bool'], ['on', '!!bool'], ['True', '!!bool'], ['n', '!!bool'], ['~', '!!null'], ['null', '!!null'], ['x', '!!str'], ['1s', '!!str'], ['08', '!!float'], ['<secret>', '!!str'],
  ])('%s is %s', (text, tag) => expect(read(`a: ${text}`)).toEqual({ a: `${tag} ${text}` }));

  test('a quoted scalar is a string', () => expect(read(`[ '1', "yes", 'null' ]`)).toEqual(['!!str 1', '!!str yes', '!!str null']));
  test('a tag decides', () => expect(read('[ !!str 1, !!int "1", !!binary aGk= ]')).toEqual(['!!str 1', '!!int 1', '!!binary hi']));
  test('nothing is null', () => expect(read('a:\nb:')).toEqual({ a: '!!null ', b: '!!null ' }));
});

describe('merge keys and aliases', () => {
  test('merged keys come in, own keys win', () => expect(read('x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3')).toMatchObject({ y: { a: '!!int 1', b: '!!int 3' } }));
  test('of several merged maps the first wins', () => expect(read('x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}')).toMatchObject({ z: { a: '!!int 1', b: '!!int 2' } }));
  test('an anchor may be set again', () => expect(read('- &a 1\n- *a\n- &a 2\n- *a')).toEqual(['!!int 1', '!!int 1', '!!int 2', '!!int 2']));
  test('only maps can be merged', () => expect(parseYaml('a: {<<: 1}').problems[0]?.text).toContain('map merge requires map or sequence of maps'));
  test('a quoted << is a key', () => expect(read("'<<': 1")).toEqual({ '<<': '!!int 1' }));
  test('an alias to an outer value is a loop', () => expect(parseYaml('a: &a [*a]').problems[0]?.text).toContain('contains itself'));
  test('an unknown anchor is not quoted, it may be a password', () => {
    const [problem] = parseYaml('password: *hunter2').problems;
    expect(problem?.text).toContain('unknown anchor');
    expect(problem?.text).not.toContain('hunter2');
  });
  test('a document that explodes is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${Array(10).fill(`*a${i - 1}`).join(', ')}]`);
    expect(parseYaml(lines.join('\n')).problems.map((problem) => problem.text)).toEqual(['document contains excessive aliasing, expected at most 100000 repeated nodes']);
  });
});

describe('indentation does not count inside brackets', () => {
  test.each([
    ['a: [\n1,\n2\n]\nb: 3', { a: ['!!int 1', '!!int 2'], b: '!!int 3' }],
    ['a: {\nb: 1\n}', { a: { b: '!!int 1' } }],
    ['a:\n- b: [x,\n  v]\n  c: [z,\n  w]', { a: [{ b: ['!!str x', '!!str v'], c: ['!!str z', '!!str w'] }] }],
    ['a: [x\ny]', { a: ['!!str x y'] }],
  ])('%j', (text, expected) => expect(read(text)).toEqual(expected));
  test('places stay those of the file', () => expect(parseYaml('a: [\n1,\n  2\n]').root).toMatchObject({ entries: [{ value: { items: [{ at: { line: 2, column: 1 } }, { at: { line: 3, column: 3 } }] } }] }));
});

describe('text that is not YAML has a place and no quotation', () => {
  test.each([
    ['global:\n\tscrape_interval: 1s\n', 2, 'tab'],
    ['a: [1, 2\nb: hunter2', 2, 'indentation'],
    ['a: "hunter2', 1, 'missing'],
    ['a: b: hunter2', 1, 'not valid YAML'],
    ['a: @hunter2', 1, 'quotes'],
    ['a: x\u0001y', 1, 'control characters'],
  ])('%j', (text, line, words) => {
    const [problem] = parseYaml(text).problems;
    expect(problem?.at.line).toBe(line);
    expect(problem?.text).toContain(words);
    expect(problem?.text).not.toContain('hunter2');
  });

  test('bad base64 is told', () => expect(parseYaml('a: !!binary "?"').problems[0]?.text).toBe('!!binary value contains invalid base64 data'));
});

test('only the first document counts, as in Prometheus', () => expect(read('a: 1\n---\nb: 2')).toEqual({ a: '!!int 1' }));
test('an empty text has no root', () => expect(parseYaml('# nothing\n')).toEqual({ problems: [] }));
test('a node knows its place', () => expect(parseYaml('a:\n  - b: c').root).toMatchObject({ entries: [{ at: { line: 1, column: 1 }, value: { items: [{ entries: [{ at: { line: 2, column: 5 } }] }] } }] }));

test('strings that look like something else are printed in quotes', () => {
  const words = ['1', 'yes', 'no', 'on', 'y', 'null', '~', '', '1.5', '0x1', '017', '<<', ' x', 'a: b', '# x', 'x\ny', '2001-01-01', '!x', '&x', '*x', '@x', '1:30'];
  expect(read(printYaml(words))).toEqual(words.map((word) => `!!str ${word}`));
});
