seq 1 2000 | grep 7 | sed s/7/x/ | sort | head -n 3 | tr x y
