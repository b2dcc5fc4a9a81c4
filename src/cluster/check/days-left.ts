const DAY_MS = 86_400_000;

/** `12 days left`, or how long it's been over. */
export function daysLeft(until: Date, now: Date): string {
  const days = Math.floor((until.getTime() - now.getTime()) / DAY_MS);
  const text = `${Math.abs(days)} ${Math.abs(days) === 1 ? "day" : "days"}`;
  return days < 0 ? `expired ${text} ago` : `${text} left`;
}
