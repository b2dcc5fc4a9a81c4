import type { KubeObject } from "../../kubernetes/list-watch.ts";

/** The parts of a Job from the API server that are read here. */
export interface StoredJob extends KubeObject {
  readonly spec?: { readonly suspend?: boolean };
  readonly status?: {
    readonly ready?: number;
    /** When it was created, or resumed the last time. Absent while it's suspended. */
    readonly startTime?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}
