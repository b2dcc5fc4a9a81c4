import { expect, it, test } from "vitest";
import { parseQuantity, requestsOf } from "../../../src/cluster/scan/quantity.ts";

test.each([
  ["250m", 0.25],
  ["2", 2],
  ["1.5", 1.5],
  [".5", 0.5],
  ["1e3", 1000],
  ["100M", 1e8],
  ["128974848", 128_974_848],
  ["1Gi", 2 ** 30],
  ["1.5Ki", 1536],
  ["500u", 0.0005],
  ["1E", 1e18],
  [3, 3],
  ["", 0],
  ["much", 0],
  [null, 0],
])("the quantity %s is %d", (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value, 6);
});

const requests = (cpu: string, memory: string) => ({ resources: { requests: { cpu, memory } } });

it("a Pod requests what its containers and native sidecars do, whether they've ended or not", () => {
  const initContainers = [{ restartPolicy: "Always", ...requests("500m", "1Gi") }];
  expect(requestsOf({ containers: [requests("1", "2Gi"), {}], initContainers })).toEqual({
    cpu: 1.5,
    memory: 3 * 2 ** 30,
  });
});

it("a Pod requests what its init containers needed, if that's more, and its overhead", () => {
  const initContainers = [{ restartPolicy: "Always", ...requests("1", "0") }, requests("3", "1Gi")];
  const overhead = { cpu: "250m" };
  expect(requestsOf({ containers: [requests("1", "0")], initContainers, overhead })).toEqual({
    cpu: 4.25,
    memory: 2 ** 30,
  });
});

it("a Pod's own requests come first", () => {
  expect(requestsOf({ containers: [requests("1", "1Gi")], ...requests("8", "4Gi") })).toEqual({
    cpu: 8,
    memory: 4 * 2 ** 30,
  });
});
