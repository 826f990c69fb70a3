printf 'x\n' | xargs false; echo $?; printf 'x\n' | xargs sh -c 'exit 3'; echo $?
