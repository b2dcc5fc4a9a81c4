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
import { asTyped, PROGRAM } from "./process/program.ts";
import { EXIT_USAGE, reportUsage } from "./process/settings.ts";

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
  check: {
    summary: "say whether Curfew works in a cluster, or would (--pre)",
    load: async () => (await import("./cluster/check/check-command.ts")).checkCommand(),
  },
  scan: {
    summary: "find Jobs that hang, and say what Curfew would do with each Job of a cluster",
    load: async () => (await import("./cluster/scan/command.ts")).scanCommand(),
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
    summary: "run a Job with a sidecar as local processes",
    load: async () => (await import("../demo/command.ts")).demoCommand(),
  },
  version: {
    summary: "print the version and the commit",
    load: async () => (await import("./process/version.ts")).versionCommand(),
  },
  completion: {
    summary: "print a script that lets your shell complete command lines",
    load: async () => (await import("./completion/command.ts")).completionCommand(),
  },
};

/** The headings of the two groups of subcommands. */
const IN_CLUSTER = "Processes in the cluster:";
const FOR_PEOPLE = "For people:";

const HELP = `
Exit codes:
  0  success
  1  a Job was refused, a check found a fault, or something failed unexpectedly
  2  the command line, the configuration, an input file or the access to the
     cluster is wrong

More about a command: curfew help COMMAND
For a first look: curfew demo`;

/**
 * Runs the command line `args` (without the interpreter and the script). Never rejects: outcomes
 * end up in `process.exitCode`.
 */
async function run(args: readonly string[]): Promise<void> {
  if (args[0] === "__complete") return printCompletions(args.slice(1));
  const words = withoutHelp(args);
  const wanted = words[0] ?? "";
  heedLostReaders(SUBCOMMANDS[wanted]?.serves ?? false);
  try {
    const program = await buildProgram(wanted, words);
    const { command, unknown } = findCommand(program, words);
    if (unknown === undefined) await program.parseAsync(words, { from: "user" });
    else reportUsage(command, [await noSuchCommand(command, unknown)]);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

/**
 * What could come next after `words`, for the shell's completion. Not in any help: people don't type
 * it.
 */
async function printCompletions(words: readonly string[]): Promise<void> {
  const asked = words[0] === "help" && words.length > 1 ? words.slice(1) : words;
  const { complete, printCompletion } = await import("./completion/complete.ts");
  const program = await buildProgram(asked[0] ?? "", []);
  process.stdout.write(printCompletion(complete(program, asked)));
}

/** `help inject` as `inject --help`, and `help` alone as `--help`. */
function withoutHelp(args: readonly string[]): readonly string[] {
  return args[0] === "help" ? [...args.slice(1), "--help"] : args;
}

/** The program with all its subcommands, of which only `wanted` has more than a name. */
async function buildProgram(wanted: string, words: readonly string[]): Promise<Command> {
  const program = new Command(PROGRAM)
    .description("Lets Kubernetes Jobs with sidecars end.")
    .version(await versionFor(words), "-V, --version", "print the version and the commit")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false) // see withoutHelp
    .addHelpText("after", HELP)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => process.stdout.write(asTyped(text)),
      writeErr: (text) => process.stderr.write(asTyped(text)),
      outputError: (text, write) => {
        write(text.replace(/^error:/, `${PROGRAM}:`));
      },
    })
    .exitOverride();
  for (const [name, { summary, serves, load }] of Object.entries(SUBCOMMANDS)) {
    const command = name === wanted ? await load() : new Command(name);
    for (const each of [command, ...command.commands]) each.copyInheritedSettings(program);
    program.addCommand(
      command
        .name(name)
        .summary(summary)
        .helpGroup(serves ? IN_CLUSTER : FOR_PEOPLE),
    );
  }
  return program;
}

/**
 * The command that `words` name, before their first option. `unknown` is the next word, if it can
 * only be meant as a subcommand, and there's none.
 */
function findCommand(program: Command, words: readonly string[]): { command: Command; unknown?: string } {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word);
    const isEnd = word.startsWith("-") || command.commands.length === 0;
    if (!next) return isEnd || command.registeredArguments.length > 0 ? { command } : { command, unknown: word };
    command = next;
  }
  return { command };
}

async function noSuchCommand(command: Command, unknown: string): Promise<string> {
  const { nearest } = await import("./injection/nearest.ts");
  const names = command.commands.map((each) => each.name());
  const meant = nearest(unknown, names);
  const hint = meant === undefined ? `There are: ${names.join(", ")}.` : `Did you mean ${meant}?`;
  return `there's no command ${JSON.stringify(unknown)}. ${hint}`;
}

/** The text of `-V`. Only who asks for it loads it, as it may ask git. */
async function versionFor(words: readonly string[]): Promise<string> {
  const isAsked = words.some((each) => each === "-V" || each === "--version");
  return isAsked ? (await import("./process/version.ts")).versionLine() : "";
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
  let prefix = `${PROGRAM}: `;
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    console.error(prefix + (cause instanceof Error ? cause.message : JSON.stringify(cause)));
    prefix = "  because: ";
  }
  if (process.env["CURFEW_DEBUG"] && error instanceof Error) console.error(error.stack);
  return 1;
}

await run(process.argv.slice(2));
