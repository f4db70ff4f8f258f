// The last window of each series in Prometheus' text format 0.0.4: families one after the other, each sample with the time of its window. Histograms are
// there with their classic buckets.

import { METRIC_NAME, sortLabels, type LabelMap } from '../../model/labels.ts';
import type { RoceFamily } from './families.ts';
import { DistributionOutlet, type Outlet, type ValueOutlet } from './outlets.ts';

export function renderPage(outlets: Iterable<Outlet>): string {
  const groups = new Map<string, { readonly family: RoceFamily; readonly lines: string[] }>();
  for (const outlet of outlets) {
    const { family } = outlet;
    const lines = (outlet instanceof DistributionOutlet ? outlet.classic : [outlet]).flatMap(lineOf);
    if (lines.length === 0) continue;
    const group = groups.get(family.family) ?? { family, lines: [] };
    groups.set(family.family, group);
    group.lines.push(...lines);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, { family, lines }]) => `${headOf(family)}${lines.join('')}`).join('');
}

function headOf({ family, type, help }: RoceFamily): string {
  return `# HELP ${family} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${family} ${type}\n`;
}

/** Nothing before the first window. */
function lineOf({ labels, shown }: ValueOutlet): string[] {
  return shown === undefined ? [] : [`${labels.get(METRIC_NAME) ?? ''}${labelText(labels)} ${shown.value} ${shown.timestampMs}\n`];
}

function labelText(labels: LabelMap): string {
  const pairs = sortLabels(labels).filter(([name]) => name !== METRIC_NAME);
  return `{${pairs.map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`).join(',')}}`;
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}
