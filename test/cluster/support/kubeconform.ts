/**
 * kubeconform with the schemas of the running API server (/openapi/v3), and of cert-manager's and the
 * Prometheus operator's CRDs.
 */
import { execFile } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { versions } from "../harness/cluster.ts";
import { accepted, request, type KubernetesObject } from "./api.ts";

type Schema = Record<string, unknown> & { properties?: Record<string, Schema> };
interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
interface CustomResourceDefinition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** What kubeconform says about each object that isn't as its schema says, and how many there are. */
export interface Conformance {
  readonly problems: readonly string[];
  readonly valid: number;
}

/** Writes a schema for each kind of `objects`; returns the folder. */
export async function writeSchemas(objects: readonly KubernetesObject[]): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "curfew-schemas-"));
  const crds = customSchemas();
  const apis = new Map<string, OpenApi>();
  const kinds = new Map(
    objects.map(({ apiVersion = "", kind = "" }) => [`${apiVersion} ${kind}`, { apiVersion, kind }]),
  );
  for (const { apiVersion, kind } of kinds.values()) {
    const schema = crds.get(`${apiVersion} ${kind}`) ?? (await schemaOf(apiVersion, kind));
    const [version = "", group = ""] = apiVersion.split("/").toReversed();
    // The name that kubeconform looks for: only a group's first word counts.
    const suffix = [...group.split(".").slice(0, 1), version].filter((word) => word !== "").join("-");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${kind.toLowerCase()}-${suffix}.json`), JSON.stringify(strict(schema)));
  }
  return folder;

  async function schemaOf(apiVersion: string, kind: string): Promise<Schema> {
    const place = apiVersion.includes("/") ? `apis/${apiVersion}` : `api/${apiVersion}`;
    const api = apis.get(place) ?? accepted(await request<OpenApi>("GET", `/openapi/v3/${place}`));
    apis.set(place, api);
    const [version, group = ""] = apiVersion.split("/").toReversed();
    const found = Object.entries(api.components.schemas).find(([, schema]) =>
      (schema["x-kubernetes-group-version-kind"] as Record<string, string>[] | undefined)?.some(
        (each) => each["group"] === group && each["version"] === version && each["kind"] === kind,
      ),
    );
    if (found === undefined) throw new Error(`the API server has no schema of ${apiVersion} ${kind}`);
    return { $ref: `#/components/schemas/${found[0]}`, components: api.components };
  }
}

function customSchemas(): ReadonlyMap<string, Schema> {
  const { certManagerBin, prometheusOperatorCrds } = versions();
  const files = globSync([path.join(certManagerBin, "crds/*.yaml"), path.join(prometheusOperatorCrds, "*.yaml")]);
  const crds = files
    .flatMap((file) => parseAllDocuments(readFileSync(file, "utf8")))
    .map((document) => document.toJS() as CustomResourceDefinition | null);
  return new Map(
    crds.flatMap((crd) =>
      (crd?.spec.versions ?? []).map(
        ({ name, schema }) =>
          [`${crd?.spec.group ?? ""}/${name} ${crd?.spec.names.kind ?? ""}`, schema.openAPIV3Schema] as const,
      ),
    ),
  );
}

/** Lets a schema accept no field that it doesn't name, as the API server's strict validation does. */
function strict<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => {
      if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
      const schema = part as Schema;
      const isOpen = "additionalProperties" in schema || schema["x-kubernetes-preserve-unknown-fields"] === true;
      const isObject = schema["type"] === "object" && typeof schema.properties === "object";
      return isObject && !isOpen ? { ...schema, additionalProperties: false } : schema;
    }),
  ) as T;
}

/** Asks kubeconform about `objects`, with the schemas in `folder`. */
export async function conform(folder: string, objects: readonly KubernetesObject[]): Promise<Conformance> {
  const place = path.join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json");
  const args = ["-strict", "-summary", "-output", "json", "-schema-location", place, "-"];
  const stdout = await new Promise<string>((resolve, reject) => {
    const child = execFile(
      path.join(versions().kubeconformBin, "kubeconform"),
      args,
      { maxBuffer: 64 << 20 },
      (error, out) => {
        if (error !== null && typeof error.code !== "number")
          reject(new Error("kubeconform did not run", { cause: error }));
        else resolve(out);
      },
    );
    child.stdin?.end(objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  });
  const { resources, summary } = JSON.parse(stdout) as {
    resources: { kind: string; name: string; msg: string }[] | null;
    summary: { valid: number };
  };
  return {
    problems: (resources ?? []).map(({ kind, name, msg }) => `${kind} ${name}: ${msg}`),
    valid: summary.valid,
  };
}
