/** Requests through client-node: bounded in time, expected answers as values, the API server's own words in errors. */
import { ApiException } from "@kubernetes/client-node";
import { rejectAfter } from "../src/process/deadline.ts";
import type { WriteOutcome } from "./reconcile.ts";

/** Far longer than an API server that is well takes for an object by name. */
const TIMEOUT_MS = 15_000;

/** @throws Error `cannot WHAT: WHY`, or the ApiException itself where the object is missing or has changed. */
export async function ask<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await rejectAfter(TIMEOUT_MS, request);
  } catch (cause) {
    if (cause instanceof ApiException && (cause.code === 404 || cause.code === 409)) throw cause;
    throw new Error(`cannot ${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** The API server's own sentence where it sent one: `secrets "x" is forbidden: User …`. Else the first cause: `connect ECONNREFUSED …`. */
function reasonOf(error: unknown): string {
  if (error instanceof ApiException) return statusMessage(error.body) ?? `HTTP ${error.code}`;
  if (!(error instanceof Error)) return String(error);
  // fetch itself says no more than "fetch failed".
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message;
}

/** client-node leaves the body of an answer that it does not expect as text. */
function statusMessage(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === "string" ? JSON.parse(body) : body;
    const message = typeof status === "object" && status !== null && "message" in status ? status.message : undefined;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

export async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw error;
  }
}

/** Conflicts are expected: somebody was faster, or the object went away in between. */
export async function unlessConflict(request: Promise<unknown>): Promise<WriteOutcome> {
  try {
    await request;
    return "written";
  } catch (error) {
    if (error instanceof ApiException && (error.code === 409 || error.code === 404)) return "conflict";
    throw error;
  }
}
