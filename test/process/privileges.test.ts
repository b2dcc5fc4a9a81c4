/**
 * The app changes its user, as gosu, su-exec and setpriv do. The wrapper may then see less of it,
 * and may not be allowed to signal it.
 */
import { expect } from "vitest";
import { DEFAULT_CAPABILITIES } from "../../sim/pods/container.ts";
import { promise } from "../support/wrappers/shells.ts";
import { fixture, said, sh, stoppedAfter } from "../support/wrappers/wrapped-pod.ts";

const asNobody = (argv: readonly string[]): string[] => [
  "/usr/bin/setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
  ...argv,
];
const root = { uid: 0, capabilities: DEFAULT_CAPABILITIES };
const needs = ["root", "command setpriv"] as const;

promise(
  "an app that has changed its user gets the signals that it handles, and no others",
  async (pod) => {
    const handles = pod.main(asNobody(fixture("exit7")), { ...root, name: "handles" });
    await handles.saw("up");
    handles.kill("SIGTERM");
    expect((await handles.exited).code).toBe(7);
    const main = pod.main(asNobody(sh("echo up; sleep 3; echo migrated; exit 3")), root);
    await main.saw("up");
    for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1"] as const) main.kill(signal);
    expect((await main.exited).code).toBe(3);
    expect(main.output).toEqual(["up", "migrated"]);
    expect(main.stderr).toBe("");
  },
  { needs },
);

for (const init of ["tini", "dumb-init"]) {
  promise(
    `passes TERM on to ${init}, even if that has changed its user`,
    async (pod) => {
      const main = pod.main(asNobody([init, "--", ...fixture("exit7")]), root);
      await main.saw("up");
      main.kill("SIGTERM");
      expect((await main.exited).code).toBe(7);
    },
    { needs: [...needs, `command ${init}`] },
  );
}

promise(
  "a daemon under a shell script gets TERM once, and time to stop, even if they run as another user",
  async (pod) => {
    const daemon = fixture("daemon", "d", ".5").join(" ");
    const sidecar = pod.sidecar(asNobody(sh(`${daemon} & wait`)), root);
    await sidecar.saw("d up");
    await pod.main(["sleep", "5.5"]).exited; // so that it's no longer young (sidecar.sh)
    expect((await sidecar.exited).code).toBe(0);
    expect(sidecar.output).toEqual(["d up", "d TERM", "d bye"]);
    expect(sidecar.stderr).toBe(stoppedAfter("main"));
  },
  { needs },
);

promise(
  "without the capability KILL, an app that has changed its user gets no signals, and one line says so",
  async (pod) => {
    const restricted = { uid: 0, capabilities: ["setuid", "setgid"] };
    const script = sh("trap 'exit 1' TERM; echo up; read -r line; exit 3");
    const main = pod.main(asNobody(script), { ...restricted, stdin: "open" });
    const sidecar = pod.sidecar(asNobody(fixture("daemon", "d", "0")), { ...restricted, grace: 1 });
    await Promise.all([main.saw("up"), sidecar.saw("d up")]);
    main.kill("SIGTERM");
    main.kill("SIGHUP");
    const line = "curfew: the app runs as another user, and without the capability KILL it gets no signal\n";
    await said(main, line);
    main.stdin.end();
    expect((await main.exited).code).toBe(3);
    expect((await sidecar.exited).code).toBe(0);
    expect(main.stderr).toBe(line);
    expect(sidecar.stderr.split("\n").toSorted()).toEqual((line + stoppedAfter("main")).split("\n").toSorted());
    expect(sidecar.output).toEqual(["d up"]);
  },
  { needs },
);
