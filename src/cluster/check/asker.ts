/**
 * Asks the API server. Each request has a time limit, and each outcome is a value, so that one
 * question that can't be answered doesn't stop the others.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { retryAfterMs } from "../../http/retry-after.ts";
import type { KubeClient } from "../../kubernetes/client.ts";
import { isRecord } from "../../kubernetes/kube-object.ts";
import { statusMessage } from "../../kubernetes/status-message.ts";
import { messageOf } from "../../process/errors.ts";
import { createInTurn } from "../../process/in-turn.ts";
import { busy, denied, failed, known, type Answer, type Unknown } from "./answer.ts";

/** What the API server says to a dry run. */
export type Tried<T> =
  | { readonly kind: "accepted"; readonly object: T }
  /** By admission, or because the object is invalid. */
  | { readonly kind: "refused"; readonly message: string }
  | Unknown;

export interface Asker {
  /** Reads an object. The value is undefined if there's none. `what`: `get the Secret ns/name`. */
  get<T>(path: string, what: string): Promise<Answer<T | undefined>>;
  /** Reads a list, page by page. Undefined if the API server doesn't serve it. */
  list<T>(path: string, what: string): Promise<Answer<readonly T[] | undefined>>;
  /** Reads text, such as metrics. Undefined if there's none. */
  text(path: string, what: string): Promise<Answer<string | undefined>>;
  /** Creates it with `dryRun=All`, so nothing is stored. */
  tryCreate<T>(path: string, object: object, what: string): Promise<Tried<T>>;
  /** Posts a question that isn't stored, such as a SelfSubjectAccessReview. */
  ask<T>(path: string, question: object, what: string): Promise<Answer<T>>;
}

interface Page<T> {
  readonly items?: readonly T[];
  readonly metadata?: { readonly continue?: string };
}

/** How many objects to ask for at once, as kubectl does. */
const PAGE = 500;
/** How many requests to have open. An API server takes 400 from all its clients. */
const AT_ONCE = 24;
/** How often to ask if the API server is busy. */
const TRIES = 3;
const RETRY_MS = 500;

/**
 * @param timeLeft how long a request that starts now can take, in milliseconds
 * @param wait tests pass one that doesn't wait
 */
export function createAsker(
  client: Pick<KubeClient, "request">,
  timeLeft: () => number,
  wait: (ms: number) => Promise<unknown> = sleep,
): Asker {
  const inTurn = createInTurn(AT_ONCE);
  const send = (path: string, what: string, body?: object): Promise<Response | Unknown> =>
    inTurn(() => sendNow(path, what, body));
  const sendOnce = async (path: string, what: string, body?: object): Promise<Response | Unknown> => {
    try {
      const method = body === undefined ? "GET" : "POST";
      const response = await client.request({
        method,
        path,
        timeoutMs: timeLeft(),
        accept: "application/json, */*",
        ...(body && { body }),
      });
      const retryMs = retryAfterMs(response.headers["retry-after"]) ?? RETRY_MS;
      return { kind: "response", code: response.code, text: await response.text(), retryMs };
    } catch (error) {
      return failed(what, messageOf(error instanceof Error ? (error.cause ?? error) : error));
    }
  };
  const sendNow = async (path: string, what: string, body?: object): Promise<Response | Unknown> => {
    for (let tries = 1; ; tries += 1) {
      const response = await sendOnce(path, what, body);
      if (response.kind === "unknown" || !isBusy(response)) return response;
      if (tries === TRIES || response.retryMs >= timeLeft())
        return busy(what, `${response.code} ${messageIn(response)}`);
      await wait(response.retryMs);
    }
  };
  const text = async (path: string, what: string): Promise<Answer<string | undefined>> =>
    understand(await send(path, what), what, (body) => body);
  const get = async <T>(path: string, what: string): Promise<Answer<T | undefined>> =>
    understand(await send(path, what), what, (text) => parseObject(text) as T);

  return {
    get,
    text,
    async list<T>(path: string, what: string) {
      const items: T[] = [];
      for (let more = ""; ;) {
        const query = `${path.includes("?") ? "&" : "?"}limit=${PAGE}${more && `&continue=${encodeURIComponent(more)}`}`;
        const page = await get<Page<T>>(path + query, what);
        if (page.kind === "unknown" || page.value === undefined) return page as Answer<undefined>;
        items.push(...(page.value.items ?? []));
        more = page.value.metadata?.continue ?? "";
        if (more === "") return known(items);
      }
    },
    async tryCreate<T>(path: string, object: object, what: string): Promise<Tried<T>> {
      const response = await send(`${path}?dryRun=All`, what, object);
      if (response.kind === "unknown") return response;
      if (response.code < 300) {
        const answer = understand(response, what, (text) => parseObject(text) as T);
        return answer.kind === "known" ? { kind: "accepted", object: answer.value as T } : answer;
      }
      return isDenied(response) ? denied(what) : { kind: "refused", message: messageIn(response) };
    },
    async ask<T>(path: string, question: object, what: string) {
      const answer = understand(await send(path, what, question), what, (text) => parseObject(text) as T);
      if (answer.kind === "unknown" || answer.value !== undefined) return answer as Answer<T>;
      return failed(what, "the API server doesn't serve it");
    },
  };
}

interface Response {
  readonly kind: "response";
  readonly code: number;
  readonly text: string;
  /** When to ask again, in milliseconds. */
  readonly retryMs: number;
}

/**
 * Whether it says nothing about the question: too many requests, or two changes at the same moment,
 * such as of a quota. A webhook that refuses and a Pod behind the proxy can answer with the same codes.
 */
function isBusy(response: Response): boolean {
  return (
    [409, 429, 503].includes(response.code) &&
    !/denied the request|error trying to reach service/.test(messageIn(response))
  );
}

function understand<T>(response: Response | Unknown, what: string, parse: (body: string) => T): Answer<T | undefined> {
  if (response.kind === "unknown") return response;
  if (response.code === 404) return known(undefined);
  if (isDenied(response)) return denied(what);
  if (response.code >= 300) return failed(what, messageIn(response));
  try {
    return known(parse(response.text));
  } catch {
    return failed(what, "the answer isn't JSON: is there a proxy in between?");
  }
}

/** @throws if it isn't a JSON object, as all of Kubernetes' answers but texts are */
function parseObject(body: string): object {
  const value: unknown = JSON.parse(body);
  if (!isRecord(value)) throw new SyntaxError("not an object");
  return value;
}

/**
 * Whether authorization refused it. Admission also answers 403, but words it otherwise
 * (k8s.io/apiserver, pkg/endpoints/handlers/responsewriters/errors.go).
 */
function isDenied({ code, text }: Response): boolean {
  return code === 401 || (code === 403 && / is forbidden: User .* cannot /.test(statusMessage(text) ?? ""));
}

function messageIn({ code, text }: Response): string {
  return statusMessage(text) ?? (text.trim().slice(0, 200) || `HTTP ${code}`);
}
