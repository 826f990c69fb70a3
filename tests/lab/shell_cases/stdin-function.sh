f() { cat; }; echo through | f; f <<E
here
E
