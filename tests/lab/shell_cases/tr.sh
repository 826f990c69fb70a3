echo Hello | tr a-z A-Z; echo a.b.c | tr -d .; echo aabb | tr -s a; printf 'a b\n' | tr ' ' '\n'; echo x1y2 | tr -cd '0-9\n'
