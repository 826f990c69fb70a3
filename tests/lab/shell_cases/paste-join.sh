printf '1\n2\n' > a; printf 'x\ny\n' > b; paste a b; paste -d, a b; paste -s a; seq 3 | paste -sd+
