x=v; cat <<E
a $x $(echo sub)
  b
E
