// tributary.masters: destinations that arrive at run time, as Secrets in their namespaces, as selected objects beside this collector, or as files. What
// a document may say is in document-keys.ts; here stands what the operator of this cluster grants to all of them.

import { compact, filled } from '../../config/build.ts';
import { block, defaultBlock, fail, key, optional, report } from '../../config/schema.ts';
import type { Block, Type } from '../../config/schema.ts';
import { choice, duration, filePath, int, listOf, text } from '../../config/types.ts';
import { labelSelectorProblem } from '../../kubernetes/label-selector.ts';
import { ownerPatternProblem, pattern } from '../../route/config.ts';
import { checkLimits, limitKeys } from '../config.ts';
import type { LimitsBlock } from '../config.ts';
import { parseNetwork } from './network.ts';
import type { Network } from './network.ts';

export interface SecretsSettings {
  /** Of the Secrets, the same in every namespace. */
  readonly name: string;
  /** Which key of the data holds the document. */
  readonly key: string;
  /** Pattern over whole namespaces, its group is the owner. Undefined: the one of routing.owner.namespace. */
  readonly owner: string | undefined;
}

export interface ObjectsSettings {
  readonly kind: 'secrets' | 'configmaps';
  /** Undefined: the one that Tributary runs in. */
  readonly namespace: string | undefined;
  readonly labelSelector: string;
  readonly key: string;
  /** Pattern over whole names of objects. */
  readonly owner: string;
}

export interface FilesSettings {
  readonly folder: string;
  /** Pattern over whole file names without their ending. */
  readonly owner: string;
}

export interface MastersSettings {
  readonly secrets?: SecretsSettings;
  readonly objects: readonly ObjectsSettings[];
  readonly files?: FilesSettings;
  /** Stands before the owner in the name of a destination. */
  readonly namePrefix: string;
  readonly maxMasters: number;
  readonly graceMs: number;
  /** Hosts as `storage.example` or `*.example`; empty allows all. */
  readonly allowedHosts: readonly string[];
  /** Exempt from what is refused by itself. */
  readonly allowedNetworks: readonly Network[];
  readonly refusedNetworks: readonly Network[];
  /** Value of the label that a document names in `replica_label`; undefined: no document may name one. */
  readonly replica?: string;
  /** What each of them may use here. */
  readonly limits: LimitsBlock;
}

const dataKey = key(text, 'route.yml', 'Key of the data that holds the document.', { limit: 'not empty' });
const whole = (what: string) => `Pattern over whole ${what}, with one group: the owner.`;

const secretsKeys = {
  name: key(text, 'tributary-route', 'Name of the Secret, the same in every namespace.', { limit: 'not empty' }),
  key: dataKey,
  owner: optional(pattern, `${whole('namespaces')} A Secret in another namespace is refused.`, { defaultText: 'tributary.routing.owner.namespace' }),
};
const objectsKeys = {
  kind: key(choice(['secrets', 'configmaps'] as const, (value) => `unknown kind ${JSON.stringify(value)}`), 'secrets', 'What is watched, in one namespace.'),
  namespace: optional(text, 'Where they lie.', { defaultText: 'the namespace that Tributary runs in' }),
  label_selector: key(text, '', 'Which of them are documents, such as `tributary.io/route=true`.', { limit: 'required' }),
  key: dataKey,
  owner: key(pattern, '(.+)', whole('names of objects')),
};
const filesKeys = {
  folder: key(filePath, '', 'Folder of `*.yml`, `*.yaml` and `*.json` files, one document each; followed as it changes, a mounted ConfigMap too.', { limit: 'required' }),
  owner: key(pattern, '(.+)', whole('file names without their ending')),
};

type SecretsBlock = Block<typeof secretsKeys>;
type ObjectsBlock = Block<typeof objectsKeys>;
type FilesBlock = Block<typeof filesKeys>;

function checkNotEmpty(at: SecretsBlock | ObjectsBlock | FilesBlock, names: readonly string[]): void {
  const values = at.values as Readonly<Record<string, unknown>>;
  for (const name of names) if (values[name] === '' && !at.bad.has(name)) fail(at, name, `${name} is empty, expected a value`);
}

function checkOwner(at: SecretsBlock | ObjectsBlock | FilesBlock): void {
  const { owner } = at.values;
  const problem = owner === undefined || at.bad.has('owner') ? undefined : ownerPatternProblem(owner);
  if (problem !== undefined) fail(at, 'owner', problem);
}

const secretsBlock = block(secretsKeys, {
  nullIsDefault: true,
  check(at) {
    checkNotEmpty(at, ['name', 'key']);
    checkOwner(at);
  },
});
const objectsBlock = block(objectsKeys, {
  check(at) {
    checkNotEmpty(at, ['label_selector', 'key']);
    checkOwner(at);
    const problem = labelSelectorProblem(at.values.label_selector);
    if (problem !== undefined) fail(at, 'label_selector', problem);
  },
});
const filesBlock = block(filesKeys, {
  check(at) {
    checkNotEmpty(at, ['folder']);
    checkOwner(at);
  },
});

const network: Type<Network> = {
  ...text,
  name: 'address or network',
  zero: { address: '0.0.0.0', prefix: 32, family: 'ipv4' },
  print: ({ address, prefix }) => `${address}/${prefix}`,
  read(node, path, context) {
    const written = text.read(node, path, context);
    return written === undefined ? undefined : (parseNetwork(written) ?? report(context, node.at, path, `${JSON.stringify(written)} is no address and no network, expected 10.1.2.3 or 10.0.0.0/8`));
  },
};

const host: Type<string> = {
  ...text,
  name: 'host',
  read(node, path, context) {
    const written = text.read(node, path, context);
    if (written === undefined || /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$|^[0-9a-fA-F:.]+$/.test(written)) return written;
    return report(context, node.at, path, `${JSON.stringify(written)} is no host, expected a name, an address, or *.example.com for all names below it`);
  },
};

export const mastersKeys = {
  secrets: optional(secretsBlock, 'Secrets of one name, one in the namespace of each master, which tells whose it is.'),
  objects: key(listOf(objectsBlock, 'empty or null objects'), [], 'Secrets and ConfigMaps beside Tributary, selected by label.'),
  files: optional(filesBlock, 'A folder of documents.'),
  name_prefix: key(text, 'master-', 'Stands before the owner in the name of the destination, which is the identity of its queue.', { limit: 'not empty' }),
  max_masters: key(int, 8, 'Most destinations that are announced at a time, those in their grace included. Each has its share of tributary.queue.max_bytes set aside.', { limit: '1 to 1000' }),
  grace: key(duration, 3_600_000, 'How long a destination whose document is gone stays: it still gets its series and is still sent to. Later it is removed, and its queue is kept for tributary.queue.removed_grace.', { unit: 'duration', limit: 'at most 30d' }),
  allowed_hosts: key(listOf(host, 'empty or null host'), [], 'Hosts that documents may name, `*.example.com` for all names below it.', { defaultText: 'all' }),
  allowed_networks: key(listOf(network, 'empty or null network'), [], 'Addresses that are allowed although they are loopback, link-local, unspecified or of an API server.'),
  refused_networks: key(listOf(network, 'empty or null network'), [], 'Further addresses that no document may lead to, such as those of nodes.'),
  replica: optional(text, 'Value of the label that documents name in `replica_label`; `$NAME` and `${NAME}` are taken from the environment.', { defaultText: 'no document may name one' }),
  defaults: key(block(limitKeys, { nullIsDefault: true, check: checkLimits }), defaultBlock(limitKeys), 'What each of them may use here; no document can change it.'),
};
export type MastersBlock = Block<typeof mastersKeys>;

const graceMsMax = 30 * 24 * 3_600_000;
const mastersMax = 1000;

export const mastersBlock = block(mastersKeys, { nullIsDefault: true, check: checkMasters });

function checkMasters(at: MastersBlock): void {
  const { max_masters: masters, grace, name_prefix: prefix, secrets, objects, files } = at.values;
  if (masters < 1 || masters > mastersMax) fail(at, 'max_masters', `max_masters is ${masters}, expected 1 to ${mastersMax}`);
  if (grace > graceMsMax) fail(at, 'grace', 'grace is out of range, expected at most 30d');
  if (prefix === '' && !at.bad.has('name_prefix')) fail(at, 'name_prefix', 'name_prefix is empty, expected what tells announced destinations from others, such as master-');
  const hasSource = secrets !== undefined || objects.length > 0 || files !== undefined;
  checkSelections(at);
  if (!hasSource && !['secrets', 'objects', 'files'].some((name) => at.bad.has(name))) fail(at, undefined, 'there is no source, expected secrets, objects or files');
}

/** Of two that select the same, one would stand in the other's place. */
function checkSelections(at: MastersBlock): void {
  const names = at.values.objects.map((one) => objectsName(buildObjects(one)));
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) fail(at, 'objects', `${twice} stands there twice, expected each selection once`);
}

/** `secrets/monitoring/tributary.io/route=true`: tells selections apart, and is the name of the source. */
export function objectsName({ kind, namespace, labelSelector }: ObjectsSettings): string {
  return `${kind}/${namespace === undefined ? '' : `${namespace}/`}${labelSelector}`;
}

function buildObjects({ values }: ObjectsBlock): ObjectsSettings {
  return { kind: values.kind, namespace: filled(values.namespace), labelSelector: values.label_selector, key: values.key, owner: values.owner };
}

/** `replica` is not expanded. */
export function buildMasters({ values }: MastersBlock): MastersSettings {
  const { secrets, files } = values;
  return compact({
    secrets: secrets === undefined ? undefined : { name: secrets.values.name, key: secrets.values.key, owner: filled(secrets.values.owner) },
    objects: values.objects.map(buildObjects),
    files: files?.values,
    namePrefix: values.name_prefix,
    maxMasters: values.max_masters,
    graceMs: values.grace,
    allowedHosts: values.allowed_hosts,
    allowedNetworks: values.allowed_networks,
    refusedNetworks: values.refused_networks,
    replica: filled(values.replica),
    limits: values.defaults,
  });
}
