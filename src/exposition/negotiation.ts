// What a scrape asks for and how its answer is read: the Accept header and the choice of a parser by Content-Type. Exact as in Prometheus,
// because exporters choose their format by the former. Source: Prometheus scrape and model/textparse, Go mime.ParseMediaType.

import { ScrapeError } from '../model/scrape-error.ts';
import type { EscapingScheme, ScrapeProtocol } from '../scrape/config.ts';
import { goQuote } from './go-text.ts';
import type { PageFormat } from './page-reader.ts';

const PROTOBUF = 'application/vnd.google.protobuf';
const OPEN_METRICS = 'application/openmetrics-text';
const TEXT = 'text/plain';

const MEDIA_TYPES: Readonly<Record<ScrapeProtocol, string>> = {
  'PrometheusProto': `${PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited`,
  'OpenMetricsText0.0.1': `${OPEN_METRICS};version=0.0.1`,
  'OpenMetricsText1.0.0': `${OPEN_METRICS};version=1.0.0`,
  'PrometheusText0.0.4': `${TEXT};version=0.0.4`,
  'PrometheusText1.0.0': `${TEXT};version=1.0.0`,
};

/** The weight of the first protocol in tenths, whatever their number; each further one has a tenth less. */
const FIRST_WEIGHT = 6;

/** The value of Accept, as `application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,...,*\/*;q=0.2`. */
export function acceptHeader(protocols: readonly ScrapeProtocol[], escaping: EscapingScheme): string {
  const ranges = protocols.map((protocol, i) => `${mediaRange(protocol, escaping)};q=0.${FIRST_WEIGHT - i}`);
  return [...ranges, `*/*;q=0.${FIRST_WEIGHT - protocols.length}`].join(',');
}

/** Only the two formats of version 1.0.0 know escaping schemes. */
function mediaRange(protocol: ScrapeProtocol, escaping: EscapingScheme): string {
  const type = MEDIA_TYPES[protocol];
  return protocol.endsWith('1.0.0') ? `${type};escaping=${escaping}` : type;
}

export interface ChosenFormat {
  readonly format: PageFormat;
  /** Set when the fallback was used: what was wrong, for the log. */
  readonly note?: string;
}

/**
 * The parser for an answer with this Content-Type (undefined: no header). Parameters and versions are not looked at. Throws ScrapeError
 * `content_type` when the type does not tell and there is no fallback, or when the answer or the fallback is protobuf. Not to be called for
 * an empty body, which is fine whatever its type.
 */
export function chooseFormat(contentType: string | undefined, fallback: ScrapeProtocol | undefined): ChosenFormat {
  const fallbackType = fallback === undefined ? undefined : MEDIA_TYPES[fallback].split(';')[0]!;
  if (contentType === undefined || contentType === '') return chooseFallback(BLANK_TYPE, fallbackType);
  const parsed = parseMediaType(contentType);
  if ('problem' in parsed) return chooseFallback(unparseable(contentType, parsed.problem), fallbackType);
  const format = formatOf(parsed.type);
  return format === undefined ? chooseFallback(unsupported(contentType), fallbackType) : { format };
}

interface Complaint {
  /** Texts without the end of the sentence, and a reason on a line of its own. */
  readonly refused: string;
  readonly noted: string;
  readonly reason: string;
}

const BLANK_TYPE: Complaint = {
  refused: 'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target',
  noted: 'non-compliant scrape target sending blank Content-Type',
  reason: '',
};

function unparseable(contentType: string, problem: string): Complaint {
  const quoted = goQuote(Buffer.from(contentType));
  return {
    refused: `cannot parse Content-Type ${quoted} and no fallback_scrape_protocol for target`,
    noted: `could not parse received Content-Type ${quoted}`,
    reason: `\nmime: ${problem}`,
  };
}

function unsupported(contentType: string): Complaint {
  const noted = `received unsupported Content-Type ${goQuote(Buffer.from(contentType))}`;
  return { refused: `${noted} and no fallback_scrape_protocol specified for target`, noted, reason: '' };
}

function chooseFallback(complaint: Complaint, fallbackType: string | undefined): ChosenFormat {
  if (fallbackType === undefined) throw new ScrapeError('content_type', complaint.refused + complaint.reason);
  const format = formatOf(fallbackType)!;
  return { format, note: `${complaint.noted}, using fallback_scrape_protocol ${goQuote(Buffer.from(fallbackType))}${complaint.reason}` };
}

function formatOf(mediaType: string): PageFormat | undefined {
  if (mediaType === TEXT) return 'text';
  if (mediaType === OPEN_METRICS) return 'openmetrics';
  if (mediaType !== PROTOBUF) return undefined;
  throw new ScrapeError('content_type', `unsupported Content-Type "${PROTOBUF}": protobuf is neither asked for nor read, text formats only`);
}

type MediaType = { readonly type: string } | { readonly problem: string };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;

/** Media type and parameters, as Go's mime package checks them. The type is in lower case and without parameters. */
function parseMediaType(text: string): MediaType {
  const [base = '', ...rest] = text.split(';');
  const type = base.trim().toLowerCase();
  const problem = typeProblem(type) ?? parametersProblem(rest.length === 0 ? '' : text.slice(base.length));
  return problem === undefined ? { type } : { problem };
}

function typeProblem(type: string): string | undefined {
  const main = TOKEN.exec(type)?.[0];
  if (main === undefined) return 'no media type';
  const rest = type.slice(main.length);
  if (rest === '') return undefined;
  if (!rest.startsWith('/')) return 'expected slash after first token';
  const sub = TOKEN.exec(rest.slice(1))?.[0];
  if (sub === undefined) return 'expected token after slash';
  return rest.length > sub.length + 1 ? 'unexpected content after media subtype' : undefined;
}

const PARAMETER = /^;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\\r\n]|\\[^\r\n])+")\s*/;

/** Nobody reads the parameters, but one that is malformed makes the whole type unusable, as in Go. */
function parametersProblem(text: string): string | undefined {
  const names = new Set<string>();
  let rest = text.trim();
  while (rest !== '') {
    // A trailing semicolon is ignored.
    if (/^;\s*$/.test(rest)) return undefined;
    const parameter = PARAMETER.exec(rest);
    if (parameter === null) return 'invalid media parameter';
    const name = parameter[1]!.toLowerCase();
    if (names.has(name)) return 'duplicate parameter name';
    names.add(name);
    rest = rest.slice(parameter[0].length);
  }
  return undefined;
}
