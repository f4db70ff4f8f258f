// The sources of documents that the configuration names. One whose settings are the same goes on through a reload; another one begins anew, and what is known from
// it stays until it has told what there is.

import { createHash } from 'node:crypto';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Kubernetes, ServerSettings } from '../../kubernetes/kubernetes.ts';
import { Secret } from '../../model/secret.ts';
import { objectsName } from './config.ts';
import type { MastersSettings } from './config.ts';
import { FileSource } from './file-source.ts';
import type { WatchFolder } from './file-source.ts';
import { objectsSource, secretsSource } from './object-source.ts';
import type { Source, Told } from './source.ts';
import type { SourceState } from './state.ts';

export interface SourceSetParts {
  readonly kubernetes: Kubernetes;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly watchFolder: WatchFolder;
}

/** As SourceListener, with the name of the source. */
export interface SetListener {
  told(source: string, document: Told): void;
  vanished(source: string, key: string): void;
  synced(source: string): void;
}

export interface SourceRules {
  readonly server: ServerSettings;
  readonly namespacePattern: string | undefined;
}

/** What a change of settings has made of the sources. */
export interface AppliedSources {
  /** The pattern of owners, by name of source. */
  readonly owners: ReadonlyMap<string, string | undefined>;
  /** Those that begin anew: they tell everything once more, and nothing of what vanished before. */
  readonly renewed: ReadonlySet<string>;
}

/** A source that is wanted. */
interface Plan {
  readonly name: string;
  /** Equal for equal settings. */
  readonly identity: string;
  readonly owner: string | undefined;
  readonly create: () => Source;
}

interface Running {
  readonly plan: Plan;
  readonly source: Source;
  isStarted: boolean;
  isSynced: boolean;
}

export class SourceSet {
  readonly #parts: SourceSetParts;
  readonly #listener: SetListener;
  readonly #running = new Map<string, Running>();
  readonly #ending = new Set<Promise<void>>();

  constructor(parts: SourceSetParts, listener: SetListener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** Ends the sources that are not wanted any more and makes new ones, which `start` starts. */
  apply(settings: MastersSettings | undefined, rules: SourceRules): AppliedSources {
    const plans = settings === undefined ? [] : plan(settings, rules, this.#parts);
    const wanted = new Map(plans.map((one) => [one.name, one]));
    for (const [name, { plan: { identity } }] of this.#running) if (wanted.get(name)?.identity !== identity) this.#end(name);
    const renewed = new Set<string>();
    for (const one of wanted.values()) {
      if (this.#running.has(one.name)) continue;
      this.#running.set(one.name, { plan: one, source: one.create(), isStarted: false, isSynced: false });
      renewed.add(one.name);
    }
    return { owners: new Map([...wanted].map(([name, { owner }]) => [name, owner])), renewed };
  }

  start(): void {
    for (const [name, running] of this.#running) {
      if (running.isStarted) continue;
      running.isStarted = true;
      running.source.start({
        told: (document) => this.#listener.told(name, document),
        vanished: (key) => this.#listener.vanished(name, key),
        synced: () => {
          running.isSynced = true;
          this.#listener.synced(name);
        },
      });
    }
  }

  state(): SourceState[] {
    return [...this.#running].map(([source, { isSynced, source: { error } }]) => ({ source, isSynced, error }));
  }

  async stop(): Promise<void> {
    for (const name of [...this.#running.keys()]) this.#end(name);
    await Promise.all(this.#ending);
  }

  #end(name: string): void {
    const ending = this.#running.get(name)!.source.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#running.delete(name);
  }
}

function plan({ secrets, objects, files }: MastersSettings, { server, namespacePattern }: SourceRules, parts: SourceSetParts): Plan[] {
  const base = { kubernetes: parts.kubernetes, server };
  const plans: Plan[] = [];
  const add = (name: string, owner: string | undefined, settings: unknown, create: () => Source) => plans.push({ name, owner, identity: identityOf(settings), create });
  if (secrets !== undefined) {
    const owner = secrets.owner ?? namespacePattern;
    add(`secrets/${secrets.name}`, owner, [secrets, owner, server], () => secretsSource(secrets, namespacePattern, base));
  }
  for (const one of objects) add(objectsName(one), one.owner, [one, server], () => objectsSource(one, base));
  if (files !== undefined) add(`files/${files.folder}`, files.owner, files, () => new FileSource(files, parts));
  return plans;
}

/** Secrets included; nothing can be read from it. */
function identityOf(settings: unknown): string {
  const text = JSON.stringify(settings, function (this: Record<string, unknown>, name: string, value: unknown) {
    const own = this[name];
    return own instanceof Secret ? own.reveal() : value;
  });
  return createHash('sha256').update(text).digest('hex');
}
