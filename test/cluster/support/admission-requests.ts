/** How many requests the admission server has had, whatever their outcome, by its own metric. */
export async function admissionRequests(opsUrl: string): Promise<number> {
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
  const counts = [...metrics.matchAll(/^curfew_admission_requests_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
