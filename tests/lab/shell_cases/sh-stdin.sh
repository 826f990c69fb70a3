echo "echo from stdin \$1" | sh -s arg; printf "exit 4\n" | sh; echo $?
