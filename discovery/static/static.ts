// Targets that stand in the configuration: known at once, and never changing.

import type { Provider } from '../discovery.ts';
import type { StaticSettings } from './config.ts';

export function createStaticProvider(settings: StaticSettings): Provider {
  return {
    start(sink) {
      sink(settings.groups.map((group, index) => ({
        source: String(index),
        targets: group.targets.map((target) => new Map([['__address__', target]])),
        labels: group.labels,
      })));
    },
    stop: () => Promise.resolve(),
  };
}
