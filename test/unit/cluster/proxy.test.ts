import { expect, it } from "vitest";
import { proxyFor } from "../../../src/cluster/proxy.ts";

const SERVER = new URL("https://api.example.org:6443");
const HTTPS_PROXY = "http://proxy:3128";
const asked = (server: string, env: Readonly<Record<string, string>>): string | undefined =>
  proxyFor(new URL(server), env)?.url;

it("the environment's proxy is found in upper and lower case, with and without a scheme", () => {
  expect(proxyFor(SERVER, {})).toBeUndefined();
  expect(proxyFor(SERVER, { HTTPS_PROXY: "" })).toBeUndefined();
  expect(proxyFor(SERVER, { HTTPS_PROXY })).toEqual({ url: HTTPS_PROXY, source: "HTTPS_PROXY is" });
  expect(proxyFor(SERVER, { https_proxy: "proxy:3128", HTTP_PROXY: "http://other" })?.url).toBe(HTTPS_PROXY);
  expect(asked("http://api.example.org", { HTTPS_PROXY, http_proxy: "other" })).toBe("http://other");
});

it.each(["https://localhost:6443", "https://127.0.0.1:6443", "https://127.8.8.8", "https://[::1]:6443"])(
  "a cluster on this machine, such as %s, is asked without a proxy",
  (server) => {
    expect(asked(server, { HTTPS_PROXY })).toBeUndefined();
  },
);

// As in golang.org/x/net/http/httpproxy.
it.each([
  ["*", "https://api.example.org", true],
  ["other.org, api.example.org", "https://api.example.org", true],
  ["EXAMPLE.org", "https://api.example.org", true],
  [".example.org", "https://api.example.org", true],
  ["*.example.org", "https://api.example.org", true],
  [".example.org", "https://example.org", false],
  ["ample.org", "https://example.org", false],
  ["example.org:6443", "https://api.example.org:6443", true],
  ["example.org:443", "https://api.example.org", true],
  ["example.org:6443", "https://api.example.org", false],
  ["10.0.0.1", "https://10.0.0.1:6443", true],
  ["10.0.0.1:6443", "https://10.0.0.1", false],
  ["0.0.1", "https://10.0.0.1", false],
  ["10.0.0.0/8", "https://10.96.0.1", true],
  ["10.0.0.0/8", "https://11.0.0.1", false],
  ["10.0.0.0/8", "https://10.example.org", false],
  ["10.0.0.0/99", "https://10.0.0.1", false],
  ["fd00::/8", "https://[fd00::1]:6443", true],
  ["[fd00::1]:6443", "https://[fd00::1]:6443", true],
  ["fd00::1", "https://[fd00::1]:6443", true],
  [" ,,", "https://api.example.org", false],
])("NO_PROXY=%s decides about %s as it does for kubectl", (NO_PROXY, server, isExempt) => {
  expect(asked(server, { HTTPS_PROXY, NO_PROXY })).toBe(isExempt ? undefined : HTTPS_PROXY);
});
