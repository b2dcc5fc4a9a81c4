/** Values as YAML text, laid out as people write manifests. */
import { Document, isScalar, visit } from "yaml";

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
