/**
 * The command line: it names the subcommands, loads the one you ask for, and turns its outcome into
 * an exit code.
 *
 * Each subcommand's module exports a function without parameters that returns commander's Command,
 * with its options, its action and a longer description. The module is imported only if you ask for
 * the subcommand, so `curfew admission` never loads a Kubernetes client. An action sets
 * `process.exitCode` for the outcomes below, and throws only what it doesn't expect.
 */
import { constants } from "node:os";
import { Command, CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { EXIT_USAGE } from "./process/settings.ts";

interface Subcommand {
  readonly summary: string;
  /** It serves until it's told to end, even if nobody reads its log. */
  readonly serves?: true;
  readonly load: () => Promise<Command>;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  admission: {
    summary: "serve the mutating admission webhook",
    serves: true,
    load: async () => (await import("./admission/command.ts")).admissionCommand(),
  },
  dispatch: {
    summary: "turn Buildkite's webhooks into Jobs",
    serves: true,
    load: async () => (await import("./dispatch/command.ts")).dispatchCommand(),
  },
  certs: {
    summary: "issue and rotate the webhook's certificates",
    serves: true,
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
  0  success
  1  a Job was refused, or something failed unexpectedly
  2  the command line, the configuration or an input file is wrong

More about a command: curfew help COMMAND. For a first look: curfew demo`;

/**
 * Runs the command line `args` (without the interpreter and the script). Never rejects: outcomes
 * end up in `process.exitCode`.
 */
async function run(args: readonly string[]): Promise<void> {
  const program = new Command("curfew")
    .description("Lets Kubernetes Jobs with sidecars end.")
    .version(packageJson.version, "-V, --version")
    .addHelpText("after", HELP)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride();
  const wanted = args[0] === "help" ? args[1] : args[0];
  heedLostReaders(SUBCOMMANDS[wanted ?? ""]?.serves ?? false);
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

/** What a shell reports for a program that SIGPIPE killed, and what kubectl exits with. */
const EXIT_SIGPIPE = 128 + constants.signals.SIGPIPE;

/**
 * If nobody reads the output any more, as in `curfew explain … | head -1`, the program ends at
 * once, without a message. Unix does that with SIGPIPE, which Node ignores, so the exit code is
 * SIGPIPE's, whatever the outcome would have been. A command with something to clean up gets SIGHUP
 * instead: a listener for SIGPIPE itself would also be called for each socket that a peer closes.
 *
 * A server keeps running, as printing isn't its work. (Its log is pino's, which falls silent if its
 * reader goes away.)
 */
function heedLostReaders(serves: boolean): void {
  let isLost = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (serves || isLost) return;
      isLost = true;
      if (process.emit("SIGHUP", "SIGHUP")) process.exitCode = EXIT_SIGPIPE;
      else process.exit(EXIT_SIGPIPE);
    });
  }
}

/**
 * Commander has already printed its own errors. Any other error is printed here, with its causes.
 */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  let prefix = "curfew: ";
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    console.error(prefix + (cause instanceof Error ? cause.message : JSON.stringify(cause)));
    prefix = "  because: ";
  }
  if (process.env["CURFEW_DEBUG"] && error instanceof Error) console.error(error.stack);
  return 1;
}

await run(process.argv.slice(2));
