import { describe, expect, it } from 'vitest';
import { acceptHeader, chooseFormat } from '../../../src/exposition/negotiation.ts';
import { ScrapeError } from '../../../src/model/scrape-error.ts';

describe('acceptHeader', () => {
  it('default list', () => {
    expect(acceptHeader(['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4'], 'allow-utf-8')).toBe(
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,'
      + 'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2');
  });

  it('one protocol', () => expect(acceptHeader(['PrometheusText0.0.4'], 'underscores')).toBe('text/plain;version=0.0.4;q=0.6,*/*;q=0.5'));

  it('protobuf first', () => {
    const header = acceptHeader(['PrometheusProto', 'OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4'], 'dots');
    expect(header).toMatch(/^application\/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,/);
    expect(header).toMatch(/;version=1.0.0;escaping=dots;q=0.3,text\/plain;version=0.0.4;q=0.2,\*\/\*;q=0.1$/);
  });
});

describe('chooseFormat', () => {
  it.each([
    ['text/plain', 'text'], ['text/plain; version=0.0.4; charset=utf-8', 'text'], ['TEXT/PLAIN; VERSION=0.0.4', 'text'], ['text/plain;', 'text'],
    ['text/plain; version="1.0.0"', 'text'], ['application/openmetrics-text; version=2.0.0', 'openmetrics'], [' application/openmetrics-text ', 'openmetrics'],
  ])('%s', (contentType, format) => expect(chooseFormat(contentType, undefined)).toEqual({ format }));

  it.each([
    [undefined, 'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target'],
    ['', 'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target'],
    ['text/html', 'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target'],
    ['a/', 'cannot parse Content-Type "a/" and no fallback_scrape_protocol for target\nmime: expected token after slash'],
    ['/', 'cannot parse Content-Type "/" and no fallback_scrape_protocol for target\nmime: no media type'],
    ['a b', 'cannot parse Content-Type "a b" and no fallback_scrape_protocol for target\nmime: expected slash after first token'],
    ['a/b/c', 'cannot parse Content-Type "a/b/c" and no fallback_scrape_protocol for target\nmime: unexpected content after media subtype'],
    ['garbage;;', 'cannot parse Content-Type "garbage;;" and no fallback_scrape_protocol for target\nmime: invalid media parameter'],
    ['a/b; charset=x; CHARSET=y', 'cannot parse Content-Type "a/b; charset=x; CHARSET=y" and no fallback_scrape_protocol for target\nmime: duplicate parameter name'],
    ['application/vnd.google.protobuf; proto=x', 'unsupported Content-Type "application/vnd.google.protobuf": protobuf is neither asked for nor read, text formats only'],
  ])('%s without fallback is refused', (contentType, message) => {
    const choose = () => chooseFormat(contentType, undefined);
    expect(choose).toThrow(ScrapeError);
    expect(choose).toThrow(expect.objectContaining({ class: 'content_type', message }));
  });

  it.each([
    [undefined, 'non-compliant scrape target sending blank Content-Type, using fallback_scrape_protocol "text/plain"'],
    ['text/html', 'received unsupported Content-Type "text/html", using fallback_scrape_protocol "text/plain"'],
    ['a/', 'could not parse received Content-Type "a/", using fallback_scrape_protocol "text/plain"\nmime: expected token after slash'],
  ])('%s with a fallback is read, with a note', (contentType, note) => {
    expect(chooseFormat(contentType, 'PrometheusText0.0.4')).toEqual({ format: 'text', note });
  });
});
