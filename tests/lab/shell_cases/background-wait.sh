(exit 7) & wait $!; echo $?; true & wait; echo $?
