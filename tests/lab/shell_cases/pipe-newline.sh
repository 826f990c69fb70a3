seq 2 |
  while read -r y
  do stat -c %F /; echo $y
  done
