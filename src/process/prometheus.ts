/** * The parts of prom-client that every process loads. The package's index also loads its client for
 * push gateways, and with that node:https and more: 17 MiB in a process that has none of it.
 */
export { default as Counter } from "prom-client/lib/counter.js";
export { default as Gauge } from "prom-client/lib/gauge.js";
export { default as Histogram } from "prom-client/lib/histogram.js";
export { default as Registry } from "prom-client/lib/registry.js";
