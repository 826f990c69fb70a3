mkdir x y; touch x/1 y/2 f; ls f x y; ls -p; ls -r
