echo long > f; : > f; wc -c < f
