touch a b; mkdir d; touch d/f; rm a; ls; rm d 2>/dev/null; echo $?; rm -r d; rm missing 2>/dev/null; echo $?; rm -f missing; echo $?; ls
