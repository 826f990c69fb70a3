sh -c "kill -TERM \$\$; echo no"; echo $?
