// The known word that was probably meant: for messages about unknown keys, flags and names.

/** The known word that takes the fewest edits, unless it takes so many that it would mislead. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 2));
  let best: string | undefined;
  let bestEdits = limit + 1;
  for (const candidate of known) {
    const edits = contains(name, candidate) ? 1 : editDistance(name, candidate);
    if (edits >= bestEdits) continue;
    best = candidate;
    bestEdits = edits;
  }
  return best;
}

/** `scrape_classic_histograms` means `always_scrape_classic_histograms`, however many letters that adds. */
function contains(name: string, candidate: string): boolean {
  return name.length > 4 && candidate.length > 4 && (candidate.includes(name) || name.includes(candidate));
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
