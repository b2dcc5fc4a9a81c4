/** YAML as kubectl and the API server read it. */
import type { DocumentOptions, ParseOptions, SchemaOptions, Tags } from "yaml";

/**
 * sigs.k8s.io/yaml builds on goyaml.v2: YAML 1.1 (`0644` is octal, `on` is true) with merge keys,
 * but without base-60 numbers, and with dates left as strings.
 */
export const KUBERNETES_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  version: "1.1",
  merge: true,
  keepSourceTokens: true,
  customTags: (tags: Tags) => tags.filter((tag) => typeof tag === "string" || (!isBase60(tag) && !isDate(tag))),
};

const isBase60 = (tag: object): boolean => "format" in tag && tag.format === "TIME";
const isDate = (tag: object): boolean => "tag" in tag && tag.tag === "tag:yaml.org,2002:timestamp";
