// What the web surface may know about the agent: plain data, asked for per request. `agent.ts` implements it; nothing in this folder
// reaches into a stage. Everything here is already free of secrets: URLs are redacted, the YAML is masked.

import type { ProviderState } from '../../discovery/manager.ts';
import type { Problem, Remark } from '../config/settings.ts';
import type { MasterState, SourceState } from '../destinations/masters/state.ts';
import type { ReflectorState } from '../kubernetes/kubernetes.ts';
import type { OwnersState } from '../owners/create-owner-index.ts';
import type { LabelMap } from '../model/labels.ts';
import type { ScrapeErrorClass } from '../model/scrape-error.ts';
import type { Target } from '../model/target.ts';
import type { RelabelSettings } from '../relabel/config.ts';
import type { SeriesExplanation } from '../series/explain.ts';
import type { VolumeState } from '../series/volume.ts';
import type { DestinationView, RetiredView } from './destination-view.ts';
import type { Receiver } from '../receive/receive.ts';
import type { RoceState } from '../roce/state.ts';

export type TargetHealth = 'unknown' | 'up' | 'down';

export interface ActiveTargetView {
  readonly target: Target;
  readonly health: TargetHealth;
  /** Empty while the last scrape was good. */
  readonly lastError: string;
  readonly errorClass: ScrapeErrorClass | undefined;
  /** Wall time of the last scrape's start, milliseconds since the epoch; undefined before the first one. */
  readonly lastScrapeMs: number | undefined;
  readonly lastScrapeDurationSeconds: number;
}

export interface DroppedTargetView {
  readonly discoveredLabels: ReadonlyMap<string, string>;
  /** Why it is not scraped, for people: the rule that dropped it, or what is wrong with its labels. */
  readonly reason: string;
}

/** One job. */
export interface PoolView {
  readonly name: string;
  readonly active: readonly ActiveTargetView[];
  /** At most `keep_dropped_targets` of them, worked out while they are read. */
  readonly dropped: Iterable<DroppedTargetView>;
  /** All of them, kept or not. */
  readonly droppedCount: number;
  /** Those of the dropped ones that other members scrape. */
  readonly leftCount: number;
}

/** This collector among those that share the targets; one member is no sharding. */
export interface ShardingView {
  readonly members: number;
  readonly member: number;
  readonly replicationFactor: number;
}

/** What a relabel rule left; `output` is empty once a rule has dropped the target. */
export interface RelabelStepView {
  readonly rule: RelabelSettings;
  readonly output: LabelMap;
  readonly keep: boolean;
}

export interface MetadataView {
  readonly family: string;
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

export interface ReloadView {
  /** Whether the configuration that was read last is the one in force. */
  readonly successful: boolean;
  /** Wall time of the last successful load. */
  readonly lastSuccessMs: number;
  readonly lastAttemptMs: number;
  /** What was wrong with the configuration that was refused last; empty while `successful`. */
  readonly problems: readonly Problem[];
  /** The failure as one text when it is no list of problems (the file is missing); empty otherwise. */
  readonly error: string;
}

/** Destinations that documents announce. */
export interface MastersView {
  /** Those in force first, by name. */
  readonly masters: readonly MasterState[];
  /** Where documents come from; empty where nothing is announced. */
  readonly sources: readonly SourceState[];
  /** Why the last good documents are not on disk; '' when they are. */
  readonly keepError: string;
}

/** `error` is the text of what went wrong, with every problem on a line of its own. `isLoaded`: the files are good, but could not be put in force. */
export type ReloadResult = { readonly ok: true } | { readonly ok: false; readonly error: string; readonly isLoaded?: boolean };

export interface AgentView {
  /** Takes what others push; absent where that is off. */
  readonly receiver?: Receiver | undefined;
  /** All jobs, in any order. */
  pools(): readonly PoolView[];
  sharding(): ShardingView;
  /** The job's relabel rules applied one by one; undefined for a job that does not exist. */
  relabelSteps(pool: string, labels: LabelMap): readonly RelabelStepView[] | undefined;
  /** Where a series goes and why; a text says what is wrong with the question. Fails with SELECTOR_INVALID for what is no series. */
  explainRoute(series: string): SeriesExplanation | string;
  /** What the target's last pages told about metric families. */
  metadata(target: Target): Iterable<MetadataView>;
  configYaml(): string;
  remarks(): readonly Remark[];
  reload(): ReloadView;
  destinations(): readonly DestinationView[];
  /** Destinations that are gone from the configuration and still have a queue on disk. */
  retired(): readonly RetiredView[];
  masters(): MastersView;
  /** What each discovery has found, in any order. */
  discovery(): readonly ProviderState[];
  /** What is known of the API servers, in any order; empty where nothing asks one. */
  kubernetes(): readonly ReflectorState[];
  /** What is known of owners and their pods; undefined where routing asks for none. */
  owners(): OwnersState | undefined;
  /** Names of the destinations of each owner. */
  ownerDestinations(): ReadonlyMap<string, readonly string[]>;
  /** How much comes from whom, the largest first. */
  volume(): VolumeState;
  /** What is sampled at this machine; undefined where nothing is asked for. */
  roce(): RoceState | undefined;
  /** Own metrics, text exposition 0.0.4. */
  metricsText(): Promise<string>;
  /** Configuration applied, queue open. */
  isStarted(): boolean;
  /** Started, and every API server that discovery asks has told its first state or refused to; stays so. */
  isReady(): boolean;
  isStopping(): boolean;
  requestReload(): Promise<ReloadResult>;
  /** Begins the graceful stop; returns at once. */
  requestQuit(): void;
}
