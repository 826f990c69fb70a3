env X=1 sh -c "echo \$X"; env -i sh -c "echo \${HOME-none}"; env -u HOME sh -c "echo \${HOME-none}"; env false; echo $?
