// What every section of `npm run bench -- roce` hands over, and the little arithmetic they share.

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly holds: boolean;
}

export interface Section {
  /** Lines for people. */
  readonly table: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  readonly bars: readonly Bar[];
}

export function atMost(name: string, value: number, limit: number): Bar {
  return { name, value, limit, holds: value <= limit };
}

export function atLeast(name: string, value: number, limit: number): Bar {
  return { name, value, limit, holds: value >= limit };
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** NaN of nothing: a figure that was not measured holds no bar. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** NaN of nothing. */
export function most(values: readonly number[]): number {
  return values.length === 0 ? NaN : values.reduce((a, b) => Math.max(a, b));
}

export function percent(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** The first cell to the left, the others to the right. */
export function row(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' ');
}

export function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}
