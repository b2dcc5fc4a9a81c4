import { expect, test } from "vitest";
import { DEFAULT_TEMPLATE } from "../../../../src/dispatch/config/default-template.ts";
import { parseConfig, type ConfigResult } from "../../../../src/dispatch/config/parse-config.ts";

const FILES: Readonly<Record<string, string>> = {
  "/secrets/webhook": "from a file\n",
  "/secrets/empty": "\n",
  "/templates/large.yaml": "spec: { template: { spec: { containers: [{ name: agent, image: large }] } } }",
  "/templates/broken.yaml": "spec: [",
};
const parse = (text: string): ConfigResult =>
  parseConfig(text, {
    env: { WEBHOOK_TOKEN: "from the environment", AGENT_TOKEN: "bkct_1" },
    readFile(path) {
      const file = FILES[path];
      if (file === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return file;
    },
  });
const problemsOf = (text: string): readonly string[] => {
  const result = parse(text);
  return result.kind === "invalid" ? result.problems : [];
};

test("needs only a webhook secret and a queue name, since everything else has defaults", () => {
  const result = parse("webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\nqueues: [{ name: kubernetes }]");
  expect(result).toMatchObject({
    kind: "config",
    config: {
      webhook: { method: "signature", secrets: ["from the environment"] },
      requestBudgetSeconds: 8,
      queues: [
        {
          name: "kubernetes",
          mode: "queue",
          namespace: "buildkite",
          idleTimeoutSeconds: 50,
          agentVersion: 3,
          default: false,
        },
      ],
    },
  });
});

test("reads secrets and templates from files, and ignores the newline at the end of a secret", () => {
  const result = parse(`
webhook: { secrets: [{ file: /secrets/webhook }, { env: WEBHOOK_TOKEN }] }
stacks: { agentToken: { env: AGENT_TOKEN }, endpoint: "http://127.0.0.1:1/v3/" }
queues:
  - name: kubernetes
    mode: acquire
    templates: [{ tags: { size: large }, templateFile: /templates/large.yaml }]
`);
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  expect(result.config.webhook.secrets).toEqual(["from a file", "from the environment"]);
  expect(result.config.stacks).toMatchObject({ agentToken: "bkct_1", endpoint: "http://127.0.0.1:1/v3" });
  const [large, general] = result.config.queues[0]?.templates ?? [];
  expect(large).toMatchObject({
    tags: { size: "large" },
    job: { spec: { template: { spec: { containers: [{ image: "large" }] } } } },
  });
  expect(general?.job.metadata?.labels).toEqual({ "curfew.sh/enabled": "true" });
});

test("reports all problems at once, each with its path", () => {
  expect(
    problemsOf(`
webhook:
  secrets: [plain, { env: NOT_SET }, { file: /secrets/empty }, { file: /nowhere }]
  method: telepathy
queues:
  - name: a
    mode: push
    maxInFlight: 0
  - name: b
    template: { metadata: { name: x }, spec: { template: { spec: { containers: [] } } } }
  - name: c
    template: { spec: { template: { spec: { containers: [{ name: builder }] } } } }
    templates: [{ tags: { size: large }, templateFile: /nowhere }, { tags: {}, templateFile: /templates/broken.yaml }]
surprise: true
`),
  ).toEqual([
    'webhook.method: Invalid option: expected one of "signature"|"token"',
    "webhook.secrets[0]: must be { file: PATH } or { env: NAME }; a secret is never written here",
    "webhook.secrets[1]: the environment variable NOT_SET is empty or not set",
    "webhook.secrets[2]: /secrets/empty is empty or not set",
    "webhook.secrets[3]: cannot read /nowhere: ENOENT: no such file or directory, open '/nowhere'",
    'queues[0].mode: Invalid option: expected one of "queue"|"acquire"',
    "queues[0].maxInFlight: Too small: expected number to be >0",
    "queues[1].template.metadata.name: is made from the Buildkite job's UUID: leave it out",
    "queues[1].template.spec.template.spec.containers: Too small: expected array to have >=1 items",
    expect.stringContaining("queues[2].templates[0].templateFile: cannot read /nowhere") as string,
    expect.stringContaining("queues[2].templates[1].templateFile: /templates/broken.yaml: ") as string,
    "queues[2].template: has no container named agent (agentContainer), only builder",
    'the file: Unrecognized key: "surprise"',
  ]);
});

test.each([
  ["two queues with the same name", "queues: [{ name: a }, { name: a }]", 'queues[1].name: "a" is used twice'],
  [
    "two default queues",
    "queues: [{ name: a, default: true }, { name: b, default: true }]",
    "queues: only one can be the default",
  ],
  [
    "acquire mode without an agent token",
    "queues: [{ name: a, mode: acquire }]",
    "queues[0].mode: acquire needs `stacks` with an agent token",
  ],
  [
    "a limit if nobody would come back to the jobs left over",
    "queues: [{ name: a, maxInFlight: 3 }]",
    "queues[0].maxInFlight: needs `stacks`: without it, nothing comes back to the jobs beyond this limit",
  ],
])("refuses %s", (_what, queues, problem) => {
  expect(problemsOf(`webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\n${queues}`)).toEqual([problem]);
});

test("says where the YAML is broken", () => {
  expect(problemsOf("queues: [\n  {")[0]).toContain("line 2");
  expect(problemsOf("")).toHaveLength(2);
});

test("never shows a secret in a problem", () => {
  expect(problemsOf("webhook: { secrets: [hunter2, { file: 7, password: hunter2 }] }").join()).not.toContain("hunter2");
});

test("a template that's left empty is the default one", () => {
  const result = parse("webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\nqueues: [{ name: kubernetes, template: }]");
  expect(result).toMatchObject({ config: { queues: [{ templates: [{ job: DEFAULT_TEMPLATE }] }] } });
});
