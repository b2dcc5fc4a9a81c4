import type { Server } from "node:net";

/**
 * Makes `server` listen, and resolves to its port. For port 0, the kernel chooses one. Without a
 * host it listens on every address, including IPv6 if there is any.
 * @throws Error that names the address, with the system's error as its cause.
 */
export async function listen(server: Server, host: string | undefined, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: Error): void => {
      reject(new Error(`cannot listen on ${host ?? "port"} ${port}: ${cause.message}`, { cause }));
    };
    server.once("error", fail);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off("error", fail);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}
