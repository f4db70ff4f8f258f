// Label and field selectors as the API server understands them. A selector is a predicate over an object; one that the server would refuse is a text that
// says why.

import type { KubeObject } from './store.ts';

export type Selector = (object: KubeObject) => boolean;

const REQUIREMENT = /^(?<key>[^\s!=,()]+)\s*(?:(?<operator>==|=|!=)\s*(?<value>[^\s,()]*)|(?<set>in|notin)\s*\((?<values>[^)]*)\))?$/;

/** `app=web,tier in (a,b),!canary`; '' selects everything. Gives a text when the syntax is wrong. */
export function parseLabelSelector(text: string): Selector | string {
  const tests: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  for (const part of splitOutsideParentheses(text)) {
    const test = labelTest(part);
    if (test === undefined) return `unable to parse requirement: ${part}`;
    tests.push(test);
  }
  return ({ metadata }) => tests.every((test) => test(metadata.labels ?? {}));
}

function labelTest(part: string): ((labels: Readonly<Record<string, string>>) => boolean) | undefined {
  if (part.startsWith('!')) return (labels) => labels[part.slice(1).trim()] === undefined;
  const { key = '', operator, value, set, values = '' } = REQUIREMENT.exec(part)?.groups ?? {};
  if (key === '') return undefined;
  const wanted = set === undefined ? [value] : values.split(',').map((one) => one.trim());
  if (operator === undefined && set === undefined) return (labels) => labels[key] !== undefined;
  // An object without the label fulfils `!=` and `notin`.
  if (operator === '!=' || set === 'notin') return (labels) => !wanted.includes(labels[key]);
  return (labels) => wanted.includes(labels[key]);
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((part) => part.trim()).filter((part) => part !== '');
}

type FieldReader = (object: KubeObject) => unknown;

const commonFields: Readonly<Record<string, FieldReader>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
};
const podFields: Readonly<Record<string, FieldReader>> = {
  'spec.nodeName': ({ spec }) => (spec as { nodeName?: string } | undefined)?.nodeName,
  'status.phase': ({ status }) => (status as { phase?: string } | undefined)?.phase,
};

/** `metadata.name=x,status.phase!=Running`; '' selects everything. Gives a text when the kind has no such field. */
export function parseFieldSelector(text: string, plural: string): Selector | string {
  const fields: Readonly<Record<string, FieldReader>> = plural === 'pods' ? { ...commonFields, ...podFields } : commonFields;
  const tests: Selector[] = [];
  for (const part of text.split(',').filter((one) => one !== '')) {
    const { field = '', operator, value } = /^(?<field>[^!=]+)(?<operator>==|=|!=)(?<value>.*)$/.exec(part)?.groups ?? {};
    const read = fields[field];
    if (read === undefined) return field === '' ? `invalid selector: '${text}'; can't understand '${part}'` : `field label not supported: ${field}`;
    tests.push((object) => ((read(object) ?? '') === value) !== (operator === '!='));
  }
  return (object) => tests.every((test) => test(object));
}

/** The one name a request is limited to by `metadata.name=x`; undefined when it is not. */
export function requiredName(fieldSelector: string): string | undefined {
  for (const part of fieldSelector.split(',')) {
    const name = /^metadata\.name==?(?<name>.+)$/.exec(part)?.groups?.['name'];
    if (name !== undefined) return name;
  }
  return undefined;
}
