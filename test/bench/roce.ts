// RoCE sampling on real counters of the kernel: are bursts found as they were, what does it cost, how punctual is it on a busy machine, and what others cost.
// `npm run bench -- roce [truth] [cpu] [jitter] [peers] [--speed=1000] [--bursts=100] [--window=5] [--repeats=5] [--loads=empty_1ms,link_450_1ms]`: without a section all of them; `--speed` is the rate of the line in Mb/s
// that bursts are measured by. Needs root, `ip` and a compiler for the first three.

import { cpuSection } from './support/roce-cpu.ts';
import { serveExporter } from './support/roce-exporter.ts';
import { jitterSection } from './support/roce-jitter.ts';
import { peersSection } from './support/roce-peers.ts';
import { openRig, rigProblem, type Rig } from './support/roce-rig.ts';
import type { Bar, Section } from './support/roce-section.ts';
import { serveSubject } from './support/roce-subject.ts';
import { truthSection } from './support/roce-truth.ts';

export { serveExporter, serveSubject };

const pairs = 9;

interface Options {
  readonly sections: readonly string[];
  readonly lineRate: number;
  readonly bursts: number;
  readonly windowSeconds: number;
  readonly repeats: number;
  /** Lines of `cpu`, by their figures: these alone. */
  readonly loads: readonly string[] | undefined;
}

type SectionOf = (rig: Rig, options: Options) => Promise<Section>;

const seed = 20261129;
const inNamespace: Readonly<Record<string, SectionOf>> = {
  truth: (rig, { lineRate, bursts }) => truthSection(rig, { lineRate, bursts, seed }),
  cpu: cpuSection,
  jitter: jitterSection,
  peers: peersSection,
};

export async function run(args: readonly string[]): Promise<{ table: string[]; figures: Record<string, number>; bars: Bar[] }> {
  const options = optionsOf(args);
  const parts = await sectionsOf(options);
  return { table: parts.flatMap(({ table }) => [...table, '']), figures: Object.assign({}, ...parts.map(({ figures }) => figures)), bars: parts.flatMap(({ bars }) => bars) };
}

function optionsOf(args: readonly string[]): Options {
  const text = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const number = (name: string, otherwise: number) => Number(text(name) ?? otherwise);
  const asked = args.filter((arg) => !arg.startsWith('--'));
  const unknown = asked.filter((name) => inNamespace[name] === undefined);
  if (unknown.length > 0) throw new Error(`unknown section ${unknown.join(', ')}, expected ${Object.keys(inNamespace).join(', ')}`);
  return {
    sections: asked.length > 0 ? asked : Object.keys(inNamespace),
    lineRate: number('speed', 1000) * 125_000,
    bursts: number('bursts', 100),
    windowSeconds: number('window', 5),
    repeats: number('repeats', 5),
    loads: text('loads')?.split(','),
  };
}

/** What cannot be measured here says why, and holds no bar. */
async function sectionsOf(options: Options): Promise<Section[]> {
  const problem = rigProblem();
  if (problem !== undefined) return options.sections.map((name) => ({ table: [`${name}: not run, ${problem}`], figures: {}, bars: [] }));
  const rig = openRig(pairs);
  try {
    const parts: Section[] = [];
    for (const name of options.sections) parts.push(await inNamespace[name]!(rig, options));
    return parts;
  } finally {
    rig.close();
  }
}
