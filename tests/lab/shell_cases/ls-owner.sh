touch f; ls -l f | tr -s " " | cut -d" " -f3,4; ls -n f | tr -s " " | cut -d" " -f3,4
