/** YAML as kubectl and the API server read it. */
import { Document, isScalar, visit } from "yaml";
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

/**
 * Lists of strings up to this many characters are written on one line, as people write `command`
 * and `args`.
 */
const MAX_FLOW_LENGTH = 100;

/**
 * A value as YAML text. `indentSeq`: whether sequences in maps are indented. Long lines aren't
 * folded, so a script looks in the manifest as it runs.
 */
export function renderYaml(value: unknown, indentSeq = true): string {
  const document = new Document(value, { version: "1.1" });
  visit(document, {
    Seq(_, sequence) {
      const words = sequence.items.map((item) =>
        isScalar(item) && typeof item.value === "string" ? item.value : "\n",
      );
      if (words.join(", ").length <= MAX_FLOW_LENGTH && !words.join("").includes("\n")) sequence.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, indentSeq, flowCollectionPadding: false });
}

const isBase60 = (tag: object): boolean => "format" in tag && tag.format === "TIME";
const isDate = (tag: object): boolean => "tag" in tag && tag.tag === "tag:yaml.org,2002:timestamp";
