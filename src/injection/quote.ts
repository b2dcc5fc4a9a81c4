/**
 * Quotes other people's text in Curfew's sentences: short, on one line, and with nothing that
 * controls a terminal.
 */

const MAX_LENGTH = 100;
const MAX_LISTED = 10;

/** In quotes, cut to `maxLength` characters. Any container's name fits the default. */
export function quote(text: string, maxLength = MAX_LENGTH): string {
  return escapeControls(JSON.stringify(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text));
}

/** Names as in a sentence: `"a", "b" and "c"`. At most ten of them. */
export function listQuoted(names: readonly string[]): string {
  const items = names.slice(0, MAX_LISTED).map((name) => quote(name));
  if (names.length > MAX_LISTED) items.push(`${names.length - MAX_LISTED} more`);
  return items.join(", ").replace(/, ([^,]*)$/, " and $1");
}

/** Without quotes, cut to the last characters, as these say most about an image. */
export function showImage(image: string): string {
  return escapeControls(image.length > MAX_LENGTH ? `…${image.slice(-MAX_LENGTH)}` : image);
}

/** Characters. The API server's answer should stay readable, whatever a Job's names are. */
const MAX_MESSAGE_LENGTH = 3_000;

/** Cuts a message that contains other people's text to a length that fits a terminal. */
export function shorten(message: string): string {
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 2)}….` : message;
}

/** Without quotes, as part of a longer text. */
export function showName(name: string): string {
  return quote(name).slice(1, -1);
}

/** A longer text, such as the API server's or another webhook's message, on one line. */
export function printable(text: string): string {
  return escapeControls(text.trim().replaceAll(/\s+/g, " "));
}

/**
 * Escapes control and format characters (including those that change the writing direction), line
 * separators, and halves of surrogate pairs.
 */
function escapeControls(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}
