/** Where people read about Curfew. */

/** docs/ of the newest version. */
const DOCS = "https://curfew.sh/docs/";

/**
 * The address of a page of docs/, for messages and alerts.
 * @param page its name in docs/, without `.md`, such as `operations`.
 * @param heading the anchor of a heading in it, such as `certificates`.
 */
export function docsUrl(page: string, heading: string): string {
  return `${DOCS}${page}#${heading}`;
}
