/**
 * Makes requests through client-node: with a timeout, expected answers as values, and the API
 * server's own words in errors.
 */
import { ApiException } from "@kubernetes/client-node";
import { statusMessage } from "../src/kubernetes/status-message.ts";
import { rejectAfter } from "../src/process/deadline.ts";
import type { WriteOutcome } from "./cluster.ts";

/** Far longer than a healthy API server takes to answer for one object. */
const TIMEOUT_MS = 15_000;

/**
 * Waits for an answer, but not for ever.
 * @throws Error `cannot WHAT: WHY`, or the ApiException itself if the object doesn't exist (404) or
 * has changed (409).
 */
export async function ask<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await rejectAfter(TIMEOUT_MS, request);
  } catch (cause) {
    if (cause instanceof ApiException && (cause.code === 404 || cause.code === 409)) throw cause;
    throw new Error(`cannot ${what}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * The message of the API server if it sent one: `secrets "x" is forbidden: User …`. Otherwise the
 * root cause: `connect ECONNREFUSED …`.
 */
function reasonOf(error: unknown): string {
  if (error instanceof ApiException) return statusMessage(error.body) ?? `HTTP ${error.code}`;
  if (!(error instanceof Error)) return String(error);
  // fetch itself only says "fetch failed".
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}

/** The answer, or undefined if the object doesn't exist. */
export async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw error;
  }
}

/**
 * The outcome of a write. Conflicts are expected: somebody else wrote first, or deleted the object
 * in between.
 */
export async function unlessConflict(request: Promise<unknown>): Promise<WriteOutcome> {
  try {
    await request;
    return "written";
  } catch (error) {
    if (error instanceof ApiException && (error.code === 409 || error.code === 404)) return "conflict";
    throw error;
  }
}
