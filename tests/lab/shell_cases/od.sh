printf 'AB\n' | od -An -c | tr -s ' '; printf 'A' | od -An -tx1
