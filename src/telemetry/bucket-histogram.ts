// Histograms whose observations somebody else has counted already: a thread that must not wait for us keeps its own buckets, and hands over what it counted. Shown as any
// other classic histogram, text exposition 0.0.4.

/** Observations so far, by bucket. */
export interface BucketHistogram {
  /** `counts` has one bucket more than there are edges, for what is above the last; each counts its own observations alone. */
  set(counts: readonly number[], sum: number): void;
}

interface Child {
  readonly labels: string;
  counts: readonly number[];
  sum: number;
}

export class BucketHistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly #labelNames: readonly string[];
  readonly #edges: readonly number[];
  readonly #children = new Map<string, Child>();

  constructor(name: string, help: string, labelNames: readonly string[], edges: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    this.#edges = edges;
  }

  with(...values: readonly string[]): BucketHistogram {
    const labels = this.#labelNames.map((name, i) => `${name}="${escapeValue(values[i] ?? '')}"`).join(',');
    let child = this.#children.get(labels);
    if (child === undefined) this.#children.set(labels, (child = { labels, counts: [], sum: 0 }));
    const own = child;
    return { set: (counts, sum) => void Object.assign(own, { counts, sum }) };
  }

  remove(...values: readonly string[]): void {
    this.#children.delete(this.#labelNames.map((name, i) => `${name}="${escapeValue(values[i] ?? '')}"`).join(','));
  }

  text(): string {
    const head = `# HELP ${this.name} ${escapeHelp(this.help)}\n# TYPE ${this.name} histogram\n`;
    return head + [...this.#children.values()].map((child) => this.#childText(child)).join('');
  }

  #childText({ labels, counts, sum }: Child): string {
    let total = 0;
    const lines = [...this.#edges, Infinity].map((edge, i) => {
      total += counts[i] ?? 0;
      const le = `le="${edge === Infinity ? '+Inf' : edge}"`;
      return `${this.name}_bucket{${labels === '' ? le : `${le},${labels}`}} ${total}\n`;
    });
    const own = labels === '' ? '' : `{${labels}}`;
    return `${lines.join('')}${this.name}_sum${own} ${sum}\n${this.name}_count${own} ${total}\n`;
  }
}

/** As the text exposition wants the value of a label. */
function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
