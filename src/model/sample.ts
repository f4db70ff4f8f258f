// Values that need their bits. JavaScript engines may change the payload of a NaN when a number is copied, so the two NaNs
// that mean something are written as two 32-bit halves. Source: Prometheus model/value.

/** High and low half of the staleness marker, 0x7ff0000000000002. */
export const STALE_HIGH = 0x7ff00000;
export const STALE_LOW = 0x00000002;
/** High and low half of an ordinary NaN as Prometheus stores it, 0x7ff8000000000001. */
export const NAN_HIGH = 0x7ff80000;
export const NAN_LOW = 0x00000001;

/** Receivers refuse samples more than 2 to 10 minutes ahead of their clock; below that nothing needs to be held. Milliseconds. */
export const AHEAD_MAX_MS = 120_000;
