// What a role is: the kind of object its groups are made of, what else those objects speak of, and how one of them becomes a group. Roles are
// pure; `kubernetes.ts` brings them the state of the cluster and asks again when something they refer to has changed.

import type { Kind, KindMap } from '../../src/kubernetes/objects.ts';
import type { TargetGroup } from '../discovery.ts';
import type { AttachSettings } from './config.ts';

/** What is known of the cluster: the objects of the kinds that the provider watches. */
export interface Cluster {
  readonly attach: AttachSettings;
  /** By `objectKey`. undefined for what does not exist, what a selector leaves out, and every object of a kind that is not watched. */
  find<K extends Kind>(kind: K, key: string): KindMap[K] | undefined;
}

/** An object another one depends on; it need not exist. */
export interface Reference {
  readonly kind: Kind;
  /** As `objectKey`. */
  readonly key: string;
}

export interface Role<K extends Kind> {
  readonly kind: K;
  /** Sources of groups are `<sourceWord>/<key>`. */
  readonly sourceWord: string;
  /** What the group of the object depends on; references to kinds that are not watched are passed over. */
  references(object: KindMap[K]): Iterable<Reference>;
  /** The group, without targets where the object gives none now; undefined where it is nothing that could be asked. */
  build(source: string, object: KindMap[K], cluster: Cluster): TargetGroup | undefined;
  /** Why the targets of the object are not what somebody may expect; for the log. */
  warning?(object: KindMap[K]): string | undefined;
}
