mkdir -p a/b/c; mkdir a 2>/dev/null; echo $?; mkdir -m 700 m; stat -c %a m; mkdir x/y 2>/dev/null; echo $?; rmdir a/b/c; ls a/b; rmdir a 2>/dev/null; echo $?
