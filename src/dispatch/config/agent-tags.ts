import { z } from "zod";

/**
 * A text that can be the key or the value of an agent's tag, and so a queue's name: agents split
 * their tags at commas, and drop spaces around them.
 */
export function agentTagText(maxLength: number): z.ZodType<string, string> {
  return z.string().superRefine((text, context) => {
    const add = (message: string): void => {
      context.addIssue({ code: "custom", message });
    };
    if (text === "") add("can't be empty");
    if (text.length > maxLength) add(`can't be longer than ${maxLength} characters`);
    if (text.includes(",")) add("can't have a comma: agents separate their tags with commas");
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) add("can't have control characters, such as a line break");
    else if (text !== text.trim()) add("can't begin or end with a space: agents would drop it");
  });
}
