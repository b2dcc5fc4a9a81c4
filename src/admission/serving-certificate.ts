/**
 * The serving certificate from its two files, read again when they change. In a mounted Secret kubelet swaps a symbolic link beside
 * them (..data), so the folder is watched; where that is not to be had, or misses something, a look every ten seconds does.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { watch, type FSWatcher } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createSecureContext } from "node:tls";
import { messageOf } from "../process/errors.ts";

export interface ServingCertificate {
  /** PEM: the certificate, with what leads to its CA behind it. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly notAfter: Date;
  /** SHA-256, as openssl x509 -fingerprint -sha256 prints it: tells in a log which certificate is meant. */
  readonly fingerprint: string;
}

/** Takes a pair of texts as a serving certificate, or says what is wrong with it, without quoting it. */
export function parseServingCertificate(cert: string, key: string): ServingCertificate | { readonly problem: string } {
  try {
    const leaf = new X509Certificate(cert);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return { problem: "the key is not the certificate's" };
    // Takes the whole chain apart, as the server will.
    createSecureContext({ cert, key });
    return { cert, key, notAfter: leaf.validToDate, fingerprint: leaf.fingerprint256 };
  } catch (error) {
    return { problem: `no PEM certificate with its key: ${messageOf(error)}` };
  }
}

export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface CertificateWatchOptions extends CertificateFiles {
  /** Called with every new pair, the first one too. */
  readonly onCertificate: (certificate: ServingCertificate) => void;
  /** Called once for every state of the files that is no pair; the pair before it stays in use. */
  readonly onProblem: (problem: string) => void;
  readonly pollMs?: number;
}

/** Resolves after the first look at the files, whatever it found. */
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

  // One after the other, so that the files as they were never come after the files as they are.
  let last = Promise.resolve();
  const look = (): Promise<void> => (last = last.then(readBoth));

  await look();
  const poll = setInterval(() => void look(), pollMs).unref();
  // A swap is several events; the files are read once they have been quiet for a moment.
  let settle: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    clearTimeout(settle);
    settle = setTimeout(() => void look(), 50).unref();
  };
  const watchers = [...new Set([dirname(certPath), dirname(keyPath)])].flatMap((folder) =>
    watchFolder(folder, lookSoon),
  );
  return {
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(settle);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** Empty where the folder cannot be watched: out of inotify instances, say, or a file system without events. */
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
