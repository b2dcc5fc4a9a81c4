/** `curfew completion`: prints what a shell needs to complete Curfew's command lines. */
import { Argument, Command } from "commander";
import { SCRIPTS } from "./scripts.ts";

const HELP = `
It completes commands, options, their values, and paths. To load it in every
new shell (zsh: after compinit):
  bash  echo 'source <(curfew completion bash)' >>~/.bashrc
  zsh   echo 'source <(curfew completion zsh)' >>~/.zshrc
  fish  curfew completion fish >~/.config/fish/completions/curfew.fish

For kubectl curfew, you need no script: kubectl's own completion (kubectl help
completion) runs kubectl_complete-curfew, which the npm package installs.`;

/** Makes the command `curfew completion`. */
export function completionCommand(): Command {
  return new Command("completion")
    .description("Prints a script that lets your shell complete this program's command lines.")
    .addArgument(new Argument("<shell>", "your shell").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", HELP)
    .action((shell: keyof typeof SCRIPTS) => {
      process.stdout.write(SCRIPTS[shell]);
    });
}
