// Strings that repeat from object to object (label names, images, namespaces, nodes) are kept once. The table is bounded: it holds two
// generations, and when the young one is full the old one is forgotten. What was forgotten is simply kept twice from then on.

/** Strings of one generation: the names of a large cluster (nodes, images, label values of its workloads); about 1 MB. */
const GENERATION_MAX = 8192;
/** Longer strings are rarely equal, and comparing them costs more than they would save. */
const LENGTH_MAX = 80;

let young = new Map<string, string>();
let old = new Map<string, string>();

/** The string itself, or an equal one that others hold already. */
export function intern(text: string): string {
  if (text.length > LENGTH_MAX) return text;
  return young.get(text) ?? adopt(text);
}

/** Remembers a string of the old generation, or a new one, as young. */
function adopt(text: string): string {
  const kept = old.get(text) ?? text;
  if (young.size >= GENERATION_MAX) {
    old = young;
    young = new Map();
  }
  young.set(kept, kept);
  return kept;
}
