import { describe, expect, test } from "vitest";
import { parseImage } from "../../../scripts/release.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("npm run release", () => {
  test.each([
    [[], { repository: "curfew", digest: undefined }],
    [["--image", "registry.example:5000/team/curfew"], { repository: "registry.example:5000/team/curfew" }],
    [["--image=ghcr.io/a-b/curfew", `--digest=${DIGEST}`], { repository: "ghcr.io/a-b/curfew", digest: DIGEST }],
  ])("takes an image: %j", (args, image) => {
    expect(parseImage(args)).toMatchObject(image);
  });

  test.each([
    [["--image", "registry.example/curfew:1.0.0"], "Write it without tag or digest: registry.example/curfew"],
    [["--image", `curfew@${DIGEST}`], "Write it without tag or digest"],
    [["--image", "Registry.example/Curfew"], "isn't a repository"],
    [["--image", "https://registry.example/curfew"], "isn't a repository"],
    [["--image", ""], "isn't a repository"],
    [["--image", "curfew", "--digest", "0123"], "Write sha256: and 64 hexadecimal digits"],
    [["--digest", DIGEST], "--image registry.example/curfew"],
    [["--tag", "1.0.0"], "--tag"],
    [["1.0.0"], "1.0.0"],
  ])("says what to write instead: %j", (args, problem) => {
    expect(parseImage(args)).toEqual({ problem: expect.stringContaining(problem) as string });
  });
});
