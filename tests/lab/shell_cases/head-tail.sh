seq 1 12 > f; head -n 2 f; tail -n 2 f; head -c 3 f; tail -n +11 f; seq 5 | head -3 | tail -1; head -n -10 f
