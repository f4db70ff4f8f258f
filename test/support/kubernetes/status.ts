// Refusals of the API server, with the texts and reasons it uses.

import { qualifiedName, type ResourceType } from './resources.ts';

/** Thrown inside the fake, answered as a Status object. */
export class Refusal extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Continue token for the rest of a list that cannot be finished consistently. */
  readonly continueToken: string | undefined;

  constructor(code: number, reason: string, message: string, more: Partial<Pick<Refusal, 'details' | 'headers' | 'continueToken'>> = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = more.details ?? {};
    this.headers = more.headers ?? {};
    this.continueToken = more.continueToken;
  }

  /** As JSON has it. */
  status(): Record<string, unknown> {
    const metadata = this.continueToken === undefined ? {} : { continue: this.continueToken };
    const details = Object.keys(this.details).length === 0 ? {} : { details: this.details };
    return { kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message: this.message, reason: this.reason, ...details, code: this.code };
  }
}

export const unauthorized = () => new Refusal(401, 'Unauthorized', 'Unauthorized');

export interface Denial {
  readonly user: string;
  readonly verb: string;
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
}

export function forbidden({ user, verb, type, namespace, name }: Denial): Refusal {
  const what = `${qualifiedName(type)}${name === '' ? '' : ` "${name}"`}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const message = `${what} is forbidden: User "${user}" cannot ${verb} resource "${type.plural}" in API group "${type.group}" ${where}`;
  return new Refusal(403, 'Forbidden', message, { details: detailsOf(type, name) });
}

export function notFound(type: ResourceType, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${qualifiedName(type)} "${name}" not found`, { details: detailsOf(type, name) });
}

export function alreadyExists(type: ResourceType, name: string): Refusal {
  return new Refusal(409, 'AlreadyExists', `${qualifiedName(type)} "${name}" already exists`, { details: detailsOf(type, name) });
}

export function conflict(type: ResourceType, name: string): Refusal {
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  return new Refusal(409, 'Conflict', `Operation cannot be fulfilled on ${qualifiedName(type)} "${name}": ${why}`, { details: detailsOf(type, name) });
}

export function invalid(what: string, field: string, why: string): Refusal {
  return new Refusal(422, 'Invalid', `${what} is invalid: ${field}: ${why}`, { details: { causes: [{ message: why, field }] } });
}

export const badRequest = (why: string) => new Refusal(400, 'BadRequest', why);

export const notAcceptable = (why: string) => new Refusal(406, 'NotAcceptable', why);

export const expiredList = () => new Refusal(410, 'Expired', 'The resourceVersion for the provided list is too old.');

export function expiredContinue(continueToken: string): Refusal {
  const why = 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, '
    + 'or use the continue token in this response to retrieve the remainder of the results.';
  return new Refusal(410, 'Expired', why, { continueToken });
}

export const expiredWatch = (asked: number, oldest: number) => new Refusal(410, 'Expired', `too old resource version: ${asked} (${oldest})`);

export function tooLargeVersion(asked: number, current: number): Refusal {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new Refusal(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, { details: { causes, retryAfterSeconds: 1 } });
}

export function tooManyRequests(retryAfterSeconds: number): Refusal {
  const message = 'too many requests, please try again later.';
  return new Refusal(429, 'TooManyRequests', message, { details: { retryAfterSeconds }, headers: { 'Retry-After': String(retryAfterSeconds) } });
}

function detailsOf({ group, plural }: ResourceType, name: string): Record<string, unknown> {
  return { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: plural };
}
