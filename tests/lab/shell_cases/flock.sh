flock lock echo locked; flock -n lock sh -c "echo in; exit 3"; echo $?; flock lock -c "flock -n lock true; echo \$?"
