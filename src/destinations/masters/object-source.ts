// Documents in Secrets and ConfigMaps of an API server: those of one name in all namespaces, where the namespace tells the owner, or those with a label in one
// namespace, where the name of the object does. What stands behind the watch keeps its state while the server cannot be reached.

import type { ApiServer, Kubernetes, ServerSettings, Watch, WatchRequest } from '../../kubernetes/kubernetes.ts';
import type { DataObject } from '../../kubernetes/objects.ts';
import type { ObjectsSettings, SecretsSettings } from './config.ts';
import type { Content, Source, SourceListener } from './source.ts';

export interface ObjectSourceOptions {
  readonly kubernetes: Kubernetes;
  readonly server: ServerSettings;
  readonly kind: 'secrets' | 'configmaps';
  readonly dataKey: string;
  readonly owner: string | undefined;
  readonly placeOf: (object: DataObject) => string;
  /** Undefined where the namespace is not known. */
  readonly request: (server: ApiServer) => Omit<WatchRequest<'secrets'>, 'kind'> | undefined;
}

/** Secrets of one name, whatever namespace they lie in. */
export function secretsSource(settings: SecretsSettings, namespacePattern: string | undefined, base: Pick<ObjectSourceOptions, 'kubernetes' | 'server'>): Source {
  return new ObjectSource({
    ...base,
    kind: 'secrets',
    dataKey: settings.key,
    owner: settings.owner ?? namespacePattern,
    placeOf: ({ namespace }) => namespace,
    request: () => ({ namespaces: undefined, labelSelector: '', fieldSelector: `metadata.name=${settings.name}` }),
  });
}

/** Objects with a label in one namespace. */
export function objectsSource(settings: ObjectsSettings, base: Pick<ObjectSourceOptions, 'kubernetes' | 'server'>): Source {
  return new ObjectSource({
    ...base,
    kind: settings.kind,
    dataKey: settings.key,
    owner: settings.owner,
    placeOf: ({ name }) => name,
    request({ ownNamespace }) {
      const namespace = settings.namespace ?? ownNamespace;
      return namespace === undefined ? undefined : { namespaces: [namespace], labelSelector: settings.labelSelector, fieldSelector: '' };
    },
  });
}

class ObjectSource implements Source {
  readonly #options: ObjectSourceOptions;
  readonly #server: ApiServer;
  #watch: Watch<DataObject> | undefined;
  error = '';

  constructor(options: ObjectSourceOptions) {
    this.#options = options;
    this.#server = options.kubernetes.connect(options.server);
  }

  start(listener: SourceListener): void {
    const { kind } = this.#options;
    const request = this.#options.request(this.#server);
    if (request === undefined) {
      this.error = 'this process runs outside of a cluster, expected the namespace of the objects in tributary.masters.objects';
      return;
    }
    const watch: Watch<DataObject> = this.#server.watch({ kind, ...request }, {
      synced: () => {
        for (const [key, object] of watch.objects) this.#tell(key, object, listener);
        listener.synced();
      },
      changed: (key, _before, after) => {
        if (after === undefined) listener.vanished(key);
        else this.#tell(key, after, listener);
      },
    });
    this.#watch = watch;
  }

  async stop(): Promise<void> {
    this.#watch?.close();
    await this.#server.release();
  }

  #tell(key: string, object: DataObject, listener: SourceListener): void {
    const { owner, placeOf } = this.#options;
    listener.told({ key, shown: key, place: placeOf(object), owner, content: this.#content(object) });
  }

  #content({ data }: DataObject): Content {
    const { dataKey } = this.#options;
    const found = [...data.keys()];
    return data.get(dataKey) ?? { problem: `there is no key ${dataKey}, ${found.length === 0 ? 'and no other' : `found ${found.slice(0, 5).join(', ')}`}` };
  }
}
