/** Runs programs by name, one after the other: what the benches and the soak programs share. */

export interface Programs<Program extends { readonly summary: string }> {
  readonly byName: Readonly<Record<string, Program>>;
  /** What one of them is called, in "there's no … x". */
  readonly noun: string;
  readonly usage: string;
  /**
   * Runs one and prints what it found. Resolves to whether all is well; if it rejects, all isn't.
   * `note` tells a person how far it is.
   */
  readonly run: (name: string, program: Program, note: (text: string) => void) => Promise<boolean>;
}

export interface Wanted {
  /** None: all. */
  readonly names: readonly string[];
  readonly help: boolean;
  /** What's wrong with the other arguments. */
  readonly problems?: readonly string[];
}

/**
 * Runs what is wanted, or explains the usage. Sets the exit code: 1 if all isn't well, 2 if the
 * arguments are wrong. Resolves to whether anything ran.
 */
export async function runPrograms<Program extends { readonly summary: string }>(
  { byName, noun, usage, run }: Programs<Program>,
  { names, help, problems = [] }: Wanted,
): Promise<boolean> {
  const unknown = names.filter((name) => !Object.hasOwn(byName, name)).map((name) => `there's no ${noun} ${name}`);
  const wrong = [...unknown, ...problems];
  if (help || wrong.length > 0) {
    for (const problem of wrong) console.error(problem);
    console.error(usage);
    for (const [name, { summary }] of Object.entries(byName)) console.error(`  ${name.padEnd(12)} ${summary}`);
    process.exitCode = wrong.length > 0 ? 2 : 0;
    return false;
  }
  for (const name of names.length > 0 ? names : Object.keys(byName)) {
    const program = byName[name];
    if (program === undefined) continue;
    console.error(`${name}: ${program.summary}`);
    try {
      const isWell = await run(name, program, (text) => {
        console.error(`  ${text}`);
      });
      if (!isWell) process.exitCode = 1;
    } catch (error) {
      // What the others find is still worth having.
      console.error(error);
      process.exitCode = 1;
    }
  }
  return true;
}
