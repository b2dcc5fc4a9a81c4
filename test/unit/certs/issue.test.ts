import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueAuthority } from "../../../certs/authority.ts";
import { issueServing } from "../../../certs/serving.ts";
import { formatKey } from "../../../certs/issue.ts";
import { needsRenewal, parseBundle, type CertificateAndKey } from "../../../certs/x509.ts";
import { DAY, HOST } from "../../support/certs/world.ts";

const now = new Date();
const authority = issueAuthority({ now, lifetimeMs: 365 * DAY });
const successor = issueAuthority({ now, lifetimeMs: 365 * DAY });
const leaf = issueServing(authority, [HOST, "other.curfew-system.svc"], { now, lifetimeMs: 30 * DAY });

const pem = ({ certificate }: CertificateAndKey): string => certificate.toString();

describe.skipIf(process.env["CI"] === undefined && spawnSync("openssl", ["version"]).status !== 0)("openssl", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "curfew-openssl-"));
    writeFileSync(join(folder, "leaf.pem"), pem(leaf));
    writeFileSync(join(folder, "old.pem"), pem(authority));
    writeFileSync(join(folder, "both.pem"), pem(successor) + pem(authority));
    writeFileSync(join(folder, "new.pem"), pem(successor));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const verify = (bundle: string, ...options: string[]): number | null =>
    spawnSync("openssl", ["verify", "-x509_strict", ...options, "-CAfile", bundle, "leaf.pem"], { cwd: folder }).status;

  test("accepts the chain for a TLS server of that name, in strict mode", () => {
    expect(verify("old.pem", "-purpose", "sslserver", "-verify_hostname", HOST)).toBe(0);
  });

  test("accepts it with the bundle of a rotation, but not with the new authority alone", () => {
    expect(verify("both.pem")).toBe(0);
    expect(verify("new.pem")).not.toBe(0);
  });

  test("refuses it for another name, and as a client's certificate", () => {
    expect(verify("old.pem", "-verify_hostname", "else.curfew-system.svc")).not.toBe(0);
    expect(verify("old.pem", "-purpose", "sslclient")).not.toBe(0);
  });

  test("sees the key usages that RFC 5280 requires", () => {
    const show = (file: string): string =>
      execFileSync("openssl", ["x509", "-noout", "-ext", "keyUsage,extendedKeyUsage,basicConstraints", "-in", file], {
        cwd: folder,
        encoding: "utf8",
      }).replaceAll(/\s+/g, " ");
    expect(show("old.pem")).toContain("Basic Constraints: critical CA:TRUE, pathlen:0");
    expect(show("old.pem")).toContain("Key Usage: critical Certificate Sign, CRL Sign");
    expect(show("leaf.pem")).toContain("Key Usage: critical Digital Signature, Key Encipherment");
    expect(show("leaf.pem")).toContain("Extended Key Usage: TLS Web Server Authentication");
  });
});

test("a TLS client that trusts the authority accepts the certificate for its name", async () => {
  const server = createServer({ cert: pem(leaf), key: formatKey(leaf.key) }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: "127.0.0.1", port, servername: HOST, ca: pem(authority) });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  expect(socket.authorized).toBe(true);
  socket.destroy();
  server.close();
});

test("a certificate doesn't outlive the authority that signed it", () => {
  const brief = issueAuthority({ now, lifetimeMs: DAY });
  const { certificate } = issueServing(brief, [HOST], { now, lifetimeMs: 30 * DAY });
  expect(certificate.validTo).toBe(brief.certificate.validTo);
});

test("certificates are due when two thirds of their lifetime are over", () => {
  const { certificate } = leaf;
  expect(needsRenewal(certificate, new Date(now.getTime() + 19.99 * DAY))).toBe(false);
  expect(needsRenewal(certificate, new Date(now.getTime() + 20.01 * DAY))).toBe(true);
});

test("no two authorities share a name or a serial number", () => {
  const [first, second] = [authority.certificate, successor.certificate];
  expect(first.subject).not.toBe(second.subject);
  expect(first.serialNumber).not.toBe(second.serialNumber);
});

test("every certificate in a bundle that can be parsed is used, no matter what's in between", () => {
  const bundle = `# a comment\n${pem(authority)}garbage\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${pem(successor)}${pem(authority)}`;
  expect(parseBundle(bundle).map(({ serialNumber }) => serialNumber)).toEqual(
    [authority, successor].map(({ certificate }) => certificate.serialNumber),
  );
});
