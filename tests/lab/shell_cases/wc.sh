printf 'a b\nc\n' > f; wc -l f; wc -w < f; wc -c < f; cat f | wc | tr -s ' '
