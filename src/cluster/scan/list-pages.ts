/**
 * Lists a collection page by page, so that neither side holds all of it. Only a list without a
 * resource version is both paged and consistent: with `resourceVersion=0`, every version of the API
 * server answers from its watch cache, but ignores `limit` (computeListLimit in k8s.io/apiserver,
 * pkg/storage/cacher/cacher.go), and 10,000 Pods would come in one answer. From Kubernetes 1.34 on,
 * pages, too, come from the watch cache (KEP-4988), before that from etcd, as with kubectl.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { retryAfterMs } from "../../http/retry-after.ts";
import { printable } from "../../injection/quote.ts";
import type { KubeClient, KubeResponse } from "../../kubernetes/client.ts";
import { isRecord, parseAnswer } from "../../kubernetes/kube-object.ts";
import { KubeRefusedError } from "../../kubernetes/list-watch.ts";
import { statusMessage } from "../../kubernetes/status-message.ts";
import { OutsideError } from "../../process/errors.ts";

export interface Collection {
  /** Such as `/api/v1/pods`. */
  readonly path: string;
  /** For messages, such as "Pods". */
  readonly what: string;
  readonly query?: Readonly<Record<string, string>>;
  /** For each page. */
  readonly timeoutMs: number;
  /** Tests don't wait. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** What a page tells: its objects, and the API server's clock in milliseconds since 1970. */
export type OnPage = (items: readonly unknown[], now: number) => void;

/**
 * Smaller pages than kubectl's 500: their garbage dies young, and a scan of 10,000 Jobs and Pods takes
 * less memory, and no more time (docs/performance.md). With 50, it takes even less, but twice the
 * requests, which is slow for somebody far from the API server.
 */
const PAGE = 100;
/** How often one page is asked for, if the API server has too much to do. */
const TRIES = 8;
const RETRY_MS = 1000;

/**
 * Calls `onPage` for each page, in order, while the next one is on its way. If the list's snapshot
 * has expired, the rest comes as it is now, or all of it comes again: an object can come twice.
 * @throws KubeRefusedError if the API server doesn't allow it.
 * @throws OutsideError for any other answer that isn't a list, or none.
 */
export async function listPages(
  client: Pick<KubeClient, "request">,
  collection: Collection,
  onPage: OnPage,
): Promise<void> {
  const ask = (token: string): Promise<Page> => {
    const page = askFor(client, collection, token);
    page.catch(() => undefined); // it's awaited once the page before it is done
    return page;
  };
  let page = await ask("");
  for (;;) {
    const next = page.token === undefined ? undefined : ask(page.token);
    onPage(page.items, page.now);
    if (next === undefined) return;
    page = await next;
  }
}

interface Page {
  readonly items: readonly unknown[];
  readonly now: number;
  /** Undefined: it's the last one. */
  readonly token: string | undefined;
}

async function askFor(client: Pick<KubeClient, "request">, collection: Collection, token: string): Promise<Page> {
  const { path, what, query, timeoutMs, wait = sleep } = collection;
  for (let tries = 1; ; tries += 1) {
    const search = new URLSearchParams({ ...query, limit: String(PAGE), ...(token && { continue: token }) });
    const response = await client.request({ method: "GET", path: `${path}?${search.toString()}`, timeoutMs });
    const text = await response.text();
    const now = Date.parse(response.headers.date ?? "") || Date.now();
    if (response.code === 200) return { ...parsePage(text, what), now };
    const isBusy = response.code === 429 || response.code === 503;
    if (isBusy && tries < TRIES) await wait(retryAfterMs(response.headers["retry-after"]) ?? RETRY_MS);
    // The API server offers a token with which the rest can be listed as it is now.
    else if (response.code === 410 && tries < TRIES) token = tokenIn(parseAnswer(text, what)) ?? "";
    else throw refusal(response, text, what);
  }
}

function parsePage(text: string, what: string): Omit<Page, "now"> {
  const list = parseAnswer(text, what);
  if (!isRecord(list) || !Array.isArray(list["items"]))
    throw new OutsideError(`the API server's answer about ${what} isn't a list: is there a proxy in between?`);
  return { items: list["items"] as readonly unknown[], token: tokenIn(list) };
}

function tokenIn(answer: unknown): string | undefined {
  const metadata = isRecord(answer) ? answer["metadata"] : undefined;
  const token = isRecord(metadata) ? metadata["continue"] : undefined;
  return typeof token === "string" && token !== "" ? token : undefined;
}

function refusal({ code }: KubeResponse, text: string, what: string): OutsideError {
  const reason = printable(statusMessage(text) ?? text.slice(0, 200));
  const message = `cannot list ${what}`;
  return code === 401 || code === 403
    ? new KubeRefusedError(message, code, reason)
    : new OutsideError(`${message}: ${code} ${reason}`);
}
