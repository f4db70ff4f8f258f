// Types of bundle.mjs, for tests.

export function bundle(entry: string, name: string): Promise<string>;
