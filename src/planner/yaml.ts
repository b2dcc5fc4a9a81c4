/**
 * A module of our own for what's imported dynamically. In the bundle, a dynamic import of a CommonJS
 * package has no named exports.
 */
export { parse } from "yaml";
