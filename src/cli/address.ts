// Listen addresses as Go writes them: `host:port`, `:port` for every address, `[::1]:port` for IPv6.

export interface ListenAddress {
  /** Empty: every address. */
  readonly host: string;
  /** 0 asks the system for a free port. */
  readonly port: number;
}

/** Undefined when the text is no such address. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]*)):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}

/** `host:port`, an IPv6 host in brackets. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
