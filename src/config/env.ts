// `$NAME` and `${NAME}` in external labels, as Go's os.Expand does it; `$$` is a dollar.

/** Replaces variables; `missing` is called with the name of each that is empty or not set. */
export function expandEnv(text: string, env: NodeJS.ProcessEnv, missing: (name: string) => void): string {
  return text.replaceAll(/\$(?:\{([*#$@!?0-9-])\}|\{([^}]+)\}|(\{\}|\{)|([*#$@!?0-9-])|([A-Za-z0-9_]+))/g, (...groups: (string | undefined)[]) => {
    const name = groups[1] ?? groups[2] ?? groups[4] ?? groups[5];
    if (name === undefined) return '';
    if (name === '$') return '$';
    const value = env[name] ?? '';
    if (value === '') missing(name);
    return value;
  });
}

/** Protects a finished text, so that it expands to itself. */
export function escapeEnv(text: string): string {
  return text.replaceAll('$', '$$$$');
}
