/**
 * Expands `$(NAME)` in an element of `command` or `args` as kubelet does: a known name becomes its
 * value, an unknown reference stays, and `$$` becomes `$`. Values aren't expanded again. Source:
 * kubernetes/kubernetes, third_party/forked/golang/expansion/expand.go.
 */
export const expand = (text: string, environment: Readonly<Record<string, string>>): string =>
  text.replace(/\$(?:(\$)|\(([^)]*)\))/g, (reference, operator: string | undefined, name: string | undefined) =>
    operator !== undefined
      ? "$"
      : name !== undefined && Object.hasOwn(environment, name)
        ? (environment[name] ?? "")
        : reference,
  );
