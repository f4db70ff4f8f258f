// Variables of the environment: `$NAME` and `${NAME}` in external labels, as Go's os.Expand does it (`$$` is a dollar), and `$(NAME)` anywhere in a
// configuration of the Prometheus operator, as its reloader does it.

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

/**
 * Replaces every `$(NAME)` in a value. One that is not set is a problem, told to `refuse` with its text, and stays as it is: the operator's reloader
 * refuses the file then as well, because a label or a shard that is silently empty is worse than no start.
 */
export function expandReferences(text: string, env: NodeJS.ProcessEnv, refuse: (problem: string) => void): string {
  return text.replaceAll(/\$\(([A-Za-z0-9_]+)\)/g, (reference: string, name: string) => {
    const value = env[name];
    if (value === undefined) refuse(`the environment variable ${name} is not set, expected the value that the operator gives it in the pod, such as a pod name or a shard number`);
    return value ?? reference;
  });
}
