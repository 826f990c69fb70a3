x=5; echo $((x+=2)) $x $((x*x)); y=$((x > 3 && x < 10)); echo $y
