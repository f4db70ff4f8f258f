// Keeps the owner index in step with the configuration. A reload that asks the same goes on with the same index; another one takes over what the old one knew, through the
// snapshot.

import type { ApiServer, Kubernetes } from '../kubernetes/kubernetes.ts';
import { sameSettings } from '../model/same-settings.ts';
import { createOwnerIndex } from './create-owner-index.ts';
import type { OwnersDeps, OwnersState, RunningOwners } from './create-owner-index.ts';
import type { OwnerIndex } from './owners.ts';
import type { OwnersPlan } from './plan.ts';

export interface OwnersKeeper {
  /** The index for a plan; undefined: nobody asks for owners. */
  apply(plan: OwnersPlan | undefined): OwnerIndex | undefined;
  /** undefined while there is no index. */
  state(): OwnersState | undefined;
  /** Writes the snapshot and gives the API server back. */
  stop(): Promise<void>;
}

interface Kept {
  readonly plan: OwnersPlan;
  readonly owners: RunningOwners;
  readonly api: ApiServer | undefined;
}

export function createOwnersKeeper(deps: OwnersDeps & { readonly kubernetes: Kubernetes }): OwnersKeeper {
  let kept: Kept | undefined;
  /** Servers given back. */
  let released: Promise<unknown> = Promise.resolve();
  const release = (api: ApiServer | undefined) => {
    if (api !== undefined) released = Promise.all([released, api.release()]);
  };
  const begin = (plan: OwnersPlan): Kept => ({
    plan,
    owners: createOwnerIndex(plan, deps),
    api: plan.kind === undefined ? undefined : deps.kubernetes.connect(plan.server),
  });
  return {
    apply(plan) {
      if (sameSettings(plan, kept?.plan)) return kept?.owners.index;
      const before = kept;
      kept = plan === undefined ? undefined : begin(plan);
      before?.owners.save();
      // It begins before the other one leaves: a watch that both want goes on.
      kept?.owners.start(kept.api);
      before?.owners.stop();
      release(before?.api);
      return kept?.owners.index;
    },
    state: () => kept?.owners.state(),
    async stop() {
      kept?.owners.stop();
      release(kept?.api);
      kept = undefined;
      await released;
    },
  };
}
