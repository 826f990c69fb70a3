mkdir -p s/t; echo x > s/t/f; chmod 700 s/t; cp -r s r; cat r/t/f; stat -c %a r/t; cp s q 2>/dev/null; echo $?; mkdir r2; cp -a s r2; ls r2/s
