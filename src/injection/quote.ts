/** Other people's text in Curfew's sentences: short, on one line, and without what a terminal would act on. */

const MAX_LENGTH = 100;

/** In quotes, cut to a length that any container's name fits. */
export function quote(text: string): string {
  return escapeControls(JSON.stringify(text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text));
}

/** Without quotes, cut to the last characters, which tell most of an image. */
export function showImage(image: string): string {
  return escapeControls(image.length > MAX_LENGTH ? `…${image.slice(-MAX_LENGTH)}` : image);
}

/** Control and format characters (what turns the writing direction, too), line separators, halves of surrogate pairs. */
function escapeControls(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`;
  });
}
