/**
 * The command line: names the subcommands, loads the one that is asked for, turns its outcome into an exit code; nothing else.
 *
 * A subcommand is a module that exports a function without parameters returning commander's Command, with its options, its action
 * and a longer description. The module is imported only when its subcommand is asked for: `curfew admission` never loads a
 * Kubernetes client. An action sets `process.exitCode` where the outcome is one of those below; what it throws is a surprise.
 */
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };

interface Subcommand {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  admission: {
    summary: "serve the mutating admission webhook",
    load: async () => (await import("./admission/command.ts")).admissionCommand(),
  },
  dispatch: {
    summary: "turn Buildkite's webhooks into Jobs",
    load: async () => (await import("./dispatch/command.ts")).dispatchCommand(),
  },
  certs: {
    summary: "issue and rotate the webhook's certificates",
    load: async () => (await import("../certs/command.ts")).certsCommand(),
  },
  inject: {
    summary: "patch the Jobs in manifests, as the webhook would",
    load: async () => (await import("./offline/inject-command.ts")).injectCommand(),
  },
  explain: {
    summary: "say what would happen to the Jobs in manifests, and why",
    load: async () => (await import("./offline/explain-command.ts")).explainCommand(),
  },
  demo: {
    summary: "run a Job with a sidecar as local processes, with and without Curfew",
    load: async () => (await import("../demo/command.ts")).demoCommand(),
  },
};

const HELP = `
Exit codes:
  0  it did what was asked
  1  a Job was refused, or something failed that should not have
  2  the command line, the configuration or an input file is wrong

curfew help COMMAND explains one of them. For a first look: curfew demo`;

/** Runs the command line `args` (without the interpreter and the script). Never rejects: outcomes end up in `process.exitCode`. */
async function run(args: readonly string[]): Promise<void> {
  const program = new Command("curfew")
    .description("Lets Kubernetes Jobs with sidecars end.")
    .version(packageJson.version, "-V, --version")
    .addHelpText("after", HELP)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride();
  const wanted = args[0] === "help" ? args[1] : args[0];
  try {
    for (const [name, { summary, load }] of Object.entries(SUBCOMMANDS)) {
      const command = name === wanted ? await load() : new Command(name);
      for (const each of [command, ...command.commands]) each.copyInheritedSettings(program);
      program.addCommand(command.name(name).summary(summary));
    }
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/** Commander has printed its own errors already; everything else is printed here, with its causes. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  let prefix = "curfew: ";
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    console.error(prefix + (cause instanceof Error ? cause.message : JSON.stringify(cause)));
    prefix = "  because: ";
  }
  if (process.env["CURFEW_DEBUG"] && error instanceof Error) console.error(error.stack);
  return 1;
}

await run(process.argv.slice(2));
