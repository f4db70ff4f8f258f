// Why a scrape failed. The class sorts errors for metrics and for the page; the text is Prometheus' where it has one.

export type ScrapeErrorClass =
  | 'dns' | 'refused' | 'unreachable' | 'timeout' | 'tls' | 'connection' | 'status' | 'content_type' | 'encoding' | 'body_size'
  | 'parse' | 'sample_limit' | 'label_limit' | 'target_limit' | 'labels' | 'configuration' | 'stopped'
  /** Not the target's fault: no memory, or a mistake of ours. */
  | 'internal';

export class ScrapeError extends Error {
  readonly class: ScrapeErrorClass;

  constructor(errorClass: ScrapeErrorClass, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ScrapeError';
    this.class = errorClass;
  }
}
