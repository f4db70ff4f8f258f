// Names of streams and of their folders. A stream has the name of its destination, which may be any text.

/** The folder of a stream: letters, digits, `_` and `-` as they are and every other byte as `%XX`. */
export function encodeName(name: string): string {
  let out = '';
  for (const byte of Buffer.from(name)) {
    const char = String.fromCharCode(byte);
    out += /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** The name of the stream in a folder; undefined when the folder is no stream's. */
export function decodeName(folder: string): string | undefined {
  try {
    const name = decodeURIComponent(folder);
    return encodeName(name) === folder ? name : undefined;
  } catch {
    return undefined;
  }
}
