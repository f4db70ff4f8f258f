// Targets that stand in the configuration: known at once, and never changing.

import { targetGroup } from '../discovery.ts';
import type { Provider } from '../discovery.ts';
import type { StaticSettings } from './config.ts';

export function createStaticProvider(settings: StaticSettings): Provider {
  return {
    start(sink) {
      sink(settings.groups.map(({ targets, labels }, index) => targetGroup(String(index), targets.map((target) => new Map([['__address__', target]])), labels)));
    },
    stop: () => Promise.resolve(),
  };
}
