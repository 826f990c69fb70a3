x=$(exit 9); echo $?; echo $(exit 9) $?
