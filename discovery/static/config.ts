// static_configs: target groups written in the configuration itself.

export interface StaticGroup {
  readonly targets: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
}

export interface StaticSettings {
  readonly kind: 'static';
  readonly groups: readonly StaticGroup[];
}
