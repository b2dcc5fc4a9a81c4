/**
 * JSON with every character outside ASCII escaped. Such a text has as many bytes as characters,
 * needs no encoding when it's written, and can be passed to btoa(). Nearly all values are ASCII
 * anyway.
 */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  // The fastest check: only characters outside ASCII take more than one byte.
  return Buffer.byteLength(json) === json.length ? json : json.replace(NOT_ASCII, escape);
}

// eslint-disable-next-line no-control-regex -- the whole of ASCII is meant
const NOT_ASCII = /[^\x00-\x7f]/g;

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
