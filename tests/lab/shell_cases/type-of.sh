type cd; f() { :; }; type f; type if; type nothing-here; echo $?; type cat
