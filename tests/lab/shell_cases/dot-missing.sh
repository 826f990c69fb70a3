(. ./missing) 2>/dev/null; echo survived
