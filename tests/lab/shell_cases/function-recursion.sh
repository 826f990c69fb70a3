f() { [ $1 -eq 0 ] && return; echo $1; f $(($1-1)); }; f 4
