printf '10\n9\n2\n10\n' > f; sort f; sort -n f; sort -rn f; sort -u f; printf 'b 1\na 2\n' | sort -k2 -n; printf 'a:3\nb:1\n' | sort -t: -k2
