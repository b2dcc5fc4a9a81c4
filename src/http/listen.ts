import type { Server } from "node:net";

/**
 * Listens, and resolves to the port, which port 0 leaves to the kernel. Without a host on every address, IPv6 included if there is any.
 * @throws Error that says which address cannot be had, with the system's error as its cause.
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
