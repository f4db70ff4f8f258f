// File patterns as Go's filepath.Glob reads them: `*`, `?` and `[a-z]` within a path element, `\` before a literal character.

import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';

/** Existing paths that match an absolute pattern, sorted; a folder that cannot be read has no matches. */
export function globFiles(pattern: string): string[] {
  const elements = pattern.split('/').filter((element) => element !== '');
  let found = ['/'];
  for (const element of elements) found = found.flatMap((folder) => matchesIn(folder, element));
  return found.sort();
}

function matchesIn(folder: string, element: string): string[] {
  if (!/[*?[\\]/.test(element)) {
    const file = path.join(folder, element);
    return existsSync(file) ? [file] : [];
  }
  const matcher = elementPattern(element);
  try {
    return readdirSync(folder).filter((name) => matcher.test(name)).map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

function elementPattern(element: string): RegExp {
  let source = '';
  for (let i = 0; i < element.length; i++) {
    const char = element[i] ?? '';
    const close = char === '[' ? element.indexOf(']', i + 2) : -1;
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (close !== -1) {
      source += `[${element.slice(i + 1, close).replaceAll(/[\\[\]]/g, '\\$&')}]`;
      i = close;
    } else {
      const literal = char === '\\' ? (element[++i] ?? '') : char;
      source += literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    }
  }
  return new RegExp(`^${source}$`, 'su');
}
