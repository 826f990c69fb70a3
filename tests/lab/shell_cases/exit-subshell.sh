(exit 5); echo $?; exit 3
