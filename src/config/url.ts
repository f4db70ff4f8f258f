// URLs as Go's net/url reads them, which is laxer than the WHATWG parser: `x`, `/w` and `http://` are URLs for Prometheus.

/** What is wrong with a URL, in Go's words, or undefined. The URL itself is not quoted when it may hold a password. */
export function checkUrl(text: string): string | undefined {
  const shown = text.includes('@') ? 'URL' : `parse ${JSON.stringify(text)}`;
  const problem = urlProblem(text);
  return problem === undefined ? undefined : `${shown}: ${problem}`;
}

function urlProblem(text: string): string | undefined {
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'invalid control character in URL';
  const [withoutFragment = ''] = text.split('#', 1);
  const scheme = /^[a-zA-Z][a-zA-Z0-9+.-]*:/.exec(withoutFragment)?.[0];
  if (withoutFragment.startsWith(':')) return 'missing protocol scheme';
  const [rest = ''] = withoutFragment.slice(scheme?.length ?? 0).split('?', 1);
  if (scheme === undefined && /^[^/]*:/.test(rest)) return 'first path segment in URL cannot contain colon';
  if (/%(?![0-9a-fA-F]{2})/.test(rest)) return 'invalid URL escape';
  return rest.startsWith('//') ? hostProblem(rest.slice(2).split('/', 1)[0] ?? '') : undefined;
}

function hostProblem(authority: string): string | undefined {
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (host.startsWith('[')) {
    if (!host.includes(']')) return "missing ']' in host";
    return /^\[[^\]]*\](:[0-9]*)?$/.test(host) ? undefined : 'invalid port after host';
  }
  if (/[ "<>\\^`{|}]/.test(host)) return 'invalid character in host name';
  const colon = host.indexOf(':');
  return colon !== -1 && !/^:[0-9]*$/.test(host.slice(colon)) ? 'invalid port after host' : undefined;
}

/** Scheme (lower case, without colon) and host of a URL that `checkUrl` accepts; both may be empty. */
export function urlParts(text: string): { readonly scheme: string; readonly host: string } {
  const match = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?/.exec(text);
  const authority = match?.[2] ?? '';
  return { scheme: (match?.[1] ?? '').toLowerCase(), host: authority.slice(authority.lastIndexOf('@') + 1) };
}
