// Which label and metric names are valid. Prometheus 3 knows two schemes: `utf8` takes any text, `legacy` the identifiers of
// Prometheus 2. Source: prometheus/common model.ValidationScheme.

export type NameScheme = 'utf8' | 'legacy';

const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** `utf8`: any text that is not empty and can be written as UTF-8. `legacy`: letters, digits and `_`, no digit first. */
export function isValidLabelName(name: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? LEGACY_LABEL_NAME.test(name) : isText(name);
}

/** As for label names; `legacy` also allows `:`. */
export function isValidMetricName(name: string, scheme: NameScheme): boolean {
  return scheme === 'legacy' ? LEGACY_METRIC_NAME.test(name) : isText(name);
}

function isText(name: string): boolean {
  // A surrogate without its partner is what UTF-8 cannot express.
  return name !== '' && name.isWellFormed();
}
