// Reads a Containerfile far enough to build its stages without a container engine: every stage is a folder, COPY copies, and the commands of RUN
// are for the test to do. No engine is needed on the machine that runs the tests, and none of a registry's images.

import { cpSync, mkdirSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

export interface Instruction {
  /** Upper case: `COPY`. */
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  /** `AS build`; the last one has none. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

export interface Containerfile {
  /** `ARG NAME=value` before the first stage. */
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

export function parseContainerfile(text: string): Containerfile {
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line)).join('\n').replaceAll(/\\\n\s*/g, '').split('\n');
  const instructions = lines.map((line): Instruction => ({ name: line.split(' ', 1)[0]!.toUpperCase(), text: line.slice(line.indexOf(' ') + 1).trim() }));
  const first = instructions.findIndex(({ name }) => name === 'FROM');
  const args = instructions.slice(0, first).filter(({ name }) => name === 'ARG').map(({ text }) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
  const stages: { name: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructions.slice(first)) {
    if (instruction.name === 'FROM') stages.push({ name: / AS (\S+)$/i.exec(instruction.text)?.[1] ?? '', instructions: [instruction] });
    else stages.at(-1)!.instructions.push(instruction);
  }
  return { args: Object.fromEntries(args) as Record<string, string>, stages };
}

/** The text of the only instruction of that name in a stage. */
export function textOf({ instructions }: Stage, name: string): string {
  const found = instructions.filter((instruction) => instruction.name === name);
  if (found.length !== 1) throw new Error(`${found.length} times ${name}`);
  return found[0]!.text;
}

/** `A=1 B=2` of ENV as a record. */
export function environmentOf(stage: Stage): Record<string, string> {
  return Object.fromEntries(textOf(stage, 'ENV').split(/\s+/).map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

export interface BuildPlace {
  /** Where the build's context lies. */
  readonly context: string;
  /** Holds one folder per stage, the file system of that stage. */
  readonly root: string;
  /** Does a RUN in the working folder of its stage. */
  readonly run: (command: string, folder: string, stage: string) => void;
}

/** Builds the stages in order; returns the folder of the last one. */
export function buildStages(file: Containerfile, place: BuildPlace): string {
  let folder = '';
  for (const stage of file.stages) {
    folder = join(place.root, stage.name === '' ? 'image' : stage.name);
    buildStage(stage, folder, place);
  }
  return folder;
}

function buildStage(stage: Stage, folder: string, place: BuildPlace): void {
  let workFolder = '/';
  for (const { name, text } of stage.instructions) {
    if (name === 'WORKDIR') mkdirSync(join(folder, (workFolder = posix.resolve(workFolder, text))), { recursive: true });
    if (name === 'COPY') copy(text, { folder, workFolder }, place);
    if (name === 'RUN') place.run(text, join(folder, workFolder), stage.name);
  }
}

function copy(text: string, { folder, workFolder }: { readonly folder: string; readonly workFolder: string }, { context, root }: BuildPlace): void {
  const words = text.split(/\s+/);
  const from = words[0]?.startsWith('--from=') === true ? join(root, words.shift()!.slice('--from='.length)) : context;
  const to = words.pop()!;
  const target = join(folder, posix.resolve(workFolder, to));
  for (const source of words) {
    // As engines do: into a folder when the target ends with a slash, else as the target.
    const path = to.endsWith('/') ? join(target, basename(source)) : target;
    mkdirSync(dirname(path), { recursive: true });
    cpSync(join(from, source), path, { recursive: true, dereference: false });
  }
}
