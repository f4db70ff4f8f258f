// Our own metrics. A thin face over prom-client (the only file that knows it): a stage declares a family once, keeps the
// children it uses and touches plain cells on hot paths. Names are documented in docs/metrics.md; a test compares the two.

import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from 'prom-client';
import { BucketHistogramFamily, type BucketHistogram } from './bucket-histogram.ts';

export interface Counter {
  inc(by?: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

/** A family with labels: `with` gives the child for the label values in the order of the declaration. */
export interface Family<T> {
  with(...values: readonly string[]): T;
  /** Removes the child, so that a target or destination that is gone leaves no series behind. */
  remove(...values: readonly string[]): void;
}

export interface Metrics {
  counter(name: string, help: string): Counter;
  counters(name: string, help: string, labels: readonly string[]): Family<Counter>;
  gauge(name: string, help: string): Gauge;
  gauges(name: string, help: string, labels: readonly string[]): Family<Gauge>;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  histograms(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Family<Histogram>;
  /** Of observations that were counted elsewhere. */
  bucketHistograms(name: string, help: string, labels: readonly string[], edges: readonly number[]): Family<BucketHistogram>;
  /** Text of further families, put behind our own ones: lines of text exposition 0.0.4, each with its end. */
  addText(text: () => string): void;
  /** Runs before every exposition: the place to set gauges from state that lives elsewhere. */
  beforeExposition(callback: () => void): void;
  /** Text exposition, version 0.0.4. */
  text(): Promise<string>;
  /** Every family's name and help, for the documentation. */
  families(): { name: string; help: string; type: string }[];
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const callbacks: (() => void)[] = [];
  const registers = [registry];
  const bucketFamilies: BucketHistogramFamily[] = [];
  const texts: (() => string)[] = [];
  const family = <T>(make: (labels: Record<string, string>) => T, drop: (labels: Record<string, string>) => void, names: readonly string[]) => {
    const children = new Map<string, T>();
    const labelsOf = (values: readonly string[]) => Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
    return {
      with(...values: readonly string[]): T {
        const key = values.join('\u0000');
        let child = children.get(key);
        if (child === undefined) children.set(key, (child = make(labelsOf(values))));
        return child;
      },
      remove(...values: readonly string[]): void {
        if (children.delete(values.join('\u0000'))) drop(labelsOf(values));
      },
    };
  };
  return {
    counter: (name, help) => new PromCounter({ name, help, registers }),
    counters(name, help, labels) {
      const c = new PromCounter({ name, help, labelNames: [...labels], registers });
      return family((l) => c.labels(l), (l) => c.remove(l), labels);
    },
    gauge: (name, help) => new PromGauge({ name, help, registers }),
    gauges(name, help, labels) {
      const g = new PromGauge({ name, help, labelNames: [...labels], registers });
      return family((l) => g.labels(l), (l) => g.remove(l), labels);
    },
    histogram: (name, help, buckets) => new PromHistogram({ name, help, buckets: [...buckets], registers }),
    histograms(name, help, labels, buckets) {
      const h = new PromHistogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers });
      return family((l) => h.labels(l), (l) => h.remove(l), labels);
    },
    bucketHistograms(name, help, labels, edges) {
      const own = new BucketHistogramFamily(name, help, labels, edges);
      bucketFamilies.push(own);
      return own;
    },
    addText: (text) => void texts.push(text),
    beforeExposition: (callback) => void callbacks.push(callback),
    async text() {
      for (const callback of callbacks) callback();
      return [await registry.metrics(), ...bucketFamilies.map((own) => own.text()), ...texts.map((text) => text())].join('');
    },
    families: () => [
      ...registry.getMetricsAsArray().map((m) => ({ name: m.name, help: m.help, type: String(m.type) })),
      ...bucketFamilies.map(({ name, help }) => ({ name, help, type: 'histogram' })),
    ],
  };
}
