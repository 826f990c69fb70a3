echo "x=sourced; return 3; echo no" > s; . ./s; echo $? $x
