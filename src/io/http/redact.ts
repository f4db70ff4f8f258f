// URLs for people: passwords are printed as `xxxxx`, as Prometheus does.

/** Replaces the password of a URL, also of one that does not parse. Everything else stays as written. */
export function redactUrl(url: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(url);
  const userinfo = authority?.[1];
  if (authority === null || userinfo === undefined) return url;
  const colon = userinfo.indexOf(':');
  if (colon === -1) return url;
  const start = authority[0].length - 1 - userinfo.length + colon + 1;
  return `${url.slice(0, start)}xxxxx${url.slice(authority[0].length - 1)}`;
}
