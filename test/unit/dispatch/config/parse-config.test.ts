import { expect, test } from "vitest";
import { DEFAULT_TEMPLATE } from "../../../../src/dispatch/config/default-template.ts";
import { parseConfig, type ConfigResult } from "../../../../src/dispatch/config/parse-config.ts";

const FILES: Readonly<Record<string, string>> = {
  "/secrets/webhook": "from a file\n",
  "/secrets/empty": "\n",
  "/templates/large.yaml": "spec: { template: { spec: { containers: [{ name: agent, image: large }] } } }",
  "/templates/broken.yaml": "spec: [",
  "/templates/merged.yaml": `
metadata: { labels: &labels { team: a } }
spec:
  template:
    metadata: { labels: { <<: *labels, tier: b } }
    spec: { containers: [{ name: agent }], volumes: [{ secret: { defaultMode: 0440 } }] }
`,
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

test("reports all problems at once, in the file's order, each with its path and in plain words", () => {
  expect(
    problemsOf(`
webhook:
  secrets: [plain, { env: NOT_SET }, { file: /secrets/empty }, { file: /nowhere }]
  method: telepathy
  request_budget_seconds: 5
stacks:
  agentToken: { env: NOPE }
  endpoint: ftp://buildkite.example
  stackKey: Curfew!
  intervalSeconds: 301
queues:
  - name: 7
    id: the first
    mode: push
    maxInFlight: 0
    retrySeconds: soon
    maxAttempts: 1.5
    agentVersion: 5
    default:
    priorityClasses: { minimum: 1 }
  - name: b
    maxinflight: 3
    ttlSecondsAfterFinished: 30
    template: { metadata: { name: x }, spec: { template: { spec: { containers: [] } } } }
  - name: c
    template: { kind: Pod, spec: { template: { spec: { containers: [{ name: builder, env: [{}] }] } } } }
    templates:
      - { tags: { size: large, queue: d }, templateFile: /nowhere }
      - { tags: { cpus: 3, "a=b": c }, templateFile: /templates/broken.yaml }
      - { templateFile: /templates/large.yaml, template: {} }
  - c
surprise: true
`),
  ).toEqual([
    "webhook.secrets[0]: must be { file: PATH } or { env: NAME }; a secret is never written here",
    "webhook.secrets[1]: the environment variable NOT_SET is empty or not set",
    "webhook.secrets[2]: /secrets/empty is empty",
    "webhook.secrets[3]: can't read /nowhere: no such file or directory",
    "webhook.method: must be signature or token",
    "webhook.request_budget_seconds: isn't a setting here; did you mean `requestBudgetSeconds`?",
    "stacks.agentToken: the environment variable NOPE is empty or not set",
    "stacks.endpoint: must be a URL that starts with https:// or http://",
    "stacks.stackKey: must be a DNS label: a-z, 0-9 and -, at most 63 characters",
    "stacks.intervalSeconds: must be at most 300",
    "queues[0].name: must be text, not a number: put it in quotes",
    "queues[0].id: must be a UUID, as in 01990000-0000-4000-8000-000000000000",
    "queues[0].mode: must be queue or acquire",
    "queues[0].maxInFlight: must be more than 0",
    "queues[0].retrySeconds: must be a number, not text",
    "queues[0].maxAttempts: must be a whole number",
    "queues[0].agentVersion: must be 3 or 4",
    "queues[0].default: is empty: it must be true or false",
    "queues[0].priorityClasses: must be a list, not a mapping",
    "queues[1].maxinflight: isn't a setting here; did you mean `maxInFlight`?",
    "queues[1].ttlSecondsAfterFinished: must be at least 60",
    "queues[1].template.metadata.name: is made from the Buildkite job's UUID: leave it out",
    "queues[1].template.spec.template.spec.containers: needs at least one entry",
    "queues[2].template: has no container named agent (agentContainer), only builder",
    "queues[2].template.kind: must be Job",
    "queues[2].template.spec.template.spec.containers[0].env[0].name: is required",
    "queues[2].templates[0].tags.queue: is the queue's `name`: leave it out",
    "queues[2].templates[0].templateFile: can't read /nowhere: no such file or directory",
    "queues[2].templates[1].tags.cpus: must be text, not a number: put it in quotes",
    "queues[2].templates[1].tags[\"a=b\"]: a tag's name can't be empty, or have spaces, `,` or `=`",
    expect.stringMatching(
      /^queues\[2\]\.templates\[1\]\.templateFile: \/templates\/broken\.yaml: line 1, column \d+: isn't valid YAML: /,
    ) as string,
    "queues[2].templates[2].template: give template or templateFile, not both",
    "queues[2].templates[2].tags: is required",
    "queues[3]: must be a mapping (`key: value`), not text",
    "surprise: isn't a setting here",
  ]);
});

test("a wrong field hides no other problem, such as a name that's used twice", () => {
  const problems = problemsOf(`
webhook: { secrets: [] }
queues: [{ name: a, mode: acquire, maxInFlight: 0 }, { name: a, maxInFlight: 5, mode: no }]
`);
  expect(problems).toEqual([
    "webhook.secrets: needs at least one secret",
    "queues[0].mode: acquire needs `stacks` with an agent token",
    "queues[0].maxInFlight: must be more than 0",
    'queues[1].name: "a" is already the name of queues[0]',
    "queues[1].maxInFlight: needs `stacks`: without it, jobs beyond this limit would never run",
    "queues[1].mode: must be queue or acquire",
  ]);
});

const UUID = "01990000-0000-4000-8000-00000000000c";

test.each([
  [
    "two queues with the same name",
    "queues: [{ name: a }, { name: a }]",
    'queues[1].name: "a" is already the name of queues[0]',
  ],
  [
    "two queues with the same UUID, however it's spelled",
    `queues: [{ name: a, id: ${UUID} }, { name: b }, { name: c, id: ${UUID.toUpperCase()} }]`,
    "queues[2].id: is already the id of queues[0]",
  ],
  [
    "two default queues",
    "queues: [{ name: a, default: true }, { name: b, default: true }]",
    "queues[1].default: only one queue can be the default, and queues[0] is",
  ],
  [
    "acquire mode without an agent token",
    "queues: [{ name: a, mode: acquire }]",
    "queues[0].mode: acquire needs `stacks` with an agent token",
  ],
  [
    "a limit if nobody would come back to the jobs left over",
    "queues: [{ name: a, maxInFlight: 3 }]",
    "queues[0].maxInFlight: needs `stacks`: without it, jobs beyond this limit would never run",
  ],
  ["a name without text", 'queues: [{ name: "" }]', "queues[0].name: can't be empty"],
  [
    "a name with a comma, at which agents would split it",
    'queues: [{ name: "a,os=windows" }]',
    "queues[0].name: can't have a comma: agents separate their tags with commas",
  ],
  [
    "a name of two lines",
    'queues: [{ name: "a\\nb" }]',
    "queues[0].name: can't have control characters, such as a line break",
  ],
  [
    "a name with a space at its end",
    'queues: [{ name: "a " }]',
    "queues[0].name: can't begin or end with a space: agents would drop it",
  ],
  [
    "a name longer than Buildkite's",
    `queues: [{ name: ${"a".repeat(101)} }]`,
    "queues[0].name: can't be longer than 100 characters",
  ],
  ["a key that's set twice", "queues: [{ name: a }]\nqueues: []", "line 3, column 1: queues is set a second time"],
  [
    "a merge key with something that isn't a mapping",
    "queues: [{ <<: a, name: a }]",
    "line 2, column 12: `<<` can merge only mappings",
  ],
  [
    "an alias without an anchor",
    "queues: [{ <<: *base, name: a }]",
    "line 2, column 16: *base has no anchor &base before it",
  ],
  [
    "an alias within its own anchor",
    "queues: [&a { <<: *a, name: a }]",
    "the file: has far too many aliases, or one within its own anchor",
  ],
  [
    "a template's words that YAML doesn't take for text",
    "queues: [{ name: a, template: { spec: { template: { spec: { containers: [{ name: agent, env: [{ name: A, value: off }] }] } } } } }]",
    "queues[0].template.spec.template.spec.containers[0].env[0].value: must be text, not false: put it in quotes",
  ],
  [
    "an indentation with a tab",
    "queues:\n  - name: a\n\tmode: queue",
    "line 4, column 1: is indented with a tab: use spaces",
  ],
  [
    "a second document",
    "queues: [{ name: a }]\n---\n",
    "line 3, column 1: a second document starts here: there can be only one",
  ],
])("refuses %s", (_what, queues, problem) => {
  expect(problemsOf(`webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\n${queues}`)).toContain(problem);
});

test("reads YAML as kubectl does: merge keys, and octal numbers in templates", () => {
  const result = parse(`
webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }
queues:
  - &base { name: a, idleTimeoutSeconds: 70, templateFile: /templates/merged.yaml }
  - { <<: *base, name: b }
`);
  expect(result).toMatchObject({
    kind: "config",
    config: {
      queues: [
        { name: "a", idleTimeoutSeconds: 70 },
        { name: "b", idleTimeoutSeconds: 70 },
      ],
    },
  });
  if (result.kind === "invalid") throw new Error("not reached");
  const template = result.config.queues[1]?.templates[0]?.job.spec.template;
  expect(template?.metadata).toEqual({ labels: { team: "a", tier: "b" } });
  expect(template?.spec["volumes"]).toEqual([{ secret: { defaultMode: 0o440 } }]);
  expect(JSON.stringify(result.config.queues)).not.toContain("<<");
});

test.each([
  [
    "a token that travels in clear text",
    "stacks: { agentToken: { env: AGENT_TOKEN }, endpoint: 'http://buildkite.example/v3' }\nqueues: [{ name: a }]",
    ["stacks.endpoint: is http://, so the agent token travels in clear text: use https://"],
  ],
  [
    "a template that removes its Jobs before late duplicates have come",
    "queues: [{ name: a, template: { spec: { ttlSecondsAfterFinished: 59, template: { spec: { containers: [{ name: agent }] } } } } }]",
    [
      "queues[0].template.spec.ttlSecondsAfterFinished: is 59, so a late duplicate of a webhook may start a second Job for a build that has ended: set it to at least 60",
    ],
  ],
  [
    "an agent that isn't of the queue's agentVersion",
    "queues: [{ name: a, agentVersion: 4, template: { spec: { template: { spec: { containers: [{ name: agent, image: 'mirror.example/buildkite/agent:3.1' }] } } } } }]",
    [
      "queues[0].template: has an agent of version 3, but the queue's agentVersion is 4: set it to 3, or cancelGraceSeconds has no effect",
    ],
  ],
  [
    "a template whose agents kubelet would start again without their tokens",
    "stacks: { agentToken: { env: AGENT_TOKEN } }\nqueues: [{ name: a, mode: acquire, template: { spec: { template: { spec: { restartPolicy: OnFailure, containers: [{ name: agent }] } } } } }]",
    [
      "queues[0].template.spec.template.spec.restartPolicy: is OnFailure, but in acquire mode kubelet can't start an agent twice, as its token is gone: make it Never",
    ],
  ],
  ["nothing about https", "stacks: { agentToken: { env: AGENT_TOKEN } }\nqueues: [{ name: a, agentVersion: 4 }]", []],
  ...["localhost:8080", "127.0.0.1:1", "[::1]:1"].map((host): [string, string, string[]] => [
    `nothing about ${host}, as that never leaves the machine`,
    `stacks: { agentToken: { env: AGENT_TOKEN }, endpoint: "http://${host}/v3" }\nqueues: [{ name: a }]`,
    [],
  ]),
])("notes %s", (_what, rest, notes) => {
  expect(parse(`webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\n${rest}`)).toMatchObject({ kind: "config", notes });
});

test("says where the YAML is broken, without quoting it", () => {
  expect(problemsOf("queues: [\n  {")[0]).toMatch(/^line 2, column \d+: isn't valid YAML: /);
  expect(problemsOf("webhook: { secrets: [hunter2 }").join()).not.toContain("hunter2");
  expect(problemsOf("")).toHaveLength(2);
});

test("never shows a secret in a problem", () => {
  expect(problemsOf("webhook: { secrets: [hunter2, { file: 7, password: hunter2 }] }").join()).not.toContain("hunter2");
});

test("a template that's left empty is the default one", () => {
  const result = parse("webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\nqueues: [{ name: kubernetes, template: }]");
  expect(result).toMatchObject({ config: { queues: [{ templates: [{ job: DEFAULT_TEMPLATE }] }] } });
});

test("the default template has an agent of the queue's version", () => {
  const result = parse(
    "webhook: { secrets: [{ env: WEBHOOK_TOKEN }] }\nqueues: [{ name: a }, { name: b, agentVersion: 4 }]",
  );
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  const images = result.config.queues.map(({ templates }) =>
    templates[0]?.job.spec.template.spec.containers.map(({ image }) => image),
  );
  expect(images).toEqual([
    ["docker:29-dind", expect.stringMatching(/^buildkite\/agent:3\./)],
    ["docker:29-dind", expect.stringMatching(/^buildkite\/agent:4\./)],
  ]);
});
