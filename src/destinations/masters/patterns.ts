// What the patterns of a document may cost. They are compiled on the thread that everything runs on, and a pattern costs what it is when it is written out: `(a{1,1000}){9}` in
// ten bytes is nine thousand steps. So the text of all patterns is bounded, and what their repetitions write out, before any of them is compiled.

import type { Node } from '../../config/node.ts';
import { report } from '../../config/schema.ts';
import type { Type } from '../../config/schema.ts';

/** Of all patterns of a document, in characters: a hundred rules with usual ones. The worst of that size compiles in a third of a second. */
export const PATTERN_CHARACTERS_MAX = 8 * 1024;
/** Sum of the counts of all repetitions, such as 3 of `x{1,3}`: one pattern may have as many in RE2. */
export const REPETITIONS_MAX = 1000;

const PATTERN_KEYS: ReadonlySet<string> = new Set(['regex', 'if']);
const repetition = /\{(\d+)(?:,(\d*))?\}/g;

/** The same rules, refused unread where their patterns cost too much. */
export function withCheapPatterns<T>(type: Type<T>): Type<T> {
  return {
    ...type,
    read(node, path, context) {
      const problem = costProblem(patternsOf(node, false));
      return problem === undefined ? type.read(node, path, context) : report(context, node.at, path, problem);
    },
  };
}

function costProblem(patterns: readonly string[]): string | undefined {
  const characters = patterns.reduce((sum, text) => sum + text.length, 0);
  if (characters > PATTERN_CHARACTERS_MAX) return `the patterns have ${characters} characters, expected at most ${PATTERN_CHARACTERS_MAX}`;
  const counts = patterns.flatMap((text) => [...text.matchAll(repetition)].map(([, from, to]) => Math.max(Number(from), Number(to ?? 0))));
  const repetitions = counts.reduce((sum, count) => sum + count, 0);
  return repetitions > REPETITIONS_MAX ? `the patterns repeat ${repetitions} times in all, expected at most ${REPETITIONS_MAX}` : undefined;
}

/** All text below keys that hold patterns. */
function patternsOf(node: Node, isPattern: boolean): string[] {
  if (node.kind === 'scalar') return isPattern ? [node.text] : [];
  if (node.kind === 'list') return node.items.flatMap((item) => patternsOf(item, isPattern));
  return node.entries.flatMap(({ key, value }) => patternsOf(value, isPattern || PATTERN_KEYS.has(key)));
}
