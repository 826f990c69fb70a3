touch b a .h; mkdir d; ls; ls -a; ls -A; ls -d d; ls -1 d; ls missing 2>/dev/null; echo $?
