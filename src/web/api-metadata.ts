// `/api/v1/metadata` and `/api/v1/targets/metadata`: what pages say about their metric families.

import { errorText } from '../model/error.ts';
import { compareUtf8, type LabelMap } from '../model/labels.ts';
import { compileSelector } from '../relabel/selector.ts';
import { failure, success, type Answer } from './answer.ts';
import { sortedPools } from './api-targets.ts';
import type { WebContext, WebRequest } from './context.ts';
import type { MetadataView } from './view.ts';

/** Query: `metric`, `limit` (families) and `limit_per_metric`; a limit below 1 is none. */
export function metadata({ query }: WebRequest, context: WebContext): Answer {
  const limit = readLimit(query, 'limit');
  const perMetric = readLimit(query, 'limit_per_metric');
  if (limit === undefined || perMetric === undefined) return failure('bad_data', `${limit === undefined ? 'limit' : 'limit_per_metric'} must be a number`);
  const families = collectFamilies(query.get('metric') ?? '', context);
  const entries = [...families].sort(([a], [b]) => compareUtf8(a, b)).slice(0, limit);
  return success(Object.fromEntries(entries.map(([name, variants]) => [name, [...variants.values()].slice(0, perMetric)])));
}

/** Query: `match_target` (a series selector), `metric`, and `limit` (targets). */
export function targetMetadata({ query }: WebRequest, context: WebContext): Answer {
  const limit = readLimit(query, 'limit');
  if (limit === undefined) return failure('bad_data', 'limit must be a number');
  const selector = query.get('match_target') ?? '';
  let matches: (labels: LabelMap) => boolean;
  try {
    matches = selector === '' ? () => true : compileSelector(selector);
  } catch (error) {
    return failure('bad_data', errorText(error));
  }
  const metric = query.get('metric') ?? '';
  const wanted = sortedPools(context).flatMap((pool) => pool.active).filter(({ target }) => matches(new Map(target.labels)));
  return success(
    wanted.slice(0, limit).flatMap(({ target }) => {
      const labels = Object.fromEntries(target.labels);
      const told = [...context.view.metadata(target)].filter(({ family }) => metric === '' || family === metric);
      return told.map(({ family, type, help, unit }) => ({ target: labels, ...(metric === '' && { metric: family }), type, help, unit }));
    }),
  );
}

/** Undefined when it is no number. */
function readLimit(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return Number.POSITIVE_INFINITY;
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined;
  return Number(text) > 0 ? Number(text) : Number.POSITIVE_INFINITY;
}

/** Family name to its distinct variants. */
function collectFamilies(metric: string, context: WebContext): Map<string, Map<string, object>> {
  const families = new Map<string, Map<string, object>>();
  for (const pool of context.view.pools()) {
    for (const { target } of pool.active) {
      for (const entry of context.view.metadata(target)) if (metric === '' || entry.family === metric) addVariant(families, entry);
    }
  }
  return families;
}

function addVariant(families: Map<string, Map<string, object>>, { family, type, help, unit }: MetadataView): void {
  let variants = families.get(family);
  if (variants === undefined) families.set(family, (variants = new Map()));
  variants.set(`${type}\u0000${unit}\u0000${help}`, { type, help, unit });
}
