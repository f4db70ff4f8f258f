// Label selectors, evaluated here and not by the API server, so that everybody who watches a kind shares one watch of it. The language is that
// of k8s.io/apimachinery pkg/labels: requirements joined by commas, all of which must hold.
//
//     app=web, tier in (front, back), env!=test, !canary, managed, weight>5

import { TributaryError } from '../model/error.ts';
import { pairValue } from './objects.ts';
import type { Pairs } from './objects.ts';

/** Whether an object with these labels is selected. */
export type LabelSelector = (labels: Pairs) => boolean;

/** '' selects everything. Fails with KUBERNETES_SELECTOR, whose message says what was found where something else was expected. */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = new SelectorParser(text).parse();
  if (requirements.length === 1) return requirements[0]!;
  return (labels) => requirements.every((holds) => holds(labels));
}

/** Why a selector cannot be used; undefined for one that can. */
export function labelSelectorProblem(text: string): string | undefined {
  return problemOf(() => parseLabelSelector(text));
}

/** Field selectors are evaluated by the server; what can be checked here is their form: `name=value`, `==` or `!=`, joined by commas. */
export function fieldSelectorProblem(text: string): string | undefined {
  // A backslash takes a comma or an equals sign into the value. Source: k8s.io/apimachinery pkg/fields.
  const terms = text.match(/(?:\\.|[^\\,])+/g) ?? [];
  const odd = terms.find((term) => !/^(?:\\.|[^\\=!])*(?:!=|==?)(?:\\.|[^\\=])*$/.test(term));
  return odd === undefined ? undefined : `invalid selector: '${text}'; can't understand '${odd}'`;
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof TributaryError) return error.message;
    throw error;
  }
}

/** Qualified names: an optional DNS domain, then up to 63 letters, digits, `-`, `_`, `.` that begin and end with a letter or digit. */
const NAME = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const TOKEN = /\s*(==|!=|[(),=!<>]|[^\s(),=!<>]+)/gy;

class SelectorParser {
  readonly #text: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokensOf(text);
  }

  parse(): LabelSelector[] {
    const requirements: LabelSelector[] = [];
    if (this.#tokens.length === 0) return requirements;
    do requirements.push(this.#requirement());
    while (this.#takes(','));
    if (this.#at < this.#tokens.length) throw this.#expected("',' or the end");
    return requirements;
  }

  #requirement(): LabelSelector {
    if (this.#takes('!')) {
      const name = this.#name();
      return (labels) => pairValue(labels, name) === undefined;
    }
    const name = this.#name();
    switch (this.#peek()) {
      case undefined: case ',': return (labels) => pairValue(labels, name) !== undefined;
      case '=': case '==': return isOneOf(name, [this.#operand()]);
      case '!=': return isNoneOf(name, [this.#operand()]);
      case 'in': return isOneOf(name, this.#operands());
      case 'notin': return isNoneOf(name, this.#operands());
      case '>': case '<': return this.#comparison(name);
      default: throw this.#expected("one of ',', '=', '==', '!=', 'in', 'notin', '>', '<'");
    }
  }

  #comparison(name: string): LabelSelector {
    const isGreater = this.#peek() === '>';
    this.#at++;
    const text = this.#peek();
    if (text === undefined || !/^[-+]?\d+$/.test(text)) throw this.#expected('an integer');
    this.#at++;
    const bound = Number(text);
    return (labels) => {
      const value = pairValue(labels, name) ?? '';
      return /^[-+]?\d+$/.test(value) && (isGreater ? Number(value) > bound : Number(value) < bound);
    };
  }

  #name(): string {
    const name = this.#peek();
    if (name === undefined || !NAME.test(name)) throw this.#expected('the name of a label');
    this.#at++;
    return name;
  }

  /** The value behind an operator, which may be missing and is empty then. */
  #operand(): string {
    this.#at++;
    return this.#value();
  }

  #operands(): string[] {
    this.#at++;
    if (!this.#takes('(')) throw this.#expected("'('");
    if (this.#peek() === ')') throw this.#expected('a value');
    const values: string[] = [];
    do values.push(this.#value());
    while (this.#takes(','));
    if (!this.#takes(')')) throw this.#expected("',' or ')'");
    return values;
  }

  #value(): string {
    const value = this.#peek();
    if (value === undefined || value === ',' || value === ')') return '';
    if (!VALUE.test(value)) throw this.#expected('a value of up to 63 letters, digits, dashes, underscores and dots');
    this.#at++;
    return value;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #takes(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expected(what: string): TributaryError {
    const found = this.#peek();
    return new TributaryError('KUBERNETES_SELECTOR', `invalid selector: '${this.#text}'; found ${found === undefined ? 'the end' : `'${found}'`}, expected ${what}`);
  }
}

function tokensOf(text: string): string[] {
  return [...text.trimEnd().matchAll(TOKEN)].map((match) => match[1]!);
}

function isOneOf(name: string, values: readonly string[]): LabelSelector {
  return (labels) => {
    const value = pairValue(labels, name);
    return value !== undefined && values.includes(value);
  };
}

/** Holds also where there is no such label, as in Kubernetes. */
function isNoneOf(name: string, values: readonly string[]): LabelSelector {
  return (labels) => {
    const value = pairValue(labels, name);
    return value === undefined || !values.includes(value);
  };
}
