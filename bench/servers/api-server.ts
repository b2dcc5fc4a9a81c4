/**
 * The tests' small Kubernetes API server in its own process, for benches without a real one. Prints
 * its kubeconfig.
 */
import { startApiServer } from "../../sim/api-server/api-server.ts";
import { createTestAuthority } from "../../sim/api-server/authority.ts";

const authority = createTestAuthority();
const { url, kubeconfig } = await startApiServer({ tls: { ...authority.issue(), ca: authority.ca } });
console.log(JSON.stringify({ port: Number(new URL(url).port), kubeconfig }));
