/** What to do about the API server's words for a webhook that doesn't work. */
import { docsUrl } from "../../process/docs.ts";

interface Advice {
  readonly hint: string;
  readonly docs: string;
}

interface Row {
  readonly pattern: RegExp;
  readonly advice: (namespace: string) => Advice;
}

/** docs/operations.md says more about each. */
const ROWS: readonly Row[] = [
  {
    pattern: /no endpoints available|connection refused|no route to host/,
    advice: (namespace) => ({
      hint: `see why no admission Pod is ready: kubectl -n ${namespace} get pods`,
      docs: docsUrl("operations", "no-endpoints-available-connection-refused-no-route-to-host"),
    }),
  },
  {
    pattern: /service "[^"]*" not found/,
    advice: () => ({ hint: "apply the manifests again: the Service is gone", docs: docsUrl("operations", "install") }),
  },
  {
    pattern: /deadline exceeded|i\/o timeout/,
    advice: () => ({
      hint: "let the control plane reach the Pods on port 8443, or give them more CPU",
      docs: docsUrl("operations", "context-deadline-exceeded"),
    }),
  },
  {
    pattern: /unknown authority/,
    advice: (namespace) => ({
      hint: `see what keeps curfew certs from writing the caBundle: kubectl -n ${namespace} logs deploy/curfew-certs`,
      docs: docsUrl("operations", "x509-certificate-signed-by-unknown-authority"),
    }),
  },
  {
    pattern: /certificate is valid for .*, not /,
    advice: () => ({
      hint: "wait two minutes for the new certificate",
      docs: docsUrl("operations", "x509-certificate-is-valid-for--not-"),
    }),
  },
  {
    pattern: /expired or is not yet valid/,
    advice: (namespace) => ({
      hint: `kubectl -n ${namespace} rollout restart deployment/curfew-certs, and check the nodes' clocks`,
      docs: docsUrl("operations", "x509-certificate-has-expired-or-is-not-yet-valid"),
    }),
  },
  {
    pattern: /webhook hasn't seen it/,
    advice: () => ({
      hint: "apply the manifests again, if Curfew's webhook configuration is gone",
      docs: docsUrl("operations", "validatingadmissionpolicy-curfew-jobs--webhook-hasnt-seen-it"),
    }),
  },
];

/** What to do if the API server refuses a Job or Pod with this message. */
export function explainRefusal(message: string, namespace: string): Advice {
  const row = ROWS.find(({ pattern }) => pattern.test(message));
  if (row !== undefined) return row.advice(namespace);
  return {
    hint: "see what refuses it. If Jobs aren't meant to run there, choose another namespace with --try-in",
    docs: docsUrl("operations", "when-something-is-wrong"),
  };
}
