// `tributary check route --config.file=FILE SERIES`: where a series would go under a configuration, without starting, for people and (the last line) for
// programs. Pods are not asked for here: what their labels say, the API of the running collector tells.

import { loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import type { Settings } from '../config/settings.ts';
import { errorText } from '../model/error.ts';
import { formatLabels } from '../model/labels.ts';
import { createNamespaceOwners, namespaceRule } from '../owners/by-namespace.ts';
import { parseSeries } from '../route/explain.ts';
import { explain } from '../series/explain.ts';
import type { SeriesExplanation } from '../series/explain.ts';

/** Writes the way of the series line by line, then one line of JSON. Returns the exit code: 0, or 1 when the file or the series is bad. */
export function checkRoute(file: string, text: string, write: (line: string) => void): number {
  const loaded = loadConfig(file);
  if (!loaded.ok) {
    for (const problem of loaded.problems) write(`  ${formatProblem(problem)}`);
    return fail(`${file} is not a valid configuration`, write);
  }
  try {
    const series = parseSeries(text);
    if (typeof series === 'string') return fail(series, write);
    const explained = explainUnder(loaded.config.settings, series);
    for (const line of describe(explained)) write(line);
    write(JSON.stringify({ check: 'route', ok: true, ...explained }));
    return 0;
  } catch (error) {
    return fail(errorText(error), write);
  }
}

function fail(error: string, write: (line: string) => void): number {
  write(`  FAILED: ${error}`);
  write(JSON.stringify({ check: 'route', ok: false, error }));
  return 1;
}

function explainUnder({ destinations, externalLabels, routing, shardGroups }: Settings, series: Parameters<typeof explain>[1]): SeriesExplanation {
  return explain(
    {
      destinations: destinations.map((one, i) => ({ ...one, name: one.name ?? `remote_write[${i}]` })),
      externalLabels,
      routing,
      shardGroups,
      index: createNamespaceOwners(namespaceRule(routing?.owner.namespace)),
    },
    series,
  );
}

/** The way of a series in lines for people. */
export function describe(explained: SeriesExplanation): string[] {
  const { labels, provenance, owner, ownerSource, policy, index, routes, shards, destinations, unrouted, writes } = explained;
  return [
    `series      ${formatLabels(Object.entries(labels))}`,
    `provenance  ${formatLabels(Object.entries(provenance))}`,
    `owner       ${owner === '' ? 'nobody' : owner} (${ownerSource}${policy === '' ? '' : `: ${policy}`})`,
    ...index.map((step) => `index       pod ${step.namespace}/${step.pod}: ${step.state === 'no_index' ? 'not known here' : step.state}${step.owner === '' ? '' : `, owner ${step.owner}`}`),
    ...routes.map((step) => `route ${step.route}     ${step.matched ? 'matches' : 'does not match'} ${step.match.join(' or ') || 'everything'}${step.matched ? `: to ${step.to.join(', ') || 'none'}` : ''}`),
    ...shards.map(({ group, by, members, of }) => `shard       ${group}: ${members.join(', ')}, ${members.length} of ${of}, by ${formatLabels(Object.entries(by))}`),
    `goes to     ${destinations.join(', ') || 'nowhere'}${unrouted === undefined ? '' : ` (${unrouted.reason}${unrouted.owner === '' ? '' : ` ${unrouted.owner}`})`}`,
    ...writes.flatMap(({ destination, isSent, steps, labels: sent }) => [
      ...steps.map((step) => `${destination}: write rule ${step.rule} ${step.effect} it: ${step.text}`),
      isSent ? `${destination}: sent as ${formatLabels(Object.entries(sent))}` : `${destination}: not sent`,
    ]),
  ];
}
