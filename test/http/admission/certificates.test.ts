import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseServingCertificate, watchServingCertificate } from "../../../src/admission/serving-certificate.ts";
import { post, reviewOf, startTestAdmission, type TestAdmission } from "../../support/admission/admission.ts";
import { createTestAuthority, type ServingPair } from "../../../sim/api-server/authority.ts";

const authority = createTestAuthority();
const [first, second] = [authority.issue(), authority.issue({ days: 2 })];

describe("swapping a server's certificate", () => {
  let admission: TestAdmission;
  beforeEach(async () => {
    admission = await startTestAdmission();
    admission.setCertificate(first);
  });
  afterEach(() => {
    admission.close();
  });

  test("closes no connection, and new connections get the new certificate", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.ca });
    const seen = new Set<TLSSocket>();
    agent.on("free", (socket: TLSSocket) => seen.add(socket));
    const send = (): Promise<unknown> => post(reviewOf({}), { port: admission.port, agent });
    expect(await send()).toMatchObject({ status: 200 });
    admission.setCertificate(second);
    expect(await send()).toMatchObject({ status: 200 });
    expect(seen.size).toBe(1);
    agent.destroy();
    expect(await servedKey(admission.port)).toBe(fingerprintOf(second));
  });

  test("keeps refusing TLS 1.1", async () => {
    admission.setCertificate(second);
    await expect(
      new Promise((resolve, reject) => {
        const old = { maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
        connect({ port: admission.port, host: "127.0.0.1", ca: authority.ca, ...old }, () => {
          resolve("connected");
        }).on("error", reject);
      }),
    ).rejects.toThrow(/protocol version/i);
  });
});

describe("certificate files", () => {
  let folder: string;
  let stop: () => void;
  const loaded: string[] = [];
  const problems: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "curfew-certificate-"));
    loaded.length = problems.length = 0;
  });
  afterEach(() => {
    stop();
    rmSync(folder, { recursive: true });
  });

  async function watch(pollMs?: number): Promise<void> {
    const watching = await watchServingCertificate({
      certPath: join(folder, "tls.crt"),
      keyPath: join(folder, "tls.key"),
      onCertificate: ({ cert }) => loaded.push(cert),
      onProblem: (problem) => problems.push(problem),
      ...(pollMs !== undefined && { pollMs }),
    });
    stop = watching.close;
  }

  function write({ cert, key }: ServingPair, into = folder): void {
    writeFileSync(join(into, "tls.crt"), cert);
    writeFileSync(join(into, "tls.key"), key);
  }

  test("are read at start", async () => {
    write(first);
    await watch();
    expect(loaded).toEqual([first.cert]);
    expect(problems).toEqual([]);
  });

  test("are read again if they change while they are read for the first time", async () => {
    write(first);
    const watching = await watchServingCertificate({
      certPath: join(folder, "tls.crt"),
      keyPath: join(folder, "tls.key"),
      onCertificate: ({ cert }) => {
        if (loaded.push(cert) === 1) write(second);
      },
      onProblem: (problem) => problems.push(problem),
      pollMs: 3_600_000,
    });
    stop = watching.close;
    await expect.poll(() => loaded).toEqual([first.cert, second.cert]);
  });

  test("can appear later", async () => {
    await watch();
    expect(problems).toEqual([expect.stringContaining("ENOENT")]);
    write(first);
    await expect.poll(() => loaded).toEqual([first.cert]);
  });

  test("are read again when kubelet swaps the folder of a mounted Secret", async () => {
    const mountSecret = (name: string, pair: ServingPair): void => {
      mkdirSync(join(folder, name));
      write(pair, join(folder, name));
      symlinkSync(name, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    mountSecret("..2026_01", first);
    symlinkSync("..data/tls.crt", join(folder, "tls.crt"));
    symlinkSync("..data/tls.key", join(folder, "tls.key"));
    await watch();
    mountSecret("..2026_02", second);
    await expect.poll(() => loaded).toEqual([first.cert, second.cert]);
    expect(problems).toEqual([]);
  });

  test("are polled, in case no event reports a change", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "curfew-certificate-"));
    write(first, elsewhere);
    // Events come only for the folder with the links, not for the one with the files.
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join(elsewhere, name), join(folder, name));
    await watch(20);
    write(second, elsewhere);
    await expect.poll(() => loaded).toEqual([first.cert, second.cert]);
    rmSync(elsewhere, { recursive: true });
  });

  test.each([
    ["half written", first.cert.slice(0, 400)],
    ["empty", ""],
    ["for another key", second.cert],
    ["followed by half a CA", `${first.cert}${authority.ca.slice(0, 400)}`],
  ])("change nothing if the certificate is %s, and the problem is reported once", async (_, cert) => {
    write(first);
    await watch(20);
    writeFileSync(join(folder, "tls.crt"), cert);
    await expect.poll(() => problems.length).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(join(folder, "tls.crt"));
    expect(problems[0]).not.toContain("BEGIN");
    expect(loaded).toEqual([first.cert]);
    write(second);
    await expect.poll(() => loaded).toEqual([first.cert, second.cert]);
  });

  test("change nothing if they vanish", async () => {
    write(first);
    await watch(20);
    unlinkSync(join(folder, "tls.key"));
    await expect.poll(() => problems).toEqual([expect.stringContaining("ENOENT")]);
    expect(loaded).toEqual([first.cert]);
  });
});

test("a parsed certificate says when it expires", () => {
  const parsed = parseServingCertificate(second.cert, second.key);
  expect("notAfter" in parsed && Math.round((parsed.notAfter.getTime() - Date.now()) / 86_400_000)).toBe(2);
});

function fingerprintOf({ cert, key }: ServingPair): string {
  const parsed = parseServingCertificate(cert, key);
  return "fingerprint" in parsed ? parsed.fingerprint : "none";
}

async function servedKey(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", ca: authority.ca });
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
