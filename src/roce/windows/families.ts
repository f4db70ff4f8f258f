// The families that windows become: names of the reference's vocabulary with type, help and unit, for destinations that want metadata and for /metrics.

/** In the shape of remote write's metadata. */
export interface RoceFamily {
  readonly family: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Base unit, empty where there is none. */
  readonly unit: string;
}

const family = (name: string, type: RoceFamily['type'], unit: string, help: string): RoceFamily => ({ family: name, type, help, unit });

export const families = {
  portInfo: family('tributary_roce_port_info', 'gauge', '', 'Always 1; the labels tell what is known about the port.'),
  lineRate: family('tributary_roce_line_rate_bytes_per_second', 'gauge', 'bytes_per_second', 'What the port can carry at most in one direction.'),
  peak: family('tributary_roce_throughput_peak_bytes_per_second', 'gauge', 'bytes_per_second', 'The fastest interval of the window.'),
  peakTime: family('tributary_roce_throughput_peak_timestamp_seconds', 'gauge', 'seconds', 'When the fastest interval of the window ended, since the epoch.'),
  utilization: family('tributary_roce_utilization_ratio', 'histogram', 'ratio', 'Intervals by their share of the line rate.'),
  timeAbove: family('tributary_roce_time_above_threshold_seconds_total', 'counter', 'seconds', 'Time at this share of the line rate or more.'),
  bursts: family('tributary_roce_bursts_total', 'counter', '', 'Bursts: stretches that reached the share of the line rate at which one begins.'),
  burstDuration: family('tributary_roce_burst_duration_seconds', 'histogram', 'seconds', 'How long bursts lasted.'),
  burstBytes: family('tributary_roce_burst_bytes', 'histogram', 'bytes', 'What bursts carried.'),
  paused: family('tributary_roce_pfc_paused_seconds_total', 'counter', 'seconds', 'Time for which flow control had the sender wait.'),
  pauseFrames: family('tributary_roce_pfc_frames_total', 'counter', '', 'Frames of flow control.'),
  eventActive: family('tributary_roce_event_active_seconds_total', 'counter', 'seconds', 'Intervals in which a counter of the event moved, summed up.'),
  eventPeak: family('tributary_roce_event_peak_per_interval', 'gauge', '', 'Most increments of a counter of the event in one interval of the window.'),
  hardwareCounter: family('tributary_roce_hw_counter_total', 'counter', '', 'A counter of driver or kernel under its own name.'),
  captureValue: family('tributary_roce_capture_value', 'gauge', '', 'Single intervals around an event: bytes per second, seconds paused, or increments, by signal.'),
  captures: family('tributary_roce_captures_total', 'counter', '', 'Captures that began, by what began them.'),
  captureDropped: family('tributary_roce_capture_dropped_samples_total', 'counter', '', 'Samples of captures that were not sent, by what began the capture.'),
} as const satisfies Readonly<Record<string, RoceFamily>>;

/** A counter under the name that node_exporter gives it. */
export function nodeExporterFamily(metric: string): RoceFamily {
  return family(metric, 'counter', metric.includes('_bytes_') ? 'bytes' : '', 'Under the name of node_exporter, which documents it.');
}
