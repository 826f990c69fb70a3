A=1; export B=2; C=3 sh -c "echo \${A-none} \$B \$C"; echo ${C-none}
