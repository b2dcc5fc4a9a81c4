/**
 * Reads the serving certificate from its two files, and again when they change. In a mounted
 * Secret, kubelet swaps a symbolic link next to them (..data), so the folder is watched. A look
 * every ten seconds finds the change if the folder can't be watched, or the watch misses something.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createSecureContext } from "node:tls";
import { messageOf } from "../process/errors.ts";

export interface ServingCertificate {
  /** PEM: the certificate, followed by the chain to its CA. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
  /**
   * SHA-256, as `openssl x509 -fingerprint -sha256` prints it. It names the certificate in the log.
   */
  readonly fingerprint: string;
}

/** Parses a certificate and its key (PEM), or says what's wrong with them, without quoting them. */
export function parseServingCertificate(cert: string, key: string): ServingCertificate | { readonly problem: string } {
  try {
    const leaf = new X509Certificate(cert);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return { problem: "the key doesn't belong to the certificate" };
    // Parses the whole chain, as the server will.
    createSecureContext({ cert, key });
    return { cert, key, notAfter: leaf.validToDate, fingerprint: leaf.fingerprint256 };
  } catch (error) {
    return { problem: `not a PEM certificate with its key: ${messageOf(error)}` };
  }
}

export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface CertificateWatchOptions extends CertificateFiles {
  /** Called with every new pair, including the first. */
  readonly onCertificate: (certificate: ServingCertificate) => void;
  /**
   * Called once each time the files change to something that isn't a pair. The pair from before
   * stays in use.
   */
  readonly onProblem: (problem: string) => void;
  readonly pollMs?: number;
}

/**
 * Starts to watch the files. Resolves after the first look at them, whatever it found. Never
 * rejects.
 */
export async function watchServingCertificate(
  options: CertificateWatchOptions,
): Promise<{ readonly close: () => void }> {
  const { certPath, keyPath, onCertificate, onProblem, pollMs = 10_000 } = options;
  let seen: string | undefined;
  let closed = false;

  const readBoth = async (): Promise<void> => {
    const [cert, key] = await Promise.all([readText(certPath), readText(keyPath)]);
    const state = JSON.stringify([cert, key]);
    if (closed || state === seen) return;
    seen = state;
    const unreadable = [cert, key].flatMap((file) => ("problem" in file ? [file.problem] : []));
    const parsed =
      "text" in cert && "text" in key
        ? parseServingCertificate(cert.text, key.text)
        : { problem: unreadable.join(" and ") };
    if ("problem" in parsed) onProblem(`${certPath}, ${keyPath}: ${parsed.problem}`);
    else onCertificate(parsed);
  };

  // One look after the other, so that an older state of the files never replaces a newer one.
  let last = Promise.resolve();
  const look = (): Promise<void> => (last = last.then(readBoth));

  const poll = setInterval(() => void look(), pollMs).unref();
  // A swap causes several events. The files are read once there has been none for a moment.
  let settle: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    clearTimeout(settle);
    settle = setTimeout(() => void look(), 50).unref();
  };
  const watchers = [...new Set([dirname(certPath), dirname(keyPath)])].flatMap((folder) =>
    watchFolder(folder, lookSoon),
  );
  // Only now, so that no change after this look is missed.
  await look();
  return {
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(settle);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/**
 * Empty if the folder can't be watched, for example because the node has no inotify instances left,
 * or the file system has no events.
 */
function watchFolder(folder: string, onEvent: () => void): readonly FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    watcher.on("error", () => {
      watcher.close();
    });
    return [watcher];
  } catch {
    return [];
  }
}

async function readText(path: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  try {
    return { text: await readFile(path, "utf8") };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}
