/**
 * Metrics that every process has. Label values come from closed sets in this code, never from what
 * users send: each new value makes another time series.
 */
import { Gauge, Registry } from "./prometheus.ts";

/** From 100 µs, a review on an idle server, to 10 s, longer than any caller waits. */
export const LATENCY_BUCKETS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * Makes a registry with the process's own metrics under their usual names, read only when scraped.
 * prom-client's collectDefaultMetrics has more of them, but needs a timer that fires every 10 ms.
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  gauge("process_cpu_seconds_total", "CPU time, user and system.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  const startedAt = Date.now() / 1000 - process.uptime();
  gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", () => startedAt);
  return registry;
}
