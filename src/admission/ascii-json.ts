/**
 * JSON in ASCII, with what is not escaped: such a text has as many bytes as characters, can be written without being encoded, and can
 * be handed to btoa(). Nearly all values are ASCII anyway.
 */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  // The fastest way to ask: only what is not ASCII takes more than a byte.
  return Buffer.byteLength(json) === json.length ? json : json.replace(NOT_ASCII, escape);
}

// eslint-disable-next-line no-control-regex -- the whole of ASCII is meant
const NOT_ASCII = /[^\x00-\x7f]/g;

function escape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
