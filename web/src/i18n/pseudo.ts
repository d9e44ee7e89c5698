/** Stretch and bracket every text, so that a string written into the code stands out. */
export function pseudo(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([key, text]) => [key, `⟦${text}${'·'.repeat(Math.ceil(text.length * 0.3))}⟧`]),
  );
}
