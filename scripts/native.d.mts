// Types of native.mjs, for tests.

export function hasCompiler(): boolean;
export function hasSanitizer(names: string): boolean;
export function buildProgram(name: string, sanitizers: string): string;
export function buildAddon(): string | undefined;
