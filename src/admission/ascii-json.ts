/**
 * JSON in ASCII, with what is not escaped: such a text has as many bytes as characters, can be written without being encoded, and can
 * be handed to btoa(). Nearly all values are ASCII anyway.
 */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  return NOT_ASCII.test(json) ? json.replace(EVERY_NOT_ASCII, escape) : json;
}

// eslint-disable-next-line no-control-regex -- the whole of ASCII is meant
const NOT_ASCII = /[^\x00-\x7f]/;
const EVERY_NOT_ASCII = new RegExp(NOT_ASCII, "g");

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
