command -v cat; command -v nothing-here; echo $?; command -v cd; f() { :; }; command -v f; command -v if
