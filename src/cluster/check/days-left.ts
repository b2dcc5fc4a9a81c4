const DAY_MS = 86_400_000;

/** `12 days left`, or `expired 12 days ago`. */
export function daysLeft(until: Date, now: Date): string {
  const leftMs = until.getTime() - now.getTime();
  const days = Math.floor(Math.abs(leftMs) / DAY_MS);
  const text = `${days} ${days === 1 ? "day" : "days"}`;
  return leftMs < 0 ? `expired ${text} ago` : `${text} left`;
}
