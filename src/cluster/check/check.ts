/** Looks at a cluster: reads what there is to know, then judges it. */
import type { KubeClient } from "../../kubernetes/client.ts";
import { AFTER, isInstalled, NOT_INSTALLED } from "./after.ts";
import { denied, known } from "./answer.ts";
import { createAsker } from "./asker.ts";
import { BEFORE, readBefore } from "./before.ts";
import { judge, type ReportedGroup } from "./finding.ts";
import { readAfter, type AfterOptions } from "./read-after.ts";
import type { OwnNames } from "./own-names.ts";

export interface CheckOptions extends AfterOptions {
  /** Before an installation. */
  readonly pre: boolean;
  readonly names: OwnNames;
  /** The cluster's. Undefined: it doesn't tell this user. */
  readonly version: string | undefined;
  /** How long a request that starts now can take, in milliseconds. */
  readonly timeLeft: () => number;
}

/** Never throws for what the cluster says: it's in the findings. */
export async function checkCluster(client: KubeClient, options: CheckOptions): Promise<readonly ReportedGroup[]> {
  const asker = createAsker(client, options.timeLeft);
  const version = options.version === undefined ? denied("get /version") : known(options.version);
  if (options.pre) return judge(BEFORE, await readBefore(asker, options.names, version));
  const facts = await readAfter(asker, options.names, version, options);
  return judge(isInstalled(facts) ? AFTER : NOT_INSTALLED, facts);
}
