// What Prometheus 3.14 accepts and refuses, recorded from the running program: every case goes through the load of `check config`.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

interface Vector {
  readonly name: string;
  readonly config: string;
  readonly accepted: boolean;
  readonly message?: string;
}

const server = 'a section of the full server is accepted and listed as ignored';

/** Cases in which we decide otherwise, by name, with the reason. */
const exceptions: Readonly<Record<string, string>> = {
  'rw {"azuread": {"cloud": "AzurePublic", "managed_identity": {"client_id": "00000000-0000-0000-0000-000000000000"}}}': 'azuread is refused by its name until it exists',
  'top {"rule_files": ["x.yml"]}': server,
  'top {"remote_read": [{"url": "http://x"}]}': server,
};

const vectors = readFileSync(new URL('../fixtures/vectors/config.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Vector);

function load(vector: Vector) {
  return loadConfig('/nonexistent/prometheus.yml', { readFile: () => Buffer.from(vector.config), env: {} });
}

describe('what the configuration check of Prometheus says', () => {
  test('there are 618 cases', () => expect(vectors).toHaveLength(618));

  test.each(vectors)('$name', (vector) => {
    const result = load(vector);
    const expected = Object.hasOwn(exceptions, vector.name) ? !vector.accepted : vector.accepted;
    expect(result.ok ? [] : result.problems.map(formatProblem)).toSatisfy((problems: string[]) => (problems.length === 0) === expected);
  });

  test('every exception names a case', () => {
    const names = new Set(vectors.map((vector) => vector.name));
    expect(Object.keys(exceptions).filter((name) => !names.has(name))).toEqual([]);
  });

  /** Refused by parsers of other projects in there, whose words are not Prometheus'. */
  const otherWords = /^yaml|^unable to parse requirement/;
  const worded = vectors.filter((vector) => !vector.accepted && !Object.hasOwn(exceptions, vector.name) && !otherWords.test(vector.message ?? ''));

  test.each(worded)('$name is refused in the words of Prometheus', (vector) => {
    const result = load(vector);
    const texts = result.ok ? [] : result.problems.map((problem) => problem.text);
    // The recorded messages have runs of blanks collapsed.
    expect(texts.some((text) => text.replaceAll(/ +/g, ' ').includes(vector.message ?? ''))).toBe(true);
  });
});
