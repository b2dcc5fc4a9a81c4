/**
 * The environment of a process of Curfew that's to see none of this machine's: where programs are,
 * and the compiled modules, with which it starts in half the time.
 */
export const bareEnvironment: Readonly<NodeJS.ProcessEnv> = {
  PATH: process.env["PATH"],
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
};
