/** What main leaves behind, and whether somebody reaps it. */
import { sh } from "./wrapped-pod.ts";

const ZOMBIES = 'grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l';

/**
 * Leaves nine orphans that end while it runs, prints how many of them are zombies, and exits with 5.
 * It looks up to nine times until there are none, because each is a zombie for a moment, which can be
 * late on a busy machine.
 */
export const LEAVES_ORPHANS = sh(
  'for i in 1 2 3 4 5 6 7 8 9; do sh -c "sleep .1 & :"; done; sleep .6; ' +
    `for i in 1 2 3 4 5 6 7 8 9; do z=$(${ZOMBIES}); [ "$z" = 0 ] && break; sleep .3; done; echo "$z"; exit 5`,
);
