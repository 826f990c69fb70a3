printf abc > f; chmod 600 f; mkdir d; ln -s f l; ls -l | cut -c1-10; ls -ld d | cut -c1-10; ls -l f | tr -s " " | cut -d" " -f5,9
