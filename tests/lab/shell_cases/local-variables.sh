x=g; f() { local x=l; echo $x; g; }; g() { echo $x; }; f; echo $x
