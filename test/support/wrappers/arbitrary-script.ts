/**
 * Random shell scripts, made of what main containers' scripts consist of. They end by themselves
 * within a second or two.
 */
import fc from "fast-check";

/**
 * None relies on being PID 1 (src/injection/pid-1.ts), or prints what's different in every shell
 * (`env`, `$$`).
 */
const COMMANDS = [
  ...["true", "false", "wait", "jobs", "pwd", "cd /", "umask 077", "ulimit -n 100", "read x", "cat", "test -t 1"],
  ...["set -e", "set +e", "set -u", "set -- a b c", "shift 2>/dev/null", "echo $#$?", "unset HOME", "export A=1"],
  ...[
    "trap 'echo exit' EXIT",
    "trap 'echo term' TERM",
    "trap '' TERM",
    "trap - TERM",
    "trap '' INT",
    "trap 'exit 8' USR1",
  ],
  ...["sleep 0.02", "sleep 0.3 &", "(sleep 0.05; echo late) &"],
  // These kill and wait only for processes that certainly exist. Otherwise, whether `kill` fails
  // and what bash reports would be a matter of chance.
  ...["sleep 1 & kill $!; wait $!", "sleep 0.3 & kill -INT $!", "sleep 1 & kill -USR1 $!; wait $!"],
  ...[
    "(exit 4)",
    "/nonexistent",
    "nohup true",
    "timeout 0.05 sleep 1",
    "setsid true",
    "exec sh -c 'echo replaced; exit 5'",
  ],
  ...[
    "exec 2>&1",
    "exec 3>&1",
    "exec 3>&-",
    "printf %s no-newline",
    "head -c 10000 /dev/zero | wc -c",
    "yes | head -1",
  ],
];

const command = fc.oneof(
  { arbitrary: fc.constantFrom(...COMMANDS), weight: 4 },
  fc.nat(9).map((digit) => `echo out ${digit}`),
  fc.nat(9).map((digit) => `echo err ${digit} >&2`),
  fc.nat(255).map((code) => `exit ${code}`),
);

const { statement } = fc.letrec<{ statement: string }>((tie) => {
  const inner = tie("statement");
  const two = fc.tuple(inner, inner);
  return {
    statement: fc.oneof(
      { maxDepth: 3 },
      { arbitrary: command, weight: 6 },
      two.map(([first, second]) => `{ ${first}\n${second}\n}`),
      two.map(([condition, then]) => `if ${condition}\nthen ${then}\nfi`),
      two.map(([from, to]) => `{ ${from}\n} | { ${to}\n}`),
      inner.map((body) => `( ${body}\n)`),
      inner.map((body) => `{ ${body}\n} &`),
      inner.map((body) => `for i in 1 2; do ${body}\ndone`),
    ),
  };
});

export const script = fc.array(statement, { minLength: 1, maxLength: 6 }).map((statements) => statements.join("\n"));
